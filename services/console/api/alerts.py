"""Alerts, from the view in Redis, their evidence pictures, and what operators say of them."""

import asyncio
import time
import uuid
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from services.console.parts import Console
from services.console.views import EVIDENCE_PATTERN, TIME, AlertView, Id, alert_view
from shared.clock import from_rfc3339, to_rfc3339
from shared.inspection import AskedBy
from shared.messages import Alert, OperatorVerdict
from shared.topics import ALERT_VERDICTS
from shared.verdict import AlertVerdict, Comment, refusal

router = APIRouter(tags=["alerts"])

_BEFORE = rf"^{TIME}(~[A-Za-z0-9._-]{{1,64}})?$"
# The alerts service needs some milliseconds; one that has just been restarted, a few seconds.
_WAIT_S = 5.0
_MOST_WAIT_S = 60.0
_LOOK_EVERY_S = 0.05


class Judged(BaseModel):
    """What an operator says of an alert."""

    verdict: OperatorVerdict = Field(description="acknowledged: seen, and it is one; dismissed: a false alarm")
    by: AskedBy
    comment: Comment | None = None


class PendingVerdict(BaseModel):
    """A verdict that the alerts service has not taken in yet."""

    verdict_id: str
    alert_id: str
    state: Literal["pending"] = "pending"
    href: str = Field(description="the alert; its `verdicts` will have it")


@router.get("/api/alerts")
def alerts(
    console: Console,
    request: Request,
    response: Response,
    status: Annotated[
        list[Literal["open", "closed", "acknowledged", "dismissed"]] | None,
        Query(description="one of these; can be given again. What still lasts is `open` or `acknowledged`"),
    ] = None,
    camera: Id | None = None,
    incident: Id | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[
        str | None,
        Query(
            pattern=_BEFORE,
            description="only alerts detected before this RFC 3339 time; `TIME~ALERT_ID` also tells apart alerts "
            'of the same instant, as the `Link: …; rel="next"` header does',
        ),
    ] = None,
) -> list[AlertView]:
    """Alerts, newest detection first; the `Link` header leads to the next page."""
    edge = _edge(before)
    found = [
        alert
        for alert in console.alerts()
        if (status is None or alert.status in status)
        and (camera is None or alert.camera == camera)
        and (incident is None or alert.incident == incident)
        and (edge is None or (alert.detected_at, alert.alert_id) < edge)
    ]
    if len(found) > limit:
        response.headers["Link"] = f'<{_next_page(request, found[limit - 1])}>; rel="next"'
    return [alert_view(alert) for alert in found[:limit]]


def _edge(before: str | None) -> tuple[str, str] | None:
    """Sorts where the page begins; the store's order is by detection time, then id."""
    if before is None:
        return None
    time, _, alert_id = before.partition("~")
    try:
        return to_rfc3339(from_rfc3339(time)), alert_id
    except (ValueError, OverflowError):
        raise HTTPException(422, f"before: {time!r} is no date-time") from None


def _next_page(request: Request, last: Alert) -> str:
    url = request.url.include_query_params(before=f"{last.detected_at}~{last.alert_id}")
    return f"{url.path}?{url.query}"


@router.get("/api/alerts/{alert_id}", responses={404: {"description": "no such alert"}})
def alert(console: Console, alert_id: Id) -> AlertView:
    """One alert."""
    found = console.store.alert(alert_id)
    if found is None:
        raise HTTPException(404, "no such alert")
    return alert_view(found)


@router.post(
    "/api/alerts/{alert_id}/verdict",
    responses={
        202: {"model": PendingVerdict, "description": "sent; the alerts service has not answered yet"},
        404: {"description": "no such alert"},
        409: {"description": "this alert cannot be judged so"},
        503: {"description": "Redis or the bus does not answer"},
    },
)
async def judge(
    console: Console,
    response: Response,
    alert_id: Id,
    judged: Judged,
    wait_s: Annotated[float, Query(ge=0, le=_MOST_WAIT_S, description="seconds to wait for the alert")] = _WAIT_S,
) -> AlertView | PendingVerdict:
    """An operator acknowledges an alert or dismisses it; the answer is the alert as it is then.

    Saying what is said already changes nothing, and the first who said it stands. A change of mind is a new verdict.
    """
    known = await run_in_threadpool(console.alert, alert_id)
    if known is None:
        raise HTTPException(404, "no such alert")
    if known.verdict == judged.verdict:
        return alert_view(known)
    if (reason := refusal(known, judged.verdict)) is not None:
        raise HTTPException(409, reason)
    said = AlertVerdict(
        verdict_id=uuid.uuid4().hex[:20],
        alert_id=alert_id,
        verdict=judged.verdict,
        by=judged.by,
        at=time.time_ns(),
        comment=judged.comment,
    )
    await run_in_threadpool(console.sender.send, ALERT_VERDICTS, [(alert_id, said.at, said.to_bytes())])
    deadline = time.monotonic() + wait_s
    while not _has(known, said):
        if time.monotonic() >= deadline:
            response.status_code = 202
            return PendingVerdict(verdict_id=said.verdict_id, alert_id=alert_id, href=f"/api/alerts/{alert_id}")
        await asyncio.sleep(_LOOK_EVERY_S)
        known = await run_in_threadpool(console.alert, alert_id) or known  # none while the view is made anew
    return alert_view(known)


def _has(alert: Alert, said: AlertVerdict) -> bool:
    """Whether it is judged so, by this verdict or by one that came before it."""
    return alert.verdict == said.verdict or any(item.verdict_id == said.verdict_id for item in alert.verdicts)


@router.get("/evidence/{file}", response_class=FileResponse, responses={404: {"description": "no such picture"}})
def evidence(console: Console, file: Annotated[str, Path(pattern=EVIDENCE_PATTERN)]) -> FileResponse:
    """An evidence picture; it never changes under its name."""
    path = console.evidence_file(file)
    if path is None:
        raise HTTPException(404, "no such picture; retention may have removed it")
    return FileResponse(
        path, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=31536000, immutable"}
    )
