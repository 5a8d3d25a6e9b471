"""What has been answered, from the topic inspections: the state of `lane-unsafe`, and which questions are done."""

import time

from services.inspector.answer import open_unsafe
from shared import topics
from shared.bus.base import Bus
from shared.exceptions import PoisonMessageError
from shared.inspection import Inspection
from shared.messages import Incident
from shared.telemetry import metrics
from shared.telemetry.logs import logger

SERVICE = "inspector"
# Reading ends at the end offsets; this guards against an end that is never reached, such as that of a partition whose
# messages retention has removed.
_IDLE_S = 2.0


class Record:
    """The inspections that the topic holds."""

    def __init__(self) -> None:
        self._last: dict[tuple[str | None, str], Inspection] = {}
        self._ids: set[str] = set()

    def add(self, inspection: Inspection) -> None:
        """The newest inspection of a lane."""
        self._last[(inspection.run, inspection.lane)] = inspection
        self._ids.add(inspection.inspection_id)

    def has(self, inspection_id: str) -> bool:
        """Whether this question was answered."""
        return inspection_id in self._ids

    def last(self, run: str | None, lane: str) -> Inspection | None:
        """The lane's last inspection."""
        return self._last.get((run, lane))

    def unsafe(self, run: str | None, lane: str) -> Incident | None:
        """The `lane-unsafe` that is open on a lane."""
        return open_unsafe(self.last(run, lane))

    @classmethod
    def read(cls, bus: Bus) -> "Record":
        """All that the topic holds now; what cannot be parsed is skipped."""
        record = cls()
        consumer = bus.consumer([topics.INSPECTIONS], group=None)
        try:
            ends = bus.end_offsets(topics.INSPECTIONS)
            read = dict.fromkeys(ends, 0)
            quiet_since = time.monotonic()
            while any(read[number] < end for number, end in ends.items()):
                found = consumer.poll(1000, timeout_s=0.5)
                if found:
                    quiet_since = time.monotonic()
                elif time.monotonic() - quiet_since > _IDLE_S:
                    break
                for message in found:
                    read[message.partition] = message.offset + 1
                    try:
                        record.add(Inspection.from_bytes(message.value))
                    except PoisonMessageError as error:
                        metrics.ERRORS.labels(SERVICE, "bad-inspection").inc()
                        logger(SERVICE).warning("inspection skipped", offset=message.offset, reason=str(error))
        finally:
            consumer.close()
        return record
