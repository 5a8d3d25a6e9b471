"""The alerts service: incidents → alerts with evidence → alerts topic, Redis and the site's sinks.

Order of one incident: evidence → alerts topic → flush → Redis → commit. A crash in between repeats the
incident; the book, rebuilt from the alerts topic, knows what was published and drops it.
"""

import threading
import time

from services.alerts.delivery import serve_sink
from services.alerts.evidence import EvidenceStore, draw_snapshot
from services.alerts.lifecycle import CONTENT_TYPE, AlertBook, AlertEvent
from services.alerts.sinks import open_sink
from services.alerts.view import RedisView, read_alerts
from shared import topics
from shared.bus.base import Bus, Consumer, Partition, Producer, Record
from shared.deadletters import bury
from shared.exceptions import BusError, OwnershipLostError, PoisonMessageError
from shared.messages import Evidence, Incident
from shared.service import Heartbeat
from shared.settings import Settings
from shared.site import Site
from shared.store import Store
from shared.telemetry import metrics
from shared.telemetry.health import Health
from shared.telemetry.logs import logger

SERVICE = "alerts"
_REPAIR_EVERY_S = 2.0


def serve(bus: Bus, store: Store, site: Site, settings: Settings, stop: threading.Event) -> None:
    """Work until `stop` is set."""
    health = Health(SERVICE)
    heartbeat = Heartbeat(health, store, settings)
    bus.ensure_topics(topics.SPECS)
    book = AlertBook()
    view = RedisView(store, book)
    producer = bus.producer()
    worker = _Worker(bus, producer, book, view, EvidenceStore(settings.data))
    consumer = bus.consumer([topics.INCIDENTS], group=topics.ALERTS_GROUP)
    sinks = [
        threading.Thread(target=serve_sink, args=(bus, config, open_sink(config), stop), name=f"sink-{number}")
        for number, config in enumerate(site.sinks)
    ]
    for thread in sinks:
        thread.start()
    owned: set[Partition] | None = None
    next_repair = 0.0
    try:
        while not stop.is_set():
            records = consumer.poll(100, timeout_s=0.5)
            if (assigned := consumer.assignment()) != owned:
                # What another instance published for these partitions is known only to the topic.
                book.restore(read_alerts(bus))
                view.invalidate()
                owned = assigned
            for record in records:
                worker.process(record)
                if not _commit(consumer, record):
                    break
            health.beat(detail=f"{len(site.sinks)} sinks")
            if time.monotonic() >= next_repair:
                view.repair()
                metrics.CONSUMER_LAG.labels(topics.ALERTS_GROUP, topics.INCIDENTS).set(
                    bus.lag(topics.ALERTS_GROUP, topics.INCIDENTS)
                )
                next_repair = time.monotonic() + _REPAIR_EVERY_S
    finally:
        health.beat("stopping")
        stop.set()  # the sinks end with their service, also when it fails
        consumer.close()
        producer.close()
        for thread in sinks:
            thread.join(timeout=15)
        heartbeat.close()


class _Worker:
    """What is done with one incident."""

    def __init__(self, bus: Bus, producer: Producer, book: AlertBook, view: RedisView, evidence: EvidenceStore) -> None:
        self._bus, self._producer, self._book, self._view, self._evidence = bus, producer, book, view, evidence

    def process(self, record: Record) -> None:
        try:
            incident = Incident.from_bytes(record.value)
        except PoisonMessageError as error:
            bury(self._producer, SERVICE, record, error)
            self._producer.flush()
            return
        if incident.revision <= self._book.known_revision(incident.incident_id):
            return
        event = self._book.apply(incident, self._gather(incident))
        assert event is not None  # the revision is newer than the book's
        self._publish(event)

    def _gather(self, incident: Incident) -> list[Evidence]:
        if incident.change != "opened":
            return []
        frame = incident.frame
        try:
            record = self._bus.read(frame.topic, frame.partition, frame.offset)
            if record is None or not record.value:
                raise PoisonMessageError("frame-gone", "retention has removed the frame")
            uri = self._evidence.put(incident.incident_id, draw_snapshot(record.value, incident))
        except (PoisonMessageError, BusError, OSError) as error:
            # An alert without a picture is worth more than none.
            metrics.ERRORS.labels(SERVICE, "evidence").inc()
            logger(SERVICE).warning("alert without picture", alert=incident.incident_id, reason=str(error))
            return [Evidence(kind="frame", uri=f"{frame.topic}/{frame.partition}/{frame.offset}")]
        return [
            Evidence(kind="snapshot", uri=uri),
            Evidence(kind="frame", uri=f"{frame.topic}/{frame.partition}/{frame.offset}"),
        ]

    def _publish(self, event: AlertEvent) -> None:
        alert = event.alert
        self._producer.send(
            topics.ALERTS,
            event.to_bytes(),
            key=alert.alert_id,
            timestamp_ms=event.time // 1_000_000,
            headers={"content-type": CONTENT_TYPE.encode()},
        )
        self._producer.flush()
        self._view.put(alert)
        if event.change == "opened":
            metrics.ALERTS.labels(alert.incident, alert.severity).inc()
            if alert.run is None:
                metrics.ALERT_LATENCY.observe(max(0.0, (time.time_ns() - event.time) / 1e9))
        logger(SERVICE).info(
            "alert", change=event.change, incident=alert.incident, camera=alert.camera, zone=alert.zone,
            severity=alert.severity, id=alert.alert_id,
        )  # fmt: skip


def _commit(consumer: Consumer, record: Record) -> bool:
    try:
        consumer.commit({(record.topic, record.partition): record.offset + 1})
    except OwnershipLostError as error:
        logger(SERVICE).info("partition went to another instance; it repeats the incident", detail=str(error))
        return False
    return True
