"""The messages of every topic. Each has a `schema` field; JSON Schemas in docs/schemas/ come from here.

Boxes are normalised 0..1 as x1, y1, x2, y2 (x right, y down). Times that end in no unit are UTC nanoseconds
since the epoch, except in alerts, which use RFC 3339 as CloudEvents does.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.catalogue import Severity
from shared.clock import Ns
from shared.condition import PictureHealth
from shared.exceptions import PoisonMessageError
from shared.heads import HeadResult, Unit
from shared.surface import Surface

Box = tuple[Unit, Unit, Unit, Unit]
# Names a file of evidence and stands in URLs.
IncidentId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
OperatorVerdict = Literal["acknowledged", "dismissed"]


class Message(BaseModel):
    """Base of everything that crosses a boundary: immutable, and an unknown field is ignored, so that an
    older reader understands a newer writer."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    def to_bytes(self) -> bytes:
        """UTF-8 JSON, with `schema` under its published name."""
        return self.model_dump_json(by_alias=True).encode()

    @classmethod
    def from_bytes(cls, value: bytes | None) -> Self:
        """Parse and validate.

        Raises:
            PoisonMessageError: empty, not JSON, or not of this schema; the reason says which.
        """
        if not value:
            raise PoisonMessageError("empty-message", f"a {cls.__name__} needs a JSON value")
        try:
            return cls.model_validate_json(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "value"
            raise PoisonMessageError("bad-schema", f"{cls.__name__}.{where}: {first['msg']}") from None


class FrameRef(Message):
    """Where a frame lies in the log, so that evidence is cut from there instead of copied along."""

    topic: str
    partition: int
    offset: int
    captured_at: Ns


class DetectedObject(Message):
    """One box of one frame."""

    label: str
    score: Unit
    box: Box


class Detections(Message):
    """What the detector found on one frame; an empty list is a result too."""

    schema_: Literal["wayside.detections/1"] = Field("wayside.detections/1", alias="schema")
    camera: str
    seq: int
    run: str | None = None
    frame: FrameRef
    width: int = Field(description="picture width in pixels")
    height: int = Field(description="picture height in pixels")
    model: str = Field(description="version of the weights: `wayside-n@3` in the registry, else name and digest")
    objects: list[DetectedObject]
    heads: list[HeadResult] = Field([], description="what the heads say of the picture, by name")
    surface: Surface | None = Field(None, description="what the memory of the empty road says, where it was asked")
    health: PictureHealth | None = Field(None, description="the condition of the picture, where it was measured")
    traceparent: str | None = None


class TrackedObject(Message):
    """One object that the tracker follows, as seen on this frame."""

    track_id: int
    label: str
    score: Unit
    box: Box
    zones: list[str] = Field(description="zones that the ground point lies in")
    speed: float = Field(description="box sizes per second, where a size is the root of the box's area")
    speed_kmh: float | None = Field(None, description="only for a calibrated camera (`ground:` in the site)")


class Tracks(Message):
    """The tracked objects of one frame."""

    schema_: Literal["wayside.tracks/1"] = Field("wayside.tracks/1", alias="schema")
    camera: str
    seq: int
    run: str | None = None
    frame: FrameRef
    width: int
    height: int
    objects: list[TrackedObject]
    heads: list[HeadResult] = Field([], description="as in the detections of the frame")
    surface: Surface | None = Field(None, description="as in the detections of the frame")
    health: PictureHealth | None = Field(None, description="as in the detections of the frame")


class Incident(Message):
    """A change of an incident. Ids are deterministic; the same change twice is the same message."""

    schema_: Literal["wayside.incident/1"] = Field("wayside.incident/1", alias="schema")
    incident_id: IncidentId
    change: Literal["opened", "updated", "closed"]
    revision: int = Field(ge=0, description="0 when opened, then counts the changes")
    incident: str
    site: str
    camera: str
    zone: str
    run: str | None = None
    severity: Severity
    started_at: Ns = Field(description="when the cause began, such as the car's stop")
    detected_at: Ns = Field(description="capture time of the frame on which the incident opened")
    changed_at: Ns = Field(description="capture time of the frame on which this change happened")
    ended_at: Ns | None = None
    track_ids: list[int]
    label: str
    score: Unit
    box: Box
    model: str
    frame: FrameRef = Field(description="the frame of this change")
    detail: str | None = Field(None, description="for a person: what the label does not say")


class LaneClass(Message):
    """The vehicles of one class that used a lane in an interval."""

    label: str
    count: int = Field(ge=0, description="vehicles that passed the lane's line")
    occupancy: Unit | None = Field(description="as the lane's, by vehicles of this class")
    occupied_s: float = Field(ge=0, description="seconds in which one of them was over the line")
    speeds: int = Field(ge=0, description="of those counted, how many had a speed in km/h")
    mean_speed_kmh: float | None
    mean_speed_sizes_per_s: float | None


class LaneStats(Message):
    """What passed one lane in one interval of event time; docs/lanes.md has the definitions."""

    schema_: Literal["wayside.lane-stats/1"] = Field("wayside.lane-stats/1", alias="schema")
    camera: str
    zone: str
    run: str | None = None
    start: Ns = Field(description="a whole multiple of the interval's length since the epoch")
    end: Ns = Field(description="the first instant that does not belong to the interval")
    observed_s: float = Field(
        ge=0, description="seconds of the interval that frames cover; less than its length means a gap"
    )
    count: int = Field(ge=0, description="vehicles that passed the line across the lane's middle, either way")
    flow_per_h: float | None = Field(description="count per observed hour; none below 10 s observed")
    occupancy: Unit | None = Field(
        description="share of the observed time in which a vehicle was over the line; none in a zone without direction"
    )
    mean_vehicles: float | None = Field(description="vehicles in the zone, averaged over the observed time")
    mean_speed_kmh: float | None = Field(description="of those counted, at the line; only for a calibrated camera")
    p15_speed_kmh: float | None = Field(description="15 in 100 were no faster; to 1 km/h")
    p85_speed_kmh: float | None = Field(description="85 in 100 were no faster; to 1 km/h")
    mean_speed_sizes_per_s: float | None = Field(description="of those counted, at the line; box sizes per second")
    classes: list[LaneClass] = Field(description="the classes that passed or were over the line, by name")


class Evidence(Message):
    """A picture or a range of the log that shows the incident."""

    kind: Literal["snapshot", "frame"]
    uri: str


class Judgement(Message):
    """What an operator has said of an alert; docs/verdicts.md has the rules."""

    verdict_id: str
    verdict: OperatorVerdict
    by: str
    at: str = Field(description="when it was given, by the clock of the console")
    comment: str | None = None


class Alert(Message):
    """The `data` of an alert's CloudEvent, and the row that the console shows."""

    alert_id: str
    incident: str
    camera: str
    zone: str
    severity: Severity
    status: Literal["open", "closed", "acknowledged", "dismissed"]
    started_at: str
    detected_at: str
    ended_at: str | None = None
    track_ids: list[int]
    label: str
    score: Unit
    box: Box
    evidence: list[Evidence]
    model: str
    run: str | None = None
    site: str
    revision: int = Field(0, description="of the alert: the incident's changes and the operators' verdicts, counted")
    detail: str | None = Field(None, description="for a person: what the label does not say")
    verdicts: list[Judgement] = Field([], description="of operators, oldest first; the last one counts")

    @property
    def incident_revision(self) -> int:
        """The last revision of the incident that is in it."""
        return self.revision - len(self.verdicts)

    @property
    def verdict(self) -> OperatorVerdict | None:
        """What operators say of it now."""
        return self.verdicts[-1].verdict if self.verdicts else None

    @property
    def is_open(self) -> bool:
        """Whether it lasts and nobody has called it a false alarm."""
        return self.status in ("open", "acknowledged")


class DeadLetter(Message):
    """A message that could not be processed, with where it lay and why."""

    schema_: Literal["wayside.dead-letter/1"] = Field("wayside.dead-letter/1", alias="schema")
    service: str
    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    key: str | None
    headers: dict[str, str]
    size: int = Field(description="bytes of the original value")
    value_base64: str = Field(description="the original value, cut after 64 KiB")
