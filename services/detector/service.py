"""The detector service: frames → boxes → detections and Redis, committing after publishing."""

import threading
import time
from collections.abc import Sequence

from services.detector import SERVICE
from services.detector.feed import Feed
from services.detector.shadow import Shadow
from services.detector.source import Source
from services.detector.watch import Watch
from services.detector.worker import Worker
from shared import topics
from shared.bus.base import Bus
from shared.service import Heartbeat
from shared.settings import Settings
from shared.site import Camera
from shared.store import Store
from shared.telemetry import metrics
from shared.telemetry.health import Health
from shared.telemetry.logs import logger


def serve(bus: Bus, store: Store, settings: Settings, stop: threading.Event, cameras: Sequence[Camera] = ()) -> None:
    """Work until `stop` is set. One fills the cores of a machine; a large GPU carries several.

    Frames of `cameras` get the close-ups that their zones ask for; those of others are seen as a whole.

    Order of a batch: publish → flush → Redis → commit. A crash in between repeats the batch elsewhere; the
    detections are the same and the analyzer drops repeats. The feed reads ahead, commits, and sheds what comes faster
    than it can be seen. Several batches are in work at a time; another model begins when none is, and the shadow looks
    at a batch after it is done.
    """
    health = Health(SERVICE)
    heartbeat = Heartbeat(health, store, settings)
    log = logger(SERVICE)
    bus.ensure_topics(topics.SPECS)
    source = Source(settings, cameras)
    versions = source.resolve()
    producer = bus.producer()
    worker = Worker(source.load(versions), producer, store, settings, cameras)
    backend = worker.stage.backend
    log.info(
        "model loaded", model=worker.model, imgsz=settings.imgsz, backend=backend.name, precision=backend.precision
    )
    shadow = Shadow(settings, cameras, bus.producer()) if settings.shadow or settings.shadow_heads else None
    watch = Watch(source, versions, "production")
    watch.start(settings.model_poll_s)
    feed = Feed(bus, settings)
    # Every worker hears every confirmation; only the one that has the camera's memory can use it.
    confirmations = bus.consumer([topics.CONFIRMATIONS], group=None, start="latest")
    next_lag = next_word = 0.0
    try:
        while not stop.is_set():
            if worker.room and (batch := feed.take(size=worker.batch)):
                worker.begin(batch, feed.wake)
            fresh = watch.take()
            while (done := worker.finish(wait=fresh is not None or not worker.room)) is not None:
                feed.done(done.batch)
                watch.recent = done.frames or watch.recent
                if shadow:
                    shadow.look(done)
            if fresh is not None:
                worker.swap(fresh)
            if time.monotonic() >= next_word:
                for record in confirmations.poll(16, timeout_s=0):
                    worker.confirm(record)
                next_word = time.monotonic() + 1
            health.beat(detail=worker.model)
            if time.monotonic() >= next_lag:
                metrics.CONSUMER_LAG.labels(topics.DETECTOR_GROUP, topics.FRAMES).set(
                    bus.lag(topics.DETECTOR_GROUP, topics.FRAMES)
                )
                next_lag = time.monotonic() + 5  # an admin call costs milliseconds; a dashboard needs no more
    finally:
        health.beat("stopping")
        confirmations.close()
        feed.close()
        producer.close()
        watch.close()
        if shadow:
            shadow.close()
        worker.close()
        heartbeat.close()
