"""The HTTP API, one router per noun."""

from services.console.api import alerts, cameras, health, inspections, lanes, services, stream

NOUNS = (alerts, cameras, lanes, inspections, services, stream, health)
ROUTERS = tuple(noun.router for noun in NOUNS)
