"""The detector service: frames → boxes → detections and Redis, committing after publishing."""

import threading
import time
from collections.abc import Sequence

from services.detector.backends.torch import TorchBackend
from services.detector.heads.find import find_heads
from services.detector.stage import Decoded, DetectorStage
from services.detector.weights import find_weights
from shared import topics
from shared.bus.base import Bus, Consumer, Producer, Record
from shared.deadletters import bury
from shared.exceptions import PoisonMessageError, StoreError
from shared.frames import Frame, frame_ref
from shared.messages import Detections
from shared.service import Heartbeat, commit_batch
from shared.settings import Settings
from shared.site import Camera
from shared.store import Store
from shared.telemetry import metrics
from shared.telemetry.health import Health
from shared.telemetry.logs import logger

SERVICE = "detector"


def load_stage(settings: Settings, cameras: Sequence[Camera]) -> DetectorStage:
    """The detector stage with the configured weights and heads on the configured device.

    See `DetectorStage` for `cameras`.
    """
    weights = find_weights(settings.model, settings.models)
    backend = TorchBackend(
        weights,
        device=settings.device,
        min_score=settings.min_score,
        threads=settings.threads,
        precision=settings.precision,
        heads=find_heads(settings.heads, settings.models),
        trusted=settings.trust_weights,
    )
    return DetectorStage(backend, imgsz=settings.imgsz, cameras=cameras)


def serve(bus: Bus, store: Store, settings: Settings, stop: threading.Event, cameras: Sequence[Camera] = ()) -> None:
    """Work until `stop` is set. Start as many of these as there are cores or GPUs to fill.

    Frames of `cameras` get the close-ups that their zones ask for; those of others are seen as a whole.

    Order of a batch: publish → flush → Redis → commit. A crash in between repeats the batch elsewhere; the
    detections are the same and the analyzer drops repeats.
    """
    health = Health(SERVICE)
    heartbeat = Heartbeat(health, store, settings)
    log = logger(SERVICE)
    bus.ensure_topics(topics.SPECS)
    stage = load_stage(settings, cameras)
    log.info("model loaded", model=stage.backend.version, imgsz=settings.imgsz, device=stage.backend.device_name)
    producer = bus.producer()
    consumer = bus.consumer([topics.FRAMES], group=topics.DETECTOR_GROUP)
    worker = _Worker(stage, producer, store, settings)
    next_lag = 0.0
    try:
        while not stop.is_set():
            batch = gather(consumer, settings.batch, settings.batch_wait_ms / 1000)
            if batch:
                worker.process(batch)
                commit_batch(consumer, batch, SERVICE)
            health.beat(detail=f"{stage.backend.version} on {stage.backend.device_name}")
            if time.monotonic() >= next_lag:
                metrics.CONSUMER_LAG.labels(topics.DETECTOR_GROUP, topics.FRAMES).set(
                    bus.lag(topics.DETECTOR_GROUP, topics.FRAMES)
                )
                next_lag = time.monotonic() + 5  # an admin call costs milliseconds; a dashboard needs no more
    finally:
        health.beat("stopping")
        consumer.close()
        producer.close()
        stage.close()
        heartbeat.close()


def gather(consumer: Consumer, size: int, wait_s: float) -> list[Record]:
    """Up to `size` frames; waits at most `wait_s` beyond the first for the batch to fill."""
    batch = consumer.poll(size, timeout_s=0.5)
    deadline = time.monotonic() + wait_s
    while batch and len(batch) < size:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        batch += consumer.poll(size - len(batch), timeout_s=left)
    return batch


def is_stale(frame: Frame, max_age_s: float | None, now_ns: int) -> bool:
    """Whether a live frame is too old to be worth the work; a replay is never shed."""
    return max_age_s is not None and frame.run is None and now_ns - frame.captured_at > max_age_s * 1e9


class _Worker:
    """One batch through the stage: what the loop does between poll and commit."""

    def __init__(self, stage: DetectorStage, producer: Producer, store: Store, settings: Settings) -> None:
        self._stage, self._producer, self._store, self._settings = stage, producer, store, settings
        self._store_down = False

    def process(self, batch: Sequence[Record]) -> None:
        frames = self._accept(batch)
        decoded: list[Decoded] = []
        records: list[Record] = []
        results = self._stage.decode_all([frame for _, frame in frames])
        for (record, _), outcome in zip(frames, results, strict=True):
            if isinstance(outcome, PoisonMessageError):
                bury(self._producer, SERVICE, record, outcome)
            else:
                decoded.append(outcome)
                records.append(record)
        detections = self._infer(decoded, records) if decoded else []
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

    def _accept(self, batch: Sequence[Record]) -> list[tuple[Record, Frame]]:
        accepted = []
        now = time.time_ns()
        for record in batch:
            try:
                frame = Frame.from_record(record)
            except PoisonMessageError as error:
                bury(self._producer, SERVICE, record, error)
                continue
            metrics.FRAMES_IN.labels(SERVICE, frame.camera).inc()
            if is_stale(frame, self._settings.max_age_s, now):
                metrics.FRAMES_SHED.labels(SERVICE, frame.camera, "stale").inc()
            else:
                accepted.append((record, frame))
        return accepted

    def _infer(self, decoded: Sequence[Decoded], records: Sequence[Record]) -> list[Detections]:
        refs = [frame_ref(record, item.frame.captured_at) for record, item in zip(records, decoded, strict=True)]
        metrics.BATCH_SIZE.observe(len(decoded))
        with metrics.INFERENCE_SECONDS.time():
            return self._stage.detect(decoded, refs)

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
