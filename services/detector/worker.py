"""Batches through the stage: what the detector's loop does between poll and commit."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from services.detector import SERVICE
from services.detector.found import Found
from services.detector.health import HealthWatch
from services.detector.memory.keeper import Memories
from services.detector.source import release
from services.detector.stage import Decoded, DetectorStage, Look
from services.detector.waiting import Arrival
from services.detector.watch import tell_versions
from shared import topics
from shared.bus.base import Producer, Record
from shared.deadletters import bury
from shared.exceptions import PoisonMessageError, StoreError
from shared.frames import Frame, frame_ref
from shared.inspection import Confirmation
from shared.messages import Detections
from shared.settings import Settings
from shared.site import Camera
from shared.store import Store
from shared.telemetry import metrics
from shared.telemetry.logs import logger


@dataclass(frozen=True, slots=True)
class Done:
    """A batch that production has finished: decoded frames, what was published, the seconds that the model took, its
    messages."""

    decoded: Sequence[Decoded] = ()
    detections: Sequence[Detections] = ()
    seconds: float = 0.0
    batch: Sequence[Arrival] = ()

    @property
    def frames(self) -> list[Frame]:
        """The frames themselves."""
        return [item.frame for item in self.decoded]


@dataclass(frozen=True, slots=True)
class _Begun:
    """A batch that is being looked at: its messages, those of them that hold a frame, and what comes of these."""

    batch: Sequence[Arrival]
    records: Sequence[Record]
    seen: Future[Look]


class Worker:
    """Frames → detections and Redis, with one model per batch.

    Batches are looked at side by side, one per core and one that waits, and finished in the order in which they began:
    a camera's frames stay in order, and no core waits while results are published.

    Attributes:
        stage: decodes and infers; `swap` replaces it when nothing is in work.
    """

    def __init__(
        self, stage: DetectorStage, producer: Producer, store: Store, settings: Settings, cameras: Sequence[Camera] = ()
    ) -> None:
        """The zones of `cameras` name the views that their health is judged by."""
        self.stage, self._producer, self._store, self._settings = stage, producer, store, settings
        self._health = HealthWatch(cameras, store)
        self._memories = Memories(store)
        self._store_down = False
        self._last: dict[str, int] = {}
        self._begun: deque[_Begun] = deque()
        tell_versions("production", None, stage)

    @property
    def model(self) -> str:
        """What runs and where, such as `wayside-n@3 on cuda:0`."""
        return f"{self.stage.backend.version} on {self.stage.backend.device_name}"

    def swap(self, stage: DetectorStage) -> None:
        """Go on with another model; the memory of the old one is free then."""
        old, self.stage = self.stage, stage
        tell_versions("production", old, stage)
        metrics.MODEL_SWAPS.labels("production", "swapped").inc()
        logger(SERVICE).info("model swapped", old=old.backend.version, model=stage.backend.version)
        release(old)

    def close(self) -> None:
        """Keep what was learned of the cameras, and release the model."""
        self._health.save()
        self._memories.save()
        tell_versions("production", self.stage, None)
        self.stage.close()

    def confirm(self, record: Record) -> None:
        """Take a person's word on a lane; workers that do not own the camera have no memory of it."""
        try:
            said = Confirmation.from_bytes(record.value)
        except PoisonMessageError as error:
            bury(self._producer, SERVICE, record, error)
            return
        self._memories.confirm(said.camera, said.run, said.lane)

    @property
    def batch(self) -> int:
        """Frames that are looked at together at most."""
        return self.stage.together(self._settings.batch)

    @property
    def room(self) -> bool:
        """Whether another batch may begin: more would only wait, and grow old."""
        return len(self._begun) <= self.stage.backend.parallel

    def begin(self, batch: Sequence[Arrival], ready: Callable[[], None] = lambda: None) -> None:
        """Have a batch looked at by the next free core; `ready` is called, on another thread, once it has been."""
        accepted = self._accept(batch)
        frames, last = [frame for _, frame, _ in accepted], [last for *_, last in accepted]
        seen = self.stage.start(frames, last)
        seen.add_done_callback(lambda _: ready())
        self._begun.append(_Begun(batch, [record for record, *_ in accepted], seen))

    def finish(self, *, wait: bool) -> Done | None:
        """Publish the oldest batch in work and put it into Redis.

        Args:
            wait: for it; else the answer is None where it is not ready.
        """
        if not self._begun or not (wait or self._begun[0].seen.done()):
            return None
        begun = self._begun.popleft()
        look = begun.seen.result()
        seen: list[tuple[Record, Decoded, Found]] = []
        for record, outcome in zip(begun.records, look.outcomes, strict=True):
            if isinstance(outcome, PoisonMessageError):
                bury(self._producer, SERVICE, record, outcome)
            else:
                seen.append((record, *outcome))
        detections = self._tell(seen, look.seconds) if seen else []
        for result in detections:
            self._producer.send(
                topics.DETECTIONS,
                result.to_bytes(),
                key=result.camera,
                timestamp_ms=result.frame.captured_at // 1_000_000,
            )
        self._producer.flush()
        self._account(detections)
        self._put_latest(detections)
        return Done([item for _, item, _ in seen], detections, look.seconds, begun.batch)

    def _accept(self, batch: Sequence[Arrival]) -> list[tuple[Record, Frame, int | None]]:
        """The frames, each with the number of the live camera's frame before it, where there was one."""
        accepted = []
        for arrival in batch:
            if isinstance(arrival.content, PoisonMessageError):
                bury(self._producer, SERVICE, arrival.record, arrival.content)
                continue
            frame = arrival.content
            metrics.FRAMES_IN.labels(SERVICE, frame.camera).inc()
            last = None
            if frame.run is None:
                last = self._last.get(frame.camera)
                self._last[frame.camera] = frame.seq
            accepted.append((arrival.record, frame, last))
        return accepted

    def _tell(self, seen: Sequence[tuple[Record, Decoded, Found]], seconds: float) -> list[Detections]:
        metrics.BATCH_SIZE.observe(len(seen))
        metrics.INFERENCE_SECONDS.observe(seconds)
        return [
            self.stage.describe(
                item, frame_ref(record, item.frame.captured_at), found,
                self._health.see(item, found, self.stage.backend.labels),
                self._memories.see(item, found, self.stage),
            )
            for record, item, found in seen
        ]  # fmt: skip

    def _account(self, detections: Sequence[Detections]) -> None:
        now = time.time_ns()
        for result in detections:
            metrics.FRAMES_OUT.labels(SERVICE, result.camera).inc()
            if result.run is None:
                for head in result.heads:
                    metrics.HEAD_FRAMES.labels(result.camera, head.name, head.label).inc()
                metrics.DETECTION_LATENCY.observe(max(0.0, (now - result.frame.captured_at) / 1e9))

    def _put_latest(self, detections: Sequence[Detections]) -> None:
        latest = {result.camera: result for result in detections}
        try:
            self._store.put_latest(latest.values(), self._settings.latest_expiry_s)
            self._store_down = False
        except StoreError as error:
            metrics.ERRORS.labels(SERVICE, "redis").inc()
            if not self._store_down:
                logger(SERVICE).warning("latest result not stored", error=str(error))
            self._store_down = True
