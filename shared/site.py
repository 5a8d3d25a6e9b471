"""The site file: cameras, zones, rules and sinks."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from shared.catalogue import CATALOGUE, INSPECTION_TYPES, LANE_KINDS, Severity, ZoneKind
from shared.cron import check_cron
from shared.geometry import is_simple_polygon, polygon_area
from shared.plane import RoadPlane

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Unit = Annotated[float, Field(ge=0, le=1)]
Point = tuple[Unit, Unit]
Metre = Annotated[float, Field(allow_inf_nan=False)]
MetrePoint = tuple[Metre, Metre]


def _unique(kind: str, ids: list[str]) -> None:
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            raise ValueError(f"{kind} id {name!r} is used twice; give each {kind} its own id")
        seen.add(name)


def _polygon(points: list[Point]) -> list[Point]:
    if len(points) < 3:
        raise ValueError(f"a polygon needs at least 3 points, got {len(points)}")
    shape = np.array(points)
    if not is_simple_polygon(shape):
        raise ValueError("the polygon's edges cross; give the corners in order around it")
    if polygon_area(shape) < 1e-6:
        raise ValueError("the polygon has no area; give the corners in order around it")
    return points


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Zone(_Strict):
    """A part of the picture that has a meaning."""

    id: Name
    kind: ZoneKind
    polygon: Annotated[list[Point], AfterValidator(_polygon)]
    direction: tuple[float, float] | None = Field(None, description="allowed travel in the picture: x right, y down")

    @field_validator("direction")
    @classmethod
    def _has_length(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and value[0] == 0 and value[1] == 0:
            raise ValueError("a direction needs a length; [0, 1] is down the picture")
        return value


class Ground(_Strict):
    """Four or more points of the road, in the picture (0..1) and on the ground (metres), for a homography."""

    pixels: list[Point] = Field(min_length=4)
    metres: list[MetrePoint] = Field(min_length=4)

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        if len(self.pixels) != len(self.metres):
            raise ValueError(f"pixels has {len(self.pixels)} points and metres {len(self.metres)}; give pairs")
        self.plane()
        return self

    def plane(self) -> RoadPlane:
        """The road as a plane in metres.

        Raises:
            ValueError: the points determine none.
        """
        return RoadPlane(self.pixels, self.metres)


class Camera(_Strict):
    """One camera: where its pictures come from and what is to be seen on them."""

    id: Name
    source: str = Field(
        min_length=1, description="file, folder of images, glob, rtsp(s):// or http(s):// URL, device number"
    )
    fps: float = Field(10.0, gt=0, le=60, description="analysed frames per second")
    idle_fps: float | None = Field(
        None, ge=2, le=60, description="frames per second while nothing moves in the picture; none: always `fps`"
    )
    loop: bool = Field(True, description="a file starts again at its end when served live")
    jpeg_quality: int = Field(85, ge=30, le=100)
    max_width: int = Field(1920, ge=160, le=7680, description="wider pictures are scaled down before encoding, pixels")
    closeups: int = Field(
        1, ge=0, le=3, description="closer looks at the far stretch of lanes per frame; each costs a forward pass"
    )
    overview: bool = Field(
        True, description="a smaller look at the whole picture where lanes are so near that vehicles fill it"
    )
    zones: list[Zone] = []
    ground: Ground | None = None

    @field_validator("idle_fps")
    @classmethod
    def _less_when_idle(cls, value: float | None, info: ValidationInfo) -> float | None:
        fps = info.data.get("fps")
        # The memory of the road and the picture's condition are asked on every n-th frame, n by `fps`: with less than
        # a fifth an inspection would wait for them in vain.
        if value is not None and fps is not None and not fps / 5 <= value <= fps:
            raise ValueError(f"must be between a fifth of fps and fps: {fps / 5:g} to {fps:g}")
        return value

    @field_validator("source", mode="before")
    @classmethod
    def _device_number(cls, value: object) -> object:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("zones")
    @classmethod
    def _zone_ids(cls, zones: list[Zone]) -> list[Zone]:
        _unique("zone", [zone.id for zone in zones])
        return zones


def _minutes(value: object) -> int:
    """Minutes after midnight. YAML reads an unquoted 22:00 as the number 1320, which is just that."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1440:
        return value
    match = re.fullmatch(r"(\d{1,2}):([0-5]\d)", value) if isinstance(value, str) else None
    minutes = int(match[1]) * 60 + int(match[2]) if match else -1
    if not 0 <= minutes <= 1440:
        raise ValueError(f"{value!r} is no time of day; write it as '22:00' (00:00 to 24:00)")
    return minutes


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TimeOfDay = Annotated[
    int,
    BeforeValidator(_minutes),
    WithJsonSchema({"type": "string", "pattern": "^([01]?[0-9]|2[0-3]):[0-5][0-9]$|^24:00$"}),
]


class Window(_Strict):
    """A part of some days in the site's local time; past midnight when `to` is not after `from`."""

    days: list[Day] = Field(list(_DAYS), min_length=1, description="days on which it begins")
    begin: TimeOfDay = Field(alias="from", description="local time, such as '22:00'")
    end: TimeOfDay = Field(alias="to", description="local time; earlier than `from` means on the next day")

    @model_validator(mode="after")
    def _has_length(self) -> Self:
        if self.begin == self.end or self.begin == 1440:
            raise ValueError("the window is empty; give different times, or from '00:00' to '24:00' for whole days")
        return self

    def covers(self, local: datetime) -> bool:
        """Whether a local time lies in the window; `from` belongs to it, `to` does not."""
        minute = local.hour * 60 + local.minute
        if self.begin < self.end:
            return _DAYS[local.weekday()] in self.days and self.begin <= minute < self.end
        if minute >= self.begin:
            return _DAYS[local.weekday()] in self.days
        return minute < self.end and _DAYS[(local - timedelta(days=1)).weekday()] in self.days


class Rule(_Strict):
    """Overrides of an incident type's defaults, for the named cameras and zones (all when not named)."""

    incident: str
    cameras: list[Name] | None = None
    zones: list[Name] | None = None
    after_s: float | None = Field(None, ge=0, le=3600)
    severity: Severity | None = None
    classes: list[Annotated[str, Field(min_length=1)]] | None = Field(
        None, min_length=1, description="the detector's classes that count, instead of the type's own"
    )
    schedule: list[Window] | None = Field(
        None, min_length=1, description="an incident opens only in these windows of local time; always when not given"
    )
    enabled: bool = True

    @field_validator("incident")
    @classmethod
    def _known(cls, value: str) -> str:
        if value in INSPECTION_TYPES:
            raise ValueError(f"{value} is the answer of an inspection, which no rule changes; see `inspections`")
        if value not in CATALOGUE:
            raise ValueError(f"unknown incident {value!r}; one of {', '.join(CATALOGUE)}")
        return value


class PlannedInspection(_Strict):
    """A lane that is inspected by the clock."""

    lane: Name = Field(description="id of a lane, shoulder, runway or taxiway zone")
    cron: Annotated[str, AfterValidator(check_cron)] = Field(
        description="minute hour day month weekday, in the site's time zone, such as '0 5 * * mon-fri'"
    )


class WebhookSink(_Strict):
    """Posts each alert as a CloudEvent, signed as Standard Webhooks says when a secret is given."""

    type: Literal["webhook"]
    url: str = Field(pattern=r"^https?://")
    secret: SecretStr | None = Field(None, description="whsec_… (base64) or any text")
    min_severity: Severity = "info"


class JsonLinesSink(_Strict):
    """Appends each alert as one CloudEvent per line."""

    type: Literal["jsonl"]
    path: Path
    min_severity: Severity = "info"


Sink = Annotated[WebhookSink | JsonLinesSink, Field(discriminator="type")]


class Site(_Strict):
    """A road or an airport: its cameras, rules and sinks."""

    site: Name
    cameras: list[Camera] = Field(min_length=1)
    rules: list[Rule] = []
    inspections: list[PlannedInspection] = []
    sinks: list[Sink] = []
    lane_stats_s: int = Field(60, ge=10, le=3600, description="length of the intervals of lane statistics, seconds")
    timezone: str = Field("UTC", description="IANA name, such as Europe/Berlin; schedules are in its local time")

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"unknown time zone {value!r}; give an IANA name such as Europe/Berlin") from None
        return value

    @field_validator("cameras")
    @classmethod
    def _camera_ids(cls, cameras: list[Camera]) -> list[Camera]:
        _unique("camera", [camera.id for camera in cameras])
        return cameras

    @model_validator(mode="after")
    def _rules_name_what_exists(self) -> Self:
        cameras = {camera.id for camera in self.cameras}
        zones = {zone.id for camera in self.cameras for zone in camera.zones}
        for rule in self.rules:
            for kind, named, known in (("camera", rule.cameras, cameras), ("zone", rule.zones, zones)):
                for name in named or []:
                    if name not in known:
                        raise ValueError(f"rule {rule.incident}: no {kind} has the id {name!r}")
        return self

    @model_validator(mode="after")
    def _inspections_name_lanes(self) -> Self:
        for planned in self.inspections:
            if not self.lane(planned.lane):
                known = ", ".join(self.lanes()) or "none"
                raise ValueError(f"inspections: no lane has the id {planned.lane!r}; the site's lanes: {known}")
        return self

    def lanes(self) -> list[str]:
        """The ids of all lanes (also shoulders, runways, taxiways), each once, in the order of the file."""
        return list(dict.fromkeys(z.id for camera in self.cameras for z in camera.zones if z.kind in LANE_KINDS))

    def lane(self, lane: str) -> list[tuple[Camera, Zone]]:
        """The cameras that see a lane, each with its zone; empty when the site has no such lane."""
        return [
            (camera, zone)
            for camera in self.cameras
            for zone in camera.zones
            if zone.id == lane and zone.kind in LANE_KINDS
        ]

    def camera(self, camera_id: str) -> Camera | None:
        """The camera with this id, if the site has it."""
        return next((camera for camera in self.cameras if camera.id == camera_id), None)
