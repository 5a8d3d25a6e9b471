"""The condition of a camera: what is wrong with its pictures; docs/camera-health.md."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.clock import Ns

PictureFaultKind = Literal["frozen", "black", "overexposed", "blurred", "covered", "moved"]
# What no picture shows: there is none, or its time is wrong.
StatusFaultKind = Literal["lost", "clock"]
CameraFaultKind = PictureFaultKind | StatusFaultKind


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class PictureFault(_Part):
    """One thing that is wrong with a camera's pictures."""

    kind: PictureFaultKind
    since: Ns = Field(description="capture time since when it has been so")
    detail: str = Field(description="for a person: the measure and its limit")


class PictureHealth(_Part):
    """The condition of one frame's picture, from this frame and those before it."""

    faults: list[PictureFault] = Field(description="none: the picture can be trusted")
    suspected: list[PictureFaultKind] = Field(
        default=[], description="what looks like a fault now and has not lasted long enough to be one"
    )
    brightness: float = Field(ge=0, le=1, description="mean grey level")
    contrast: float = Field(ge=0, description="standard deviation of the grey levels, 0..1")
    sharpness: float = Field(ge=0, description="relative to the camera's reference view; 1 is as sharp")
    shift: tuple[float, float] | None = Field(
        None, description="how far the view lies from its reference view, x right, y down, 0..1; none: no reference yet"
    )
