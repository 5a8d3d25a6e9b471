"""Cameras: their state, and their pictures cut from the log."""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Response

from services.console.parts import Console
from services.console.views import CameraView, Id
from shared.clock import to_rfc3339

router = APIRouter(tags=["cameras"])


class JpegResponse(Response):
    """A JPEG as it lies in the log."""

    media_type = "image/jpeg"


@router.get("/api/cameras")
def cameras(console: Console) -> list[CameraView]:
    """All cameras of the site, in its order. Sources are not part of it: they carry credentials."""
    if console.dependencies.redis.error() is not None:
        return console.wall.views(None)  # the wall lives on the bus alone
    return console.wall.views(Counter(alert.camera for alert in console.alerts() if alert.is_open))


@router.get(
    "/api/cameras/{camera}/frame.jpg",
    response_class=JpegResponse,
    responses={404: {"description": "no such camera or frame"}, 503: {"description": "the bus does not answer"}},
)
def frame(
    console: Console,
    camera: Id,
    partition: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
    offset: Annotated[int | None, Query(ge=0, le=2**63 - 1)] = None,
) -> JpegResponse:
    """The last analysed frame, or the one named by a `tracks` event a moment ago; `X-Captured-At` says when.

    Only frames that this console heard of in the tracks of this camera are given: an address is no key to the log.
    """
    if not console.wall.has(camera):
        raise HTTPException(404, "no such camera")
    if (partition is None) != (offset is None):
        raise HTTPException(422, "partition and offset go together")
    address = (partition, offset) if partition is not None and offset is not None else None
    ref = console.wall.ref(camera, address)
    found = console.pictures.cut(camera, ref) if ref else None
    if found is None:
        raise HTTPException(404, "no such frame; it may not have come yet, or retention has removed it")
    return JpegResponse(found.jpeg, headers={"X-Captured-At": to_rfc3339(found.captured_at)})
