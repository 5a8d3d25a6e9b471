"""The cameras of one partition that this worker owns: their state machines, and the checkpoint of all of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from services.analyzer import checkpoint
from services.analyzer.inputs import INPUTS, Machine, Message
from services.analyzer.presence import CameraPresence
from services.analyzer.stage import Analysis
from shared.bus.base import Partition, Record
from shared.checkpoint import CameraState, Checkpoint
from shared.clock import NS
from shared.exceptions import PoisonMessageError
from shared.site import Site
from shared.telemetry import metrics
from shared.telemetry.logs import logger
from shared.topics import DAY

_SERVICE = "analyzer"
# Runs of one camera that are followed at a time; the one that was quiet longest is dropped beyond that.
_RUNS_PER_CAMERA = 4
# A replay that was quiet for as long as detections are kept has ended, and so has a camera that the site lost.
_EXPIRY_NS = 2 * DAY * NS


@dataclass(slots=True)
class _Followed:
    """One camera in one run: `machine` once it was needed here, `saved` while that is its state."""

    touched_at: int
    machine: Machine | None = None
    saved: str | None = None


class OwnedPartition:
    """State machine of one partition of one of the `INPUTS`.

    Attributes:
        next: offset of the first message that is not in the state yet.
        dirty_since: UTC ns (the worker's clock) of the oldest message that no checkpoint holds; None if all are held.
    """

    def __init__(
        self, site: Site, partition: Partition, start: int, saved: Checkpoint | None, clock: Callable[[], int]
    ):
        """`start` is the first offset to process; `clock` gives UTC ns."""
        self._site, self._partition, self._clock = site, partition, clock
        self._input = INPUTS[partition[0]]
        self.next = start
        self.dirty_since: int | None = None
        # Of a checkpoint of another log, which gives no start, only the states are taken over.
        same = saved is not None and saved.offset == start
        self._last = (saved.last_key, saved.last_timestamp_ms) if saved is not None and same else (None, None)
        self._followed: dict[tuple[str, str | None], _Followed] = {
            (item.camera, item.run): _Followed(item.touched_at, saved=item.state)
            for item in (saved.cameras if saved else [])
        }

    @property
    def cameras(self) -> set[str]:
        """The cameras that had a message here."""
        return {camera for (camera, _), item in self._followed.items() if item.machine is not None}

    def step(self, record: Record) -> tuple[Message, Analysis] | None:
        """Take the partition's next message; None when the state holds it already.

        Raises:
            PoisonMessageError: it can never be processed; the partition has moved past it.
        """
        if record.offset < self.next:
            return None
        self.next, self._last = record.offset + 1, (record.key, record.timestamp_ms)
        now = self._clock()
        self.dirty_since = self.dirty_since or now
        message = self._input.parse(record)
        item = self._follow(message)
        assert item.machine is not None
        item.touched_at, item.saved = now, None
        return message, item.machine.step(message)

    def live(self) -> Iterator[tuple[CameraPresence, int]]:
        """Of a partition of camera-status, the live cameras, each with the time (UTC ns) of its last message."""
        for (camera, run), item in self._followed.items():
            if run is not None or self._site.camera(camera) is None:
                continue
            machine = item.machine or self._wake((camera, run), item)
            if isinstance(machine, CameraPresence):
                yield machine, item.touched_at

    def checkpoint(self) -> Checkpoint:
        """The state as of `next`; it counts as held from now on."""
        now = self._clock()
        for key in [key for key, item in self._followed.items() if self._has_ended(key, item, now)]:
            del self._followed[key]
        self.dirty_since = None
        states = []
        for (camera, run), item in self._followed.items():
            if item.saved is None:
                assert item.machine is not None
                item.saved = checkpoint.encode(item.machine.state())
            states.append(CameraState(camera=camera, run=run, touched_at=item.touched_at, state=item.saved))
        topic, number = self._partition
        return Checkpoint(
            topic=topic,
            partition=number,
            offset=self.next,
            last_key=self._last[0],
            last_timestamp_ms=self._last[1],
            cameras=checkpoint.fitting(states),
        )

    def _follow(self, message: Message) -> _Followed:
        key = (message.camera, message.run)
        if self._site.camera(message.camera) is None:
            raise PoisonMessageError("unknown-camera", f"the site has no camera {message.camera!r}")
        item = self._followed.pop(key, None) or _Followed(0)
        if item.machine is None:
            self._wake(key, item)
        runs = [other for other in self._followed if other[0] == message.camera]
        if len(runs) >= _RUNS_PER_CAMERA:
            del self._followed[runs[0]]
        self._followed[key] = item  # at the end: dicts keep the order, so the first is the longest quiet
        return item

    def _wake(self, key: tuple[str, str | None], item: _Followed) -> Machine:
        camera = self._site.camera(key[0])
        assert camera is not None
        item.machine = self._input.build(self._site, camera)
        if item.saved is not None:
            self._restore(item.machine, item.saved, key)
        return item.machine

    def _restore(self, machine: Machine, saved: str, key: tuple[str, str | None]) -> None:
        try:
            dropped = machine.restore(checkpoint.decode(saved))
            metrics.CHECKPOINT_STATES.labels("restored", "camera").inc()
        except ValueError as error:
            dropped = ["camera"]
            logger(_SERVICE).warning("state not readable", camera=key[0], run=key[1], reason=str(error))
        for part in dropped:
            metrics.CHECKPOINT_STATES.labels("dropped", part).inc()
        if dropped:
            logger(_SERVICE).warning("part of the state begins anew", camera=key[0], run=key[1], parts=dropped)

    def _has_ended(self, key: tuple[str, str | None], item: _Followed, now: int) -> bool:
        camera, run = key
        return now - item.touched_at > _EXPIRY_NS and (run is not None or self._site.camera(camera) is None)
