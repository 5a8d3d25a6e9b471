"""Probes and metrics, for the machinery that runs the console."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from services.console.parts import Console

router = APIRouter(tags=["health"])


class HealthView(BaseModel):
    """What a probe is told."""

    service: str
    state: str
    detail: str


@router.get("/healthz", responses={503: {"model": HealthView}})
def healthz(console: Console, response: Response) -> HealthView:
    """200 while the process works; 503 asks for a restart."""
    health = console.health
    response.status_code = 200 if health.live() else 503
    return HealthView(service=health.service, state=health.state, detail=health.detail)


@router.get("/readyz", responses={503: {"model": HealthView}})
def readyz(console: Console, response: Response) -> HealthView:
    """200 while Redis and the bus answer; otherwise 503 with the reason."""
    problems = console.dependencies.problems()
    response.status_code = 503 if problems else 200
    return HealthView(service="console", state="degraded" if problems else "running", detail="; ".join(problems))


@router.get("/metrics", response_class=Response)
def metrics() -> Response:
    """Prometheus text format."""
    return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
