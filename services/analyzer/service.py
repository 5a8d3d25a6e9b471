"""The analyzer service: detections → tracks, incidents, lane statistics, turnarounds; camera-status → incidents; one
owner per camera.

Order of a batch: publish → flush → commit; every few seconds also a checkpoint (services/analyzer/checkpoint.py).
"""

import threading
import time

from services.analyzer.inputs import INPUTS
from services.analyzer.worker import SERVICE, Worker
from shared import topics
from shared.bus.base import Bus
from shared.service import Heartbeat
from shared.settings import Settings
from shared.site import Site
from shared.store import Store
from shared.telemetry import metrics
from shared.telemetry.health import Health


def serve(bus: Bus, store: Store, site: Site, settings: Settings, stop: threading.Event) -> None:
    """Work until `stop` is set, then leave a checkpoint, so that the next owner repeats nothing."""
    health = Health(SERVICE)
    heartbeat = Heartbeat(health, store, settings)
    bus.ensure_topics(topics.SPECS)
    producer = bus.producer()
    worker = Worker(bus, producer, site, settings.checkpoint_s)
    consumer = bus.consumer(list(INPUTS), group=topics.ANALYZER_GROUP, on_revoked=worker.drop)
    next_lag = 0.0
    try:
        while not stop.is_set():
            worker.process(consumer.poll(500, timeout_s=0.5), consumer)
            worker.watch(consumer)
            worker.checkpoint()
            health.beat(detail=f"{worker.cameras} cameras")
            if time.monotonic() >= next_lag:
                for topic in INPUTS:
                    metrics.CONSUMER_LAG.labels(topics.ANALYZER_GROUP, topic).set(bus.lag(topics.ANALYZER_GROUP, topic))
                next_lag = time.monotonic() + 5
        worker.checkpoint(everything=True)
    finally:
        health.beat("stopping")
        consumer.close()
        producer.close()
        heartbeat.close()
