"""The services' states, from their heartbeats."""

from fastapi import APIRouter, HTTPException

from services.console.parts import Console
from services.console.views import ServiceView

router = APIRouter(tags=["services"])


@router.get("/api/services", responses={503: {"description": "Redis does not answer"}})
def services(console: Console) -> list[ServiceView]:
    """Each service over all its processes; one that does not beat is `down`."""
    error = console.dependencies.redis.error()
    if error is not None:
        raise HTTPException(503, error)
    return console.dependencies.status().services
