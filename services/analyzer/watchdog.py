"""What only the wall clock can tell of live cameras: a producer that has died, and one whose clock is wrong.

A dead producer sends nothing, so no event time passes and no rule can notice it. The watchdog does, by the clock, and
writes what it concludes to camera-status, in the producer's place. From there it is an event like any other: the rules
stay pure, and a replay of the log gives the same incidents. Replays themselves (`run` is set) are never watched.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from services.analyzer.owned import OwnedPartition
from shared import topics
from shared.bus.base import Bus, Partition
from shared.camera_status import BEAT_S, CameraStatus, ClockFault
from shared.clock import NS, in_words, to_ns

# Five reports are missing: a rolling update or a busy broker is over sooner, and `lost` waits for 10 s in any case.
SILENT_S = 5 * BEAT_S
_TICK_S = BEAT_S
# Who has not looked for so long (the process hung, the machine slept) has not listened either.
_DEAF_S = 3 * _TICK_S
# So many reports must agree, so that one that was under way for long does not count.
_AGREE = 5
# A report cannot arrive before it was sent, so 3 s are what the clocks of two machines without NTP part in days. It may
# well arrive late when a worker or the bus is busy, so a clock that is behind must be so by more. From 5 s on the
# detector sheds the camera's frames as stale (WAYSIDE_MAX_AGE_S).
_AHEAD_NS = 3 * NS
_BEHIND_NS = 5 * NS
# Once told, the clocks must be closer by a second than what would be told.
_MARGIN_NS = NS

_Key = tuple[Partition, str]


@dataclass(slots=True)
class _Heard:
    """When a camera's producer was heard last (monotonic s), and how old its last reports were on arrival (ns)."""

    at: float
    ages: deque[int] = field(default_factory=lambda: deque(maxlen=_AGREE))


class Watchdog:
    """Listens to the live cameras of this worker's partitions.

    Args:
        clock: UTC ns.
        monotonic: seconds.
    """

    def __init__(self, bus: Bus, clock: Callable[[], int], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._bus, self._clock, self._monotonic = bus, clock, monotonic
        self._heard: dict[_Key, _Heard] = {}
        self._suspects: set[_Key] = set()
        self._looked = self._monotonic()

    def due(self) -> bool:
        """Whether it is time for `words`."""
        return self._monotonic() - self._looked >= _TICK_S

    def hear(self, partition: Partition, status: CameraStatus) -> None:
        """A message of camera-status has arrived."""
        if status.by != "producer" or status.run is not None:
            return
        heard = self._heard.setdefault((partition, status.camera), _Heard(0.0))
        heard.at = self._monotonic()
        heard.ages.append(self._clock() - status.at)

    def forget(self, partitions: set[Partition]) -> None:
        """Another worker listens to these."""
        self._heard = {key: heard for key, heard in self._heard.items() if key[0] not in partitions}

    def words(self, owned: Mapping[Partition, OwnedPartition]) -> list[CameraStatus]:
        """What has to be written now.

        Raises:
            BusError: the bus does not say whether there is more to read.
        """
        now = self._monotonic()
        if now - self._looked > _DEAF_S:
            self._heard.clear()
        self._looked = now
        found: dict[_Key, CameraStatus] = {}
        for partition, part in owned.items():
            if partition[0] != topics.CAMERA_STATUS:
                continue
            for camera, touched_at in part.live():
                if camera.last is None:
                    continue  # its saved state could not be read; it is known again with its next report
                key = (partition, camera.last.camera)
                heard = self._heard.setdefault(key, _Heard(now))
                word = self._word(camera.last, camera.doubt, heard, touched_at)
                if word is not None:
                    found[key] = word
        # Silence is what is not in the log, not what has not been read. And it must be so twice: a bus that was away
        # answers before its producers have found it again.
        read = self._all_read(owned) if found else set()
        suspects = {key for key in found if key[0] in read}
        confirmed, self._suspects = suspects & self._suspects, suspects
        return [found[key] for key in sorted(confirmed)]

    def _word(
        self, last: CameraStatus, before: ClockFault | None, heard: _Heard, touched_at: int
    ) -> CameraStatus | None:
        silence = self._monotonic() - heard.at
        # In the producer's time, which goes on as ours does. Before this worker had the camera another one did.
        passed = to_ns(silence) if heard.ages else max(to_ns(silence), self._clock() - touched_at)
        word = last.model_copy(update={"by": "analyzer", "at": last.at + passed, "clock": before})
        if silence >= SILENT_S:
            told = last.by == "analyzer" and last.state == "lost"
            return None if told or last.state == "ended" else _silenced(word, last, passed)
        doubt = _doubt(heard.ages, before, last)
        return None if doubt == before else word.model_copy(update={"clock": doubt})

    def _all_read(self, owned: Mapping[Partition, OwnedPartition]) -> set[Partition]:
        ends = self._bus.end_offsets(topics.CAMERA_STATUS)
        return {key for key, part in owned.items() if key[0] == topics.CAMERA_STATUS and part.next >= ends[key[1]]}


def _silenced(word: CameraStatus, last: CameraStatus, passed: int) -> CameraStatus:
    since = last.since if last.state == "lost" else min(last.at, last.captured_at or last.at)
    reason = f"its producer has not reported for {in_words(passed)}; before that: {last.reason or 'all was well'}"
    return word.model_copy(update={"state": "lost", "since": since, "reason": reason})


def _doubt(ages: deque[int], before: ClockFault | None, last: CameraStatus) -> ClockFault | None:
    """What the ages of the last reports say of the producer's clock against this machine's."""
    if len(ages) < _AGREE:
        return before
    margin = _MARGIN_NS if before is not None else 0
    if -max(ages) > _AHEAD_NS - margin:
        text = f"{in_words(-max(ages))} ahead of"
    elif min(ages) > _BEHIND_NS - margin:
        text = f"{in_words(min(ages))} behind"
    else:
        return None
    detail = f"its producer's clock is {text} the analyzer's; one of the two is wrong"
    return before or ClockFault(since=last.at, detail=detail)
