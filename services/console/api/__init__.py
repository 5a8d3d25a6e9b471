"""The HTTP API, one router per noun."""

from services.console.api import alerts, cameras, health, lanes, services, stream

ROUTERS = (alerts.router, cameras.router, lanes.router, services.router, stream.router, health.router)
