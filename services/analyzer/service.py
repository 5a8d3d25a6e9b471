"""The analyzer service: detections → tracks and incidents, one owner per camera."""

import threading
import time
from collections.abc import Sequence

from services.analyzer.stage import CameraAnalyzer
from shared import topics
from shared.bus.base import Bus, Partition, Producer, Record
from shared.deadletters import bury
from shared.exceptions import PoisonMessageError
from shared.messages import Detections, Incident
from shared.service import Heartbeat, commit_batch
from shared.settings import Settings
from shared.site import Site
from shared.store import Store
from shared.telemetry import metrics
from shared.telemetry.health import Health
from shared.telemetry.logs import logger

SERVICE = "analyzer"
# Runs of one camera that are followed at a time; the one that was quiet longest is dropped beyond that.
_RUNS_PER_CAMERA = 4


def serve(bus: Bus, store: Store, site: Site, settings: Settings, stop: threading.Event) -> None:
    """Work until `stop` is set. Order of a batch: publish → flush → commit, as in the detector."""
    health = Health(SERVICE)
    heartbeat = Heartbeat(health, store, settings)
    bus.ensure_topics(topics.SPECS)
    producer = bus.producer()
    worker = _Worker(site, producer)
    consumer = bus.consumer([topics.DETECTIONS], group=topics.ANALYZER_GROUP, on_revoked=worker.drop)
    next_lag = 0.0
    try:
        while not stop.is_set():
            batch = consumer.poll(500, timeout_s=0.5)
            if batch:
                worker.process(batch)
                producer.flush()
                commit_batch(consumer, batch, SERVICE)
            health.beat(detail=f"{worker.cameras} cameras")
            if time.monotonic() >= next_lag:
                metrics.CONSUMER_LAG.labels(topics.ANALYZER_GROUP, topics.DETECTIONS).set(
                    bus.lag(topics.ANALYZER_GROUP, topics.DETECTIONS)
                )
                next_lag = time.monotonic() + 5
    finally:
        health.beat("stopping")
        consumer.close()
        producer.close()
        heartbeat.close()


class _Worker:
    """The cameras that this process owns, and what is done with each of their detections."""

    def __init__(self, site: Site, producer: Producer) -> None:
        self._site, self._producer = site, producer
        self._analyzers: dict[tuple[str, str | None], CameraAnalyzer] = {}
        self._partition_of: dict[tuple[str, str | None], Partition] = {}

    @property
    def cameras(self) -> int:
        return len({camera for camera, _ in self._analyzers})

    def process(self, batch: Sequence[Record]) -> None:
        for record in batch:
            try:
                self._analyse(record)
            except PoisonMessageError as error:
                bury(self._producer, SERVICE, record, error)

    def drop(self, partitions: set[Partition]) -> None:
        """Another member owns these now; a stale state must not come back to life here."""
        for key in [key for key, partition in self._partition_of.items() if partition in partitions]:
            del self._analyzers[key], self._partition_of[key]

    def _analyse(self, record: Record) -> None:
        detections = Detections.from_bytes(record.value)
        metrics.FRAMES_IN.labels(SERVICE, detections.camera).inc()
        analysis = self._analyzer(detections, record).step(detections)
        if analysis.ignored or analysis.tracks is None:
            metrics.FRAMES_IGNORED.labels(SERVICE, detections.camera, analysis.ignored).inc()
            return
        timestamp_ms = detections.frame.captured_at // 1_000_000
        self._producer.send(topics.TRACKS, analysis.tracks.to_bytes(), key=detections.camera, timestamp_ms=timestamp_ms)
        for incident in analysis.incidents:
            self._publish(incident, timestamp_ms)
        metrics.TRACKED_OBJECTS.labels(detections.camera).set(len(analysis.tracks.objects))
        metrics.FRAMES_OUT.labels(SERVICE, detections.camera).inc()

    def _publish(self, incident: Incident, timestamp_ms: int) -> None:
        self._producer.send(topics.INCIDENTS, incident.to_bytes(), key=incident.incident_id, timestamp_ms=timestamp_ms)
        metrics.INCIDENTS.labels(incident.incident, incident.change).inc()
        logger(SERVICE).info(
            "incident", change=incident.change, incident=incident.incident, camera=incident.camera,
            zone=incident.zone, id=incident.incident_id,
        )  # fmt: skip

    def _analyzer(self, detections: Detections, record: Record) -> CameraAnalyzer:
        key = (detections.camera, detections.run)
        known = self._analyzers.pop(key, None)
        if known is None:
            camera = self._site.camera(detections.camera)
            if camera is None:
                raise PoisonMessageError("unknown-camera", f"the site has no camera {detections.camera!r}")
            known = CameraAnalyzer(self._site, camera)
            runs = [other for other in self._analyzers if other[0] == detections.camera]
            if len(runs) >= _RUNS_PER_CAMERA:
                del self._analyzers[runs[0]], self._partition_of[runs[0]]
        self._analyzers[key] = known  # at the end: dicts keep the order, so the first is the longest quiet
        self._partition_of[key] = (record.topic, record.partition)
        return known
