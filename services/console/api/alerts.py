"""Alerts, from the view in Redis, and their evidence pictures."""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from fastapi.responses import FileResponse

from services.console.parts import Console
from services.console.views import EVIDENCE_PATTERN, TIME, AlertView, Id, alert_view
from shared.clock import from_rfc3339, to_rfc3339
from shared.messages import Alert

router = APIRouter(tags=["alerts"])

_BEFORE = rf"^{TIME}(~[A-Za-z0-9._-]{{1,64}})?$"


@router.get("/api/alerts")
def alerts(
    console: Console,
    request: Request,
    response: Response,
    status: Literal["open", "closed", "acknowledged", "dismissed"] | None = None,
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
        if (status is None or alert.status == status)
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


@router.get("/evidence/{file}", response_class=FileResponse, responses={404: {"description": "no such picture"}})
def evidence(console: Console, file: Annotated[str, Path(pattern=EVIDENCE_PATTERN)]) -> FileResponse:
    """An evidence picture; it never changes under its name."""
    path = console.evidence_file(file)
    if path is None:
        raise HTTPException(404, "no such picture; retention may have removed it")
    return FileResponse(
        path, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=31536000, immutable"}
    )
