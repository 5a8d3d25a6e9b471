"""Camera faults that no picture shows: `lost` and `clock`, of one camera in one run, from the topic camera-status.

This is a second input of the analyzer, and nothing here depends on how its messages fall between those of detections:
so each partition of it has its own offset and checkpoint, and a replay of the log gives the same incidents. Time is the
reports' own, as the producer's clock gives it; the analyzer's wall clock has no part in it (see `watchdog`).
"""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, JsonValue

from services.analyzer.rules.base import watches_for
from services.analyzer.rules.faults import Fault, FaultBooks, Patience
from services.analyzer.scene import Scene
from services.analyzer.stage import Analysis
from shared.bus.base import Record
from shared.camera_status import CLOCK_RESET_NS, CameraStatus, ClockFault
from shared.catalogue import CAMERA_FAULT
from shared.clock import NS, in_words
from shared.condition import CameraFaultKind
from shared.messages import FrameRef, Incident
from shared.site import Camera, Site

# lost: a camera that restarts, or a network that stumbles, is back sooner; and after it has delivered for 10 s it is
# back for good, so that one which breaks off again and again is one incident. clock: who reports it has measured it for
# as long as it takes.
_KINDS: dict[CameraFaultKind, Patience] = {
    "lost": Patience(after=10 * NS, over=10 * NS),
    "clock": Patience(after=0, over=10 * NS),
}
# A step of the clock is over at once, and what it has done to open incidents is not: told for as long as it takes a
# person to see it.
STEP_TOLD_NS = 60 * NS
_MODEL = "camera-status"


@dataclass(frozen=True, slots=True)
class Report:
    """One message of camera-status with its address in the log."""

    status: CameraStatus
    address: FrameRef

    @classmethod
    def from_record(cls, record: Record) -> "Report":
        """Parse and validate.

        Raises:
            PoisonMessageError: as `CameraStatus.from_bytes`.
        """
        status = CameraStatus.from_bytes(record.value)
        at = status.captured_at if status.captured_at is not None else status.at
        address = FrameRef(topic=record.topic, partition=record.partition, offset=record.offset, captured_at=at)
        return cls(status, address)

    @property
    def camera(self) -> str:
        """Whom it is about."""
        return self.status.camera

    @property
    def run(self) -> str | None:
        """None when live."""
        return self.status.run


class _State(BaseModel):
    model_config = ConfigDict(extra="forbid")

    now: int
    last: CameraStatus | None
    reported: CameraStatus | None
    doubt: ClockFault | None
    stepped: ClockFault | None
    books: JsonValue


class CameraPresence:
    """Whether one camera gives pictures and its time can be believed.

    Attributes:
        last: the newest message, whoever wrote it; None before the first.
        doubt: what the analyzer's watchdog says of the producer's clock, until it takes it back.
    """

    def __init__(self, site: Site, camera: Camera) -> None:
        self._camera = camera
        self._books = FaultBooks(site.site, watches_for(site, camera, CAMERA_FAULT), _KINDS)
        self._now = -1
        self.last: CameraStatus | None = None
        self.doubt: ClockFault | None = None
        self._reported: CameraStatus | None = None
        self._stepped: ClockFault | None = None

    def state(self) -> JsonValue:
        """All that further reports depend on, as plain JSON data; see `Rule.state`."""
        state = _State(
            now=self._now,
            last=self.last,
            reported=self._reported,
            doubt=self.doubt,
            stepped=self._stepped,
            books=self._books.state(),
        )
        data: JsonValue = state.model_dump(mode="json", by_alias=True)
        return data

    def restore(self, value: JsonValue) -> list[str]:
        """Go on from the `state()` of the same camera; call it on a new one only. See `CameraAnalyzer.restore`.

        Raises:
            ValueError: no such state.
        """
        saved = _State.model_validate(value)
        self._now, self.last, self._reported = saved.now, saved.last, saved.reported
        self.doubt, self._stepped = saved.doubt, saved.stepped
        try:
            self._books.restore(saved.books)
        except ValueError:
            return [CAMERA_FAULT]
        return []

    def step(self, report: Report) -> Analysis:
        """Take the next report in the order of the log."""
        status, ended = report.status, list[Incident]()
        if status.at < self._now - CLOCK_RESET_NS:
            # As for frames: nothing of the old time line can be judged in the new one. It closes in its own time.
            ended = self._books.close(self._scene(report))
            self._now, self.doubt, self._stepped = status.at, None, self._step_back(status)
        else:
            self._now = max(status.at, self._now + 1)
        if self._stepped is not None and self._now - self._stepped.since > STEP_TOLD_NS:
            self._stepped = None
        if status.by == "analyzer":
            self.doubt = status.clock
        else:
            self._reported = status
        self.last = status
        if status.state == "ended":
            return Analysis(None, ended + self._books.close(self._scene(report)))
        return Analysis(None, ended + self._books.step(self._scene(report), self._faults(status)))

    def _faults(self, status: CameraStatus) -> list[Fault]:
        faults = []
        if status.state == "lost":
            faults.append(Fault("lost", status.since, status.reason or "it gives no picture"))
        reported = self._reported.clock if self._reported is not None else None
        clock = reported or self._stepped or self.doubt
        if clock is not None:
            faults.append(Fault("clock", clock.since, clock.detail))
        return faults

    def _step_back(self, status: CameraStatus) -> ClockFault | None:
        """A step between two reports of the producer; none where the analyzer had only reckoned its time wrongly."""
        before = self._reported
        if status.by == "analyzer" or before is None or status.at >= before.at - CLOCK_RESET_NS:
            return None
        detail = f"its producer's clock was set back by {in_words(before.at - status.at)}"
        return ClockFault(since=status.at, detail=detail)

    def _scene(self, report: Report) -> Scene:
        return Scene(self._camera.id, report.run, self._now, 1.0, _MODEL, report.address, ())
