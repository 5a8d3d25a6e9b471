"""One sink's own loop: it reads the alerts topic in a group of its own, so a dead sink delays nobody else."""

import random
import threading
import time

from services.alerts.lifecycle import AlertEvent
from services.alerts.routing import concerns
from services.alerts.sinks import Sink
from services.alerts.sinks.base import DeliveryError
from shared import topics
from shared.bus.base import Bus, Producer, Record
from shared.deadletters import bury
from shared.exceptions import OwnershipLostError, PoisonMessageError
from shared.site import Sink as SinkConfig
from shared.telemetry import metrics
from shared.telemetry.logs import logger

SERVICE = "alerts"
# 1, 2, 4, 8 … s with jitter. After these attempts (about a minute) the alert goes to the dead letters: an
# alert that comes an hour late helps nobody, and those behind it must not wait for it.
ATTEMPTS = 7
_FIRST_WAIT_S = 1.0
_MOST_WAIT_S = 30.0


def group_of(sink: Sink) -> str:
    """The sink's consumer group."""
    return f"wayside-sink-{sink.name}"


def serve_sink(bus: Bus, config: SinkConfig, sink: Sink, stop: threading.Event) -> None:
    """Deliver every alert that concerns the sink until `stop` is set; commits after each delivery."""
    consumer = bus.consumer([topics.ALERTS], group=group_of(sink))
    producer = bus.producer()
    try:
        while not stop.is_set():
            for record in consumer.poll(50, timeout_s=0.5):
                if not _handle(record, config, sink, producer, stop):
                    return  # stopped half way: not committed, so it is delivered after the restart
                producer.flush()
                try:
                    consumer.commit({(record.topic, record.partition): record.offset + 1})
                except OwnershipLostError:
                    break  # another instance delivers the rest, and this one again with the same id
    finally:
        consumer.close()
        producer.close()
        sink.close()


def _handle(record: Record, config: SinkConfig, sink: Sink, producer: Producer, stop: threading.Event) -> bool:
    if record.value is None:
        return True
    try:
        event = AlertEvent.from_bytes(record.value)
        if concerns(config, event.alert):
            return deliver(event, sink, stop)
    except PoisonMessageError as error:
        bury(producer, SERVICE, record, error)
    return True


def deliver(event: AlertEvent, sink: Sink, stop: threading.Event, *, first_wait_s: float = _FIRST_WAIT_S) -> bool:
    """Try until the sink has the event; False when `stop` came first.

    Raises:
        PoisonMessageError: refused for good, or not delivered after `ATTEMPTS`; the reason is `sink-failed`.
    """
    wait_s = first_wait_s
    for attempt in range(1, ATTEMPTS + 1):
        try:
            sink.deliver(event)
        except DeliveryError as error:
            metrics.DELIVERIES.labels(sink.name, "failed").inc()
            logger(SERVICE).warning("delivery failed", sink=sink.name, attempt=attempt, reason=str(error))
            if not error.retryable or attempt == ATTEMPTS:
                raise PoisonMessageError("sink-failed", f"{sink.name}: {error} ({attempt} attempts)") from None
            pause = max(wait_s * (0.5 + random.random() / 2), error.retry_after_s or 0.0)
            if stop.wait(min(pause, _MOST_WAIT_S)):
                return False
            wait_s = min(wait_s * 2, _MOST_WAIT_S)
        else:
            metrics.DELIVERIES.labels(sink.name, "delivered").inc()
            return True
    return True


def await_delivery(bus: Bus, sinks: list[Sink], stop: threading.Event) -> None:
    """Wait until every sink has been offered all alerts."""
    for sink in sinks:
        while bus.lag(group_of(sink), topics.ALERTS) and not stop.is_set():
            time.sleep(0.05)
