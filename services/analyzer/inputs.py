"""What the analyzer reads: for each topic, how a message is parsed and which state machine follows its camera."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import JsonValue

from services.analyzer.presence import CameraPresence, Report
from services.analyzer.stage import Analysis, CameraAnalyzer
from shared import topics
from shared.bus.base import Record
from shared.messages import Detections
from shared.site import Camera, Site

Message = Detections | Report


class Machine(Protocol):
    """One camera in one run; see `CameraAnalyzer` and `CameraPresence`."""

    def step(self, message: Any, /) -> Analysis:
        """Take the next message in the order of the log, of the kind that its topic has."""

    def state(self) -> JsonValue:
        """All that further messages depend on, as plain JSON data."""

    def restore(self, value: JsonValue) -> list[str]:
        """Go on from a `state()`; returns the parts that begin anew."""


@dataclass(frozen=True, slots=True)
class Input:
    """One topic that the analyzer reads.

    Attributes:
        parse: raises PoisonMessageError for what can never be processed.
    """

    parse: Callable[[Record], Message]
    build: Callable[[Site, Camera], Machine]


def _detections(record: Record) -> Detections:
    return Detections.from_bytes(record.value)


INPUTS: dict[str, Input] = {
    topics.DETECTIONS: Input(_detections, CameraAnalyzer),
    topics.CAMERA_STATUS: Input(Report.from_record, CameraPresence),
}
