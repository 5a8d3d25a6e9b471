"""What is known of a live camera beside its pictures: the message of the topic `camera-status`; docs/camera-health.md.

Times are UTC nanoseconds by the clock of the camera's producer, which is what capture times are made of too.
"""

from typing import Literal

from pydantic import Field

from shared.clock import NS, Ns
from shared.messages import Message

# How often a producer reports each camera, changed or not. Its silence is noticed after some of these.
BEAT_S = 2.0
# A clock that goes back by this much begins a new time line, for frames as for reports; less is disorder.
CLOCK_RESET_NS = 2 * NS

Presence = Literal["connected", "lost", "ended"]


class ClockFault(Message):
    """Why capture times cannot be believed."""

    since: Ns
    detail: str = Field(description="for a person: what was measured")


class CameraStatus(Message):
    """One report of one live camera: when something changes, and every two seconds in any case."""

    schema_: Literal["wayside.camera-status/1"] = Field("wayside.camera-status/1", alias="schema")
    camera: str
    run: str | None = None
    by: Literal["producer", "analyzer"] = Field(
        description="the analyzer reports only what it misses: a producer that has fallen silent, or its wrong clock"
    )
    at: Ns = Field(description="when this was so")
    state: Presence = Field(description="ended: a clip that is not looped has been played, which is no fault")
    since: Ns = Field(description="since when it has been in this state; lost: when its last picture came")
    reason: str | None = Field(None, description="for a person: why it is lost, in one line without credentials")
    captured_at: Ns | None = Field(None, description="capture time of the newest frame")
    clock: ClockFault | None = Field(None, description="none: its clock can be believed, as far as `by` can tell")
