"""One batch through the stage: what the detector's loop does between poll and commit."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from services.detector import SERVICE
from services.detector.health import HealthWatch
from services.detector.memory.keeper import Memories
from services.detector.source import release
from services.detector.stage import Decoded, DetectorStage
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
    """A batch that production has finished: decoded frames, what was published, and the seconds that the model took."""

    decoded: Sequence[Decoded] = ()
    detections: Sequence[Detections] = ()
    seconds: float = 0.0

    @property
    def frames(self) -> list[Frame]:
        """The frames themselves."""
        return [item.frame for item in self.decoded]


class Worker:
    """Frames → detections and Redis, with one model per batch.

    Attributes:
        stage: decodes and infers; `swap` replaces it between two batches.
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

    def process(self, batch: Sequence[Arrival]) -> Done:
        """Decode, infer, publish and put into Redis."""
        frames = self._accept(batch)
        decoded: list[Decoded] = []
        records: list[Record] = []
        results = self.stage.decode_all([frame for _, frame, _ in frames], [last for *_, last in frames])
        for (record, *_), outcome in zip(frames, results, strict=True):
            if isinstance(outcome, PoisonMessageError):
                bury(self._producer, SERVICE, record, outcome)
            else:
                decoded.append(outcome)
                records.append(record)
        start = time.perf_counter()
        detections = self._infer(decoded, records) if decoded else []
        seconds = time.perf_counter() - start
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
        return Done(decoded, detections, seconds)

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

    def _infer(self, decoded: Sequence[Decoded], records: Sequence[Record]) -> list[Detections]:
        refs = [frame_ref(record, item.frame.captured_at) for record, item in zip(records, decoded, strict=True)]
        metrics.BATCH_SIZE.observe(len(decoded))
        with metrics.INFERENCE_SECONDS.time():
            found = self.stage.infer(decoded)
            return [
                self.stage.describe(item, ref, one, self._health.see(item), self._memories.see(item, one, self.stage))
                for item, ref, one in zip(decoded, refs, found, strict=True)
            ]

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
