"""The HTTP API, one router per noun."""

from services.console.api import alerts, cameras, health, lanes, services, stands, stream

ROUTERS = (
    alerts.router, cameras.router, lanes.router, stands.router, services.router, stream.router, health.router,
)  # fmt: skip
