"""The HTTP API, one router per noun."""

from services.console.api import alerts, cameras, health, inspections, lanes, services, stands, stream

NOUNS = (alerts, cameras, lanes, inspections, stands, services, stream, health)
ROUTERS = tuple(noun.router for noun in NOUNS)
