"""The HTTP API, one router per noun."""

from services.console.api import alerts, cameras, health, services, stream

ROUTERS = (alerts.router, cameras.router, services.router, stream.router, health.router)
