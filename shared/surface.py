"""What the detector's memory of the empty road says of one frame: docs/obstacles.md has the method.

The memory knows how each patch of a lane, runway, taxiway or stand looks when nothing is on it. What looks otherwise
and stays is unfamiliar, whatever it is; the detector needs no name for it.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.clock import Ns
from shared.heads import Unit


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Unfamiliar(_Part):
    """A part of the picture that has looked otherwise than the empty road for a while."""

    box: tuple[Unit, Unit, Unit, Unit]
    score: Unit = Field(
        description="how sure it is that something lies there; 0.5 is the threshold of the method, "
        "below it nobody can tell"
    )
    since: Ns = Field(
        description="capture time since when it has lain there: half of it has looked as it does without a break; "
        "what keeps changing its look, or moves on, is young"
    )


class ZoneSurface(_Part):
    """How much of a zone the memory can speak for."""

    zone: str
    known: Unit = Field(description="share of the zone's patches whose empty look has been learned")
    proven: Unit = Field(
        description="share of the zone's patches that were proven empty since they are known: traffic has driven over "
        "them, or was seen before and behind them a moment apart, or a person has confirmed the view, or they look "
        "like patches at the same height of the picture that were proven so"
    )
    hidden: Unit = Field(
        description="share of the zone's known patches that were not once seen free in the last seconds, or show "
        "nothing now because they are white or black"
    )


class Surface(_Part):
    """The memory's answer for one frame; it is asked a few times a second, so most frames have none."""

    state: Literal["learning", "watching", "changed"] = Field(
        description="changed: the whole view looks otherwise, so nothing can be said until it is learned anew"
    )
    zones: list[ZoneSurface]
    regions: list[Unfamiliar] = Field(description="what is unfamiliar, or nearly so, and stays, by position")
