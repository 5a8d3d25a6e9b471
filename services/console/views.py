"""What the console's API and stream say, as pydantic models, and the pure functions that make them.

Camera sources never appear here: they carry credentials. Times are RFC 3339 strings, because a count of
nanoseconds is larger than the whole numbers a browser can hold.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from shared.catalogue import CATALOGUE, INSPECTION_TYPES, ZoneKind
from shared.clock import NS, from_rfc3339, to_rfc3339
from shared.heads import HeadResult
from shared.messages import Alert, LaneStats, TrackedObject
from shared.site import Point

EXPECTED_SERVICES = ("producer", "detector", "analyzer", "inspector", "alerts", "console")
EVIDENCE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}\.jpe?g$"
_EVIDENCE_URI = re.compile(r"^evidence/(?P<file>[A-Za-z0-9][A-Za-z0-9._-]{0,127}\.jpe?g)$")

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)"
"""Pattern of an RFC 3339 date-time as it may come in from a client."""

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""A camera, zone, incident or alert id as it may come in from a client."""

ServiceState = Literal["running", "degraded", "starting", "stopping", "down"]
CameraState = Literal["live", "no-signal", "waiting"]


class ZoneView(BaseModel):
    """A zone of a camera, as drawn on its picture."""

    id: str
    kind: ZoneKind
    polygon: list[Point] = Field(description="normalised 0..1, x right, y down")
    direction: tuple[float, float] | None


class FrameAddress(BaseModel):
    """Names one frame in the log; `frame.jpg` takes both as query parameters."""

    partition: int
    offset: int


class LiveFrame(BaseModel):
    """One analysed frame: the data of a `tracks` event. `frame` addresses the picture that the boxes belong to."""

    camera: str
    seq: int
    captured_at: str
    frame: FrameAddress
    width: int
    height: int
    objects: list[TrackedObject]
    heads: list[HeadResult] = Field(description="what the detector's heads say of this frame, or said last")
    rate: float = Field(description="analysed frames per second, over the last seconds")
    latency_s: float = Field(description="from capture to the console")
    quiet_s: float = Field(
        0.0, description="since the console heard of it; above 0 only in the first events of a stream"
    )


class CameraView(BaseModel):
    """A camera and how it does."""

    id: str
    zones: list[ZoneView]
    calibrated: bool = Field(description="speeds are known in km/h")
    fps: float = Field(description="analysed frames per second that the site asks for")
    rate: float = Field(description="analysed frames per second, over the last seconds")
    captured_at: str | None = Field(description="capture time of the last analysed frame")
    age_s: float | None = Field(description="seconds since then")
    latency_s: float | None = Field(description="from capture to the console, of the last analysed frame")
    heads: list[HeadResult] = Field(description="what the detector's heads said last")
    open_alerts: int | None = Field(description="null when Redis does not answer")
    state: CameraState
    signal_timeout_s: float = Field(description="without a new frame for this long the state is no-signal")


class AlertView(Alert):
    """An alert with what a reader needs beside it."""

    title: str
    picture: str | None = Field(description="path of the snapshot on this server")
    duration_s: float | None = Field(description="from start to end; null while it lasts")


class LaneInterval(LaneStats):
    """What passed a lane in one interval; docs/lanes.md has the definitions."""

    start: str  # type: ignore[assignment]
    end: str  # type: ignore[assignment]


class LaneView(BaseModel):
    """A lane, shoulder, runway or taxiway with its last interval."""

    camera: str
    zone: str
    kind: ZoneKind
    latest: LaneInterval | None = Field(description="null before the first interval has ended")
    flows: list[float | None] = Field(
        description="vehicles per hour of the last 60 intervals, oldest first, up to `latest`; null where not known"
    )


class ServiceView(BaseModel):
    """One service over all its processes."""

    service: str
    state: ServiceState
    detail: str
    instances: int
    heard_at: str | None = Field(description="last heartbeat that this console knows of")


class Status(BaseModel):
    """The data of a `services` event, sent every few seconds; the browser also takes the time from it."""

    now: str
    site: str
    redis: bool = Field(description="false: alerts and services cannot be read")
    bus: bool = Field(description="false: no new pictures and alerts can come")
    services: list[ServiceView]


def alert_view(alert: Alert) -> AlertView:
    """Add title, picture path and duration to an alert."""
    entry = CATALOGUE.get(alert.incident) or INSPECTION_TYPES.get(alert.incident)
    return AlertView(
        **alert.model_dump(),
        title=entry.title if entry else alert.incident.replace("-", " ").capitalize(),
        picture=_picture(alert),
        duration_s=_seconds_between(alert.started_at, alert.ended_at) if alert.ended_at else None,
    )


def _picture(alert: Alert) -> str | None:
    paths = (evidence_path(item.uri) for item in alert.evidence if item.kind == "snapshot")
    return next((path for path in paths if path is not None), None)


def evidence_path(uri: str) -> str | None:
    """The path on this server of an evidence picture; None when the URI names none."""
    match = _EVIDENCE_URI.match(uri)
    return f"/evidence/{match['file']}" if match else None


def _seconds_between(start: str, end: str) -> float:
    return (from_rfc3339(end) - from_rfc3339(start)) / NS


def service_views(beats: Iterable[Mapping[str, str]], heard: Mapping[str, int]) -> list[ServiceView]:
    """The expected services in the order of the flow, then any other that beats.

    Args:
        beats: unexpired heartbeats, as `Store.services` gives them.
        heard: last heartbeat per service in UTC ns, also of those that have fallen silent.
    """
    by_name: dict[str, list[Mapping[str, str]]] = {name: [] for name in EXPECTED_SERVICES}
    for beat in beats:
        by_name.setdefault(beat["service"], []).append(beat)
    return [_service_view(name, found, heard.get(name)) for name, found in by_name.items()]


# Of several processes the one that needs attention speaks for the service.
_ATTENTION: tuple[ServiceState, ...] = ("degraded", "running", "starting", "stopping")


def _service_view(name: str, beats: list[Mapping[str, str]], heard: int | None) -> ServiceView:
    heard_at = to_rfc3339(heard) if heard is not None else None
    if not beats:
        detail = "no heartbeat any more" if heard is not None else "never heard of; is it started?"
        return ServiceView(service=name, state="down", detail=detail, instances=0, heard_at=heard_at)
    for state in _ATTENTION:
        details = [beat["detail"] for beat in beats if beat["state"] == state]
        if details:
            detail = next(filter(None, details), "")
            return ServiceView(service=name, state=state, detail=detail, instances=len(beats), heard_at=heard_at)
    word = beats[0]["state"]
    return ServiceView(
        service=name, state="degraded", detail=f"state {word!r}", instances=len(beats), heard_at=heard_at
    )
