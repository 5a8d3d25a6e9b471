"""What the alerts service does with one incident or verdict: evidence → alerts topic → Redis."""

import time

from services.alerts.evidence import draw_snapshot
from services.alerts.lifecycle import CONTENT_TYPE, AlertBook, AlertEvent
from services.alerts.view import RedisView
from shared import topics
from shared.bus.base import Bus, Producer, Record
from shared.deadletters import bury
from shared.evidence import EvidenceStore
from shared.exceptions import BusError, PoisonMessageError
from shared.messages import Evidence, Incident
from shared.telemetry import metrics
from shared.telemetry.logs import logger
from shared.verdict import VERDICTS, AlertVerdict

SERVICE = "alerts"
# Kafka counts partitions in 32 and offsets in 64 bits.
_PARTITIONS, _OFFSETS = range(2**31), range(2**63)
# Escapes and the event's envelope make an alert up to six times as long as its incident, and the bus takes 8 MiB;
# an alert that it refuses would end the service at each start. An honest incident has 1 KB.
_MOST_BYTES = 1 << 20


class Worker:
    """Turns incidents, and what operators say of them, into published alerts."""

    def __init__(self, bus: Bus, producer: Producer, book: AlertBook, view: RedisView, evidence: EvidenceStore) -> None:
        self._bus, self._producer, self._book, self._view, self._evidence = bus, producer, book, view, evidence

    def process(self, record: Record) -> None:
        """Publish what follows from one message; it is stored by the bus when this returns.

        Raises:
            BusError: it could not be stored.
        """
        try:
            if len(record.value or b"") > _MOST_BYTES:
                raise PoisonMessageError("too-large", f"a message of {len(record.value or b'')} bytes")
            event = self._judged(record) if record.topic == topics.ALERT_VERDICTS else self._changed(record)
        except PoisonMessageError as error:
            bury(self._producer, SERVICE, record, error)
            self._producer.flush()
            return
        if event is not None:
            self._publish(event)

    def _changed(self, record: Record) -> AlertEvent | None:
        incident = Incident.from_bytes(record.value)
        if incident.revision <= self._book.known_revision(incident.incident_id):
            return None
        return self._book.apply(incident, self._gather(incident))

    def _judged(self, record: Record) -> AlertEvent | None:
        said = AlertVerdict.from_bytes(record.value)
        if record.key != said.alert_id:
            # In another partition, whose owner may not know this alert's latest state.
            raise PoisonMessageError("bad-key", f"the key of this verdict is {said.alert_id}")
        return self._book.judge(said)

    def _gather(self, incident: Incident) -> list[Evidence]:
        """Evidence of an opening: the picture, and the frame's address as far as the frame is there."""
        frame = incident.frame
        if incident.change != "opened" or frame.topic != topics.FRAMES:
            return []
        if frame.partition not in _PARTITIONS or frame.offset not in _OFFSETS:
            return []  # not from the bus
        address: list[Evidence] = []
        try:
            record = self._bus.read(frame.topic, frame.partition, frame.offset)
            if record is None:
                raise PoisonMessageError("frame-gone", "retention has removed the frame")
            address = [Evidence(kind="frame", uri=f"{frame.topic}/{frame.partition}/{frame.offset}")]
            uri = self._evidence.put(incident.incident_id, draw_snapshot(record.value or b"", incident))
        except (PoisonMessageError, BusError, OSError) as error:
            # An alert without a picture is worth more than none.
            metrics.ERRORS.labels(SERVICE, "evidence").inc()
            logger(SERVICE).warning("alert without picture", alert=incident.incident_id, reason=str(error))
            return address
        return [Evidence(kind="snapshot", uri=uri), *address]

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
        elif event.change in VERDICTS:
            metrics.VERDICTS.labels(alert.incident, event.change).inc()
        logger(SERVICE).info(
            "alert", change=event.change, incident=alert.incident, camera=alert.camera, zone=alert.zone,
            severity=alert.severity, id=alert.alert_id,
        )  # fmt: skip
