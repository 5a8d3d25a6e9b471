"""Frames that wait for their turn at the model: cameras in turn, the oldest first, and what is too much is shed.

A worker that keeps up analyses every frame. One that does not would, in the order of arrival, see each picture later
than the one before, and all of them late. So a frame may wait for so long and no longer; then its camera sheds the
oldest, and for a while lets the rest wait for a fifth of that only: what is analysed is fresh, and evenly spread. This
is the idea of FQ-CoDel (RFC 8290: a queue per flow, served in turn, shed at its head once it stays long) for flows that
do not slow down when they lose something.
"""

import math
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

from shared.bus.base import Partition, Record
from shared.exceptions import PoisonMessageError
from shared.frames import Frame

Reason = Literal["stale", "overload"]

# The share of the longest wait that is left to a camera which has just shed, and how long it must then get by without
# shedding to have the whole again. At 5 % too many frames, one in two seconds is shed: 10 s tell that from none.
_TIGHT = 0.2
_CALM_S = 10.0
# A camera that sent within this time is likely to send again soon: a batch may be worth waiting for it.
_ACTIVE_S = 2.0
# A camera or replay without a frame for this long is forgotten.
_FORGET_S = 60.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message of the frames topic.

    Attributes:
        content: the frame, or why it is none.
        at: when it came to this worker, s of the monotonic clock. Waiting is counted from here, since the clocks of
            cameras may be off.
    """

    record: Record
    content: Frame | PoisonMessageError
    at: float


@dataclass(slots=True)
class _Line:
    """The frames of one camera and run, in order.

    Attributes:
        live: may be shed.
        served_at: when one was taken last, or the line began; s.
        shed_at: when one was shed last because it had waited for too long; s.
    """

    live: bool
    served_at: float
    shed_at: float = -math.inf
    waiting: deque[tuple[Arrival, Frame]] = field(default_factory=deque)


class Waiting:
    """The lines of all cameras and runs. Times are s of the monotonic clock, but for `now_ns`, UTC ns.

    Example:
        >>> waiting = Waiting(max_age_s=5.0, max_wait_s=1.0)
        >>> waiting.add(arrival, now, now_ns)            # doctest: +SKIP
        >>> batch = waiting.take(4, now, now_ns)         # doctest: +SKIP
        >>> shed = waiting.take_shed()                   # doctest: +SKIP
    """

    def __init__(self, max_age_s: float | None, max_wait_s: float) -> None:
        """Without `max_age_s` nothing is shed. A replay never is."""
        self._max_age_ns = None if max_age_s is None else max_age_s * 1e9
        self._max_wait_s = max_wait_s
        # By who was served longest ago: a dict keeps the order of insertion.
        self._lines: dict[tuple[str, str | None], _Line] = {}
        self._poison: list[Arrival] = []
        self._shed: list[tuple[Arrival, Frame, Reason]] = []
        self.kept = 0
        """Frames that wait and will not be shed, however long it takes."""

    def add(self, arrival: Arrival, now: float, now_ns: int) -> None:
        """Put a message at the end of its line; one that is no frame is in nobody's way and joins the next batch."""
        if isinstance(arrival.content, PoisonMessageError):
            self._poison.append(arrival)
            return
        frame = arrival.content
        live = frame.run is None and self._max_age_ns is not None
        line = self._lines.setdefault((frame.camera, frame.run), _Line(live, now))
        line.waiting.append((arrival, frame))
        self.kept += not live
        self._trim(line, now, now_ns)

    def take(self, size: int, now: float, now_ns: int) -> list[Arrival]:
        """The next batch: one frame of each line in turn, and again, until there are `size` frames or no more."""
        batch, self._poison = self._poison, []
        left = size
        while left and (turn := [key for key, line in self._lines.items() if line.waiting]):
            for key in turn[:left]:
                line = self._lines[key] = self._lines.pop(key)
                self._trim(line, now, now_ns)
                if line.waiting:
                    batch.append(line.waiting.popleft()[0])
                    line.served_at = now
                    self.kept -= not line.live
                    left -= 1
        self._forget(now)
        return batch

    def take_shed(self) -> list[tuple[Arrival, Frame, Reason]]:
        """What was shed since the last call."""
        shed, self._shed = self._shed, []
        return shed

    def drop(self, partitions: Collection[Partition]) -> None:
        """Forget the frames of partitions that another worker has now; they come again there."""
        for line in self._lines.values():
            left = deque(item for item in line.waiting if _partition(item[0]) not in partitions)
            self.kept -= 0 if line.live else len(line.waiting) - len(left)
            line.waiting = left
        self._poison = [arrival for arrival in self._poison if _partition(arrival) not in partitions]

    def since(self) -> float | None:
        """When the oldest of what waits came; None when nothing does."""
        heads = [line.waiting[0][0].at for line in self._lines.values() if line.waiting]
        return min(heads + [arrival.at for arrival in self._poison], default=None)

    def fills(self, size: int, now: float) -> bool:
        """Whether waiting would not make the next batch larger: it is full, or every active line has a frame in it."""
        waiting = sum(len(line.waiting) for line in self._lines.values())
        active = sum(bool(line.waiting) or now - line.served_at < _ACTIVE_S for line in self._lines.values())
        return waiting >= min(size, active)

    def _trim(self, line: _Line, now: float, now_ns: int) -> None:
        """Shed from the head what is too old and what has waited for too long, but never the newest for that."""
        if not line.live or self._max_age_ns is None:
            return
        while line.waiting:
            arrival, frame = line.waiting[0]
            share = 1.0 if now - line.shed_at > _CALM_S else _TIGHT
            if now_ns - frame.captured_at > self._max_age_ns:
                reason: Reason = "stale"
            elif len(line.waiting) > 1 and now - arrival.at > share * self._max_wait_s:
                reason, line.shed_at = "overload", now
            else:
                return
            line.waiting.popleft()
            self._shed.append((arrival, frame, reason))

    def _forget(self, now: float) -> None:
        for key, line in list(self._lines.items()):
            if line.waiting or now - line.served_at < _FORGET_S:
                return
            del self._lines[key]


def _partition(arrival: Arrival) -> Partition:
    return arrival.record.topic, arrival.record.partition
