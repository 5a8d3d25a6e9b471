"""Lane statistics: the latest interval of every lane, and a lane's series."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query

from services.console.parts import Console
from services.console.views import TIME, Id, LaneInterval, LaneView
from shared.clock import from_rfc3339

router = APIRouter(tags=["lanes"])

_LAST = 10**19
_PATTERN = f"^{TIME}$"


@router.get("/api/lanes")
def lanes(console: Console) -> list[LaneView]:
    """All lanes, shoulders, runways and taxiways of the site, in its order, each with its last interval."""
    return console.lanes.views()


@router.get("/api/lanes/{camera}/{zone}", responses={404: {"description": "no such lane"}})
def lane(
    console: Console,
    camera: Id,
    zone: Id,
    begin: Annotated[
        str | None, Query(alias="from", pattern=_PATTERN, description="RFC 3339; the oldest kept when not given")
    ] = None,
    end: Annotated[
        str | None, Query(alias="to", pattern=_PATTERN, description="RFC 3339; the newest when not given")
    ] = None,
) -> list[LaneInterval]:
    """The intervals of one lane that overlap `from` to `to`, oldest first; of the last 24 hours, 1440 at most.

    An interval that is missing was not observed; one with a count of 0 was, and nobody came.
    """
    if not console.lanes.has(camera, zone):
        raise HTTPException(404, "no such lane")
    first, last = _ns("from", begin, 0), _ns("to", end, _LAST)
    if first >= last:
        raise HTTPException(422, "`from` must be before `to`")
    return console.lanes.series(camera, zone, first, last)


def _ns(name: str, text: str | None, default: int) -> int:
    if text is None:
        return default
    try:
        return from_rfc3339(text)
    except (ValueError, OverflowError):
        raise HTTPException(422, f"{name}: {text!r} is no date-time") from None
