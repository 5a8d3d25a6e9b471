"""Inspections: ask, read the answers, their reports; and a person's word that a lane is empty."""

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException, Query, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from services.console.inspection_views import (
    ConfirmationView,
    InspectionView,
    PendingInspection,
    confirmation_view,
    inspection_view,
)
from services.console.inspections import SilentCameraError
from services.console.parts import Console, Parts
from services.console.report import Report, page
from services.console.report_pdf import pdf
from services.console.views import Id
from shared.inspection import AskedBy, Inspection

router = APIRouter(tags=["inspections"])

# The window of 5 s, a second for the pipeline, and up to 5 s until a camera counts as silent.
WAIT_S = 12.0
_MOST_WAIT_S = 60.0
_LOOK_EVERY_S = 0.1
_NO_LANE: dict[int | str, dict[str, Any]] = {404: {"description": "no such lane"}}


class Asked(BaseModel):
    """Who asks."""

    by: AskedBy = "operator"


class Confirmed(BaseModel):
    """Who has looked, and at which cameras."""

    by: AskedBy
    cameras: list[Id] | None = Field(None, min_length=1, description="all cameras of the lane when not given")


@router.post(
    "/api/lanes/{lane}/inspection",
    responses={**_NO_LANE, 202: {"model": PendingInspection, "description": "not answered yet"}},
)
async def inspect(
    console: Console,
    response: Response,
    lane: Id,
    asked: Annotated[Asked, Body()] = Asked(),  # noqa: B008 (immutable)
    wait_s: Annotated[float, Query(ge=0, le=_MOST_WAIT_S, description="seconds to wait for the answer")] = WAIT_S,
) -> InspectionView | PendingInspection:
    """Is the lane clear? The cameras are watched for some seconds from now on; 202 when the answer takes longer."""
    _cameras(console, lane)
    request = await run_in_threadpool(console.asker.ask, lane, asked.by)
    deadline = time.monotonic() + wait_s
    while (found := console.inspections.get(request.request_id)) is None and time.monotonic() < deadline:
        await asyncio.sleep(_LOOK_EVERY_S)
    href = f"/api/inspections/{request.request_id}"
    response.headers["Location"] = href
    if found is None:
        response.status_code = 202
        return PendingInspection(inspection_id=request.request_id, lane=lane, href=href)
    return inspection_view(found)


@router.post(
    "/api/lanes/{lane}/confirmation",
    status_code=201,
    responses={**_NO_LANE, 409: {"description": "a camera shows no picture now"}},
)
def confirm(console: Console, lane: Id, confirmed: Annotated[Confirmed, Body()]) -> list[ConfirmationView]:
    """A person has looked at the cameras' pictures now: nothing is on the lane."""
    known = _cameras(console, lane)
    for camera in confirmed.cameras or []:
        if camera not in known:
            raise HTTPException(422, f"camera {camera!r} does not see the lane; those that do: {', '.join(known)}")
    try:
        sent = console.asker.confirm(lane, confirmed.cameras or known, confirmed.by)
    except SilentCameraError as error:
        raise HTTPException(409, str(error)) from None
    return [confirmation_view(item) for item in sent]


@router.get("/api/inspections")
def inspections(
    console: Console,
    lane: Id | None = None,
    last: Annotated[bool, Query(description="only the last one of each lane")] = False,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[InspectionView]:
    """Inspections, newest first."""
    found = [item for item in console.inspections.last() if lane in (None, item.lane)] if last else None
    if found is None:
        found = console.inspections.newest(lane, limit)
    return [inspection_view(item) for item in found[:limit]]


@router.get("/api/inspections/{inspection_id}", responses={404: {"description": "no such inspection"}})
def inspection(console: Console, inspection_id: Id) -> InspectionView:
    """One inspection."""
    return inspection_view(_found(console, inspection_id))


@router.get("/api/inspections/{inspection_id}/report", response_class=HTMLResponse)
def report(console: Console, inspection_id: Id) -> HTMLResponse:
    """The report as a page to read and print."""
    return HTMLResponse(page(Report.of(_found(console, inspection_id), console.timezone)))


@router.get("/api/inspections/{inspection_id}/report.pdf", response_class=Response)
def report_pdf(console: Console, inspection_id: Id) -> Response:
    """The report as a file to keep."""
    found = _found(console, inspection_id)
    made = pdf(Report.of(found, console.timezone), console.evidence_file)
    name = f"{found.lane}-{inspection_id}.pdf"
    return Response(made, media_type="application/pdf", headers={"Content-Disposition": f'inline; filename="{name}"'})


def _cameras(console: Parts, lane: str) -> list[str]:
    cameras = console.asker.cameras(lane)
    if not cameras:
        raise HTTPException(404, "no such lane")
    return cameras


def _found(console: Parts, inspection_id: str) -> Inspection:
    found = console.inspections.get(inspection_id)
    if found is None:
        raise HTTPException(404, "no such inspection; it may not be answered yet")
    return found
