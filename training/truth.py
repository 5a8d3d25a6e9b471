"""The truth file: what really happened on which camera, and how long each was analysed."""

from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from shared.catalogue import CATALOGUE
from shared.exceptions import InputError

# What a truth may name beside the catalogue: types that other parts raise, or that an older Wayside lacks.
# A true incident of a type that a run cannot raise is a miss, not an error.
_ALSO_KNOWN = (
    "stopped-vehicle", "obstacle-on-lane", "person-on-lane", "animal-on-lane", "wrong-way", "congestion",
    "smoke-or-fog", "pavement-damage", "lane-unsafe", "lane-clear", "intrusion", "stand-occupied", "stand-vacated",
    "camera-fault",
)  # fmt: skip
# Edges of the size classes, pixels of height. 24 px: from there on a detection rate is promised.
_SIZE_EDGES = (8, 16, 24, 40, 80)
Seconds = Annotated[float, Field(allow_inf_nan=False)]


class TrueIncident(BaseModel):
    """One incident that really happened; seconds since the clip's first frame.

    Unknown fields are kept and ignored, so that a truth file may carry notes of its own.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    camera: str
    incident: str
    zone: str | None = None
    start_s: Seconds
    end_s: Seconds
    size_px: float | None = Field(None, gt=0, allow_inf_nan=False, description="height in the picture, pixels")
    size: str | None = Field(None, description="a size class of your own, instead of size_px")

    @field_validator("incident")
    @classmethod
    def _known(cls, value: str) -> str:
        known = sorted({*CATALOGUE, *_ALSO_KNOWN})
        if value not in known:
            raise ValueError(f"unknown incident {value!r}; one of {', '.join(known)}")
        return value

    @model_validator(mode="after")
    def _ordered(self) -> "TrueIncident":
        if self.end_s < self.start_s:
            raise ValueError(f"end_s {self.end_s} lies before start_s {self.start_s}")
        return self

    @property
    def size_class(self) -> str | None:
        """The incident's size class, if the truth tells its size."""
        if self.size is not None or self.size_px is None:
            return self.size
        if self.size_px < _SIZE_EDGES[0]:
            return f"under {_SIZE_EDGES[0]} px"
        for low, high in pairwise(_SIZE_EDGES):
            if self.size_px < high:
                return f"{low} to {high} px"
        return f"{_SIZE_EDGES[-1]} px and more"


class Truth(BaseModel):
    """A truth file; see docs/evaluation.md."""

    model_config = ConfigDict(extra="allow", frozen=True)

    incidents: list[TrueIncident]
    duration_s: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(
        description="analysed seconds per camera"
    )

    @model_validator(mode="after")
    def _within_what_was_analysed(self) -> "Truth":
        for number, item in enumerate(self.incidents):
            duration = self.duration_s.get(item.camera)
            if duration is None:
                raise ValueError(
                    f"incidents.{number} is on camera {item.camera!r}, which has no duration_s; "
                    "say how many seconds of it were analysed"
                )
            if item.start_s > duration:
                raise ValueError(
                    f"incidents.{number} starts at {item.start_s:g} s, but duration_s of camera {item.camera!r} "
                    f"is {duration:g} s; both count from the clip's first frame"
                )
        return self


def read_truth(path: Path) -> Truth:
    """Read a truth file.

    Raises:
        InputError: missing, not JSON, or not of its form; names the field.
    """
    try:
        return Truth.model_validate_json(read_text(path))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {where + ': ' if where else ''}{first['msg']}") from None


def read_text(path: Path) -> str:
    """A file's text.

    Raises:
        InputError: missing or unreadable.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
