"""The sinks' own loops: each reads the alerts topic in a group of its own, so a dead sink delays nobody else."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing

from services.alerts.lifecycle import AlertEvent
from services.alerts.routing import concerns
from services.alerts.sinks import Sink, open_sinks
from services.alerts.sinks.base import DeliveryError
from shared import topics
from shared.bus.base import Bus, Consumer, Producer, Record
from shared.deadletters import bury
from shared.exceptions import BusError, OwnershipLostError, PoisonMessageError
from shared.site import Sink as SinkConfig
from shared.site import Site
from shared.telemetry import metrics
from shared.telemetry.logs import logger

SERVICE = "alerts"
# No attempt starts later than this after the first; then the alert goes to the dead letters, because those behind
# it must not wait for it. With the last attempt's own time-out (10 s) it stays below the 60 s after which the
# group gives the partitions of a member that does not poll to another, which would start all over.
PATIENCE_S = 45.0
# Waits of 1, 2, 4, 8, 16 s with jitter, so that many senders do not return at once: 6 or 7 attempts.
FIRST_WAIT_S = 1.0
# A receiver may ask for hours (Retry-After); it gets this long, then another attempt.
_MOST_WAIT_S = 30.0
# After the bus has failed a sink.
_BUS_WAIT_S = 5.0
# An attempt under way notices the stop within 0.1 s; leaving the group at a broker that is gone takes 3 s.
_STOP_S = 15.0


class Deliveries:
    """One thread per sink of a site.

    Raises:
        ConfigError: a sink cannot be used as it is configured.
    """

    def __init__(self, bus: Bus, site: Site) -> None:
        sinks = open_sinks(site.sinks)
        self._sinks = [sink for _, sink in sinks]
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(max(1, len(sinks)), thread_name_prefix="sink")
        self._threads = [self._pool.submit(serve_sink, bus, config, sink, self._stop) for config, sink in sinks]

    def check(self) -> None:
        """Raise what ended a sink's thread: that is a bug, and the service must not look healthy with it."""
        for thread in self._threads:
            if thread.done():
                thread.result()

    def close(self) -> None:
        """Stop; a delivery under way is given up and comes again after the restart, with the same id."""
        self._stop.set()
        for sink in self._sinks:
            sink.abort()
        wait(self._threads, timeout=_STOP_S)
        self._pool.shutdown(wait=False)


def group_of(sink: Sink) -> str:
    """The sink's consumer group."""
    return f"wayside-sink-{sink.name}"


def await_delivery(bus: Bus, site: Site, stop: threading.Event) -> None:
    """Wait until every sink of the site has been offered all alerts, or `stop` is set."""
    for _, sink in open_sinks(site.sinks):
        while bus.lag(group_of(sink), topics.ALERTS) and not stop.is_set():
            time.sleep(0.05)
        sink.close()


def serve_sink(bus: Bus, config: SinkConfig, sink: Sink, stop: threading.Event) -> None:
    """Deliver every alert that concerns the sink until `stop` is set; a bus that fails is tried again."""
    try:
        while not stop.is_set():
            try:
                _consume(bus, config, sink, stop)
            except BusError as error:
                metrics.ERRORS.labels(SERVICE, "sink-bus").inc()
                logger(SERVICE).warning("sink interrupted by the bus", sink=sink.name, reason=str(error))
                stop.wait(_BUS_WAIT_S)
    finally:
        sink.close()


def _consume(bus: Bus, config: SinkConfig, sink: Sink, stop: threading.Event) -> None:
    """Poll one → deliver → (dead letter) → commit."""
    # A member that is made but not closed would hold its share of the alerts back for a minute.
    with closing(bus.producer()) as producer, closing(bus.consumer([topics.ALERTS], group=group_of(sink))) as consumer:
        while not stop.is_set():
            # One at a time: polling keeps the membership, and a delivery may take most of a minute.
            for record in consumer.poll(1, timeout_s=0.5):
                if _handle(record, config, sink, producer, stop):
                    _commit(consumer, record)


def _handle(record: Record, config: SinkConfig, sink: Sink, producer: Producer, stop: threading.Event) -> bool:
    """False when stopped half way: not to be committed, so that it is delivered after the restart."""
    if record.value is None:
        return True
    try:
        event = AlertEvent.from_bytes(record.value)
        return deliver(event, sink, stop) if concerns(config, event) else True
    except PoisonMessageError as error:
        bury(producer, SERVICE, record, error)
        producer.flush()
        return True


def _commit(consumer: Consumer, record: Record) -> None:
    try:
        consumer.commit({(record.topic, record.partition): record.offset + 1})
    except OwnershipLostError as error:
        logger(SERVICE).info("another instance delivers this alert again, with its id", detail=str(error))


def deliver(
    event: AlertEvent,
    sink: Sink,
    stop: threading.Event,
    *,
    patience_s: float = PATIENCE_S,
    first_wait_s: float = FIRST_WAIT_S,
) -> bool:
    """Try until the sink has the event; False when `stop` came first.

    Raises:
        PoisonMessageError: refused for good, or not delivered in time; the reason is `sink-failed`.
    """
    deadline = time.monotonic() + patience_s
    wait_s, attempt = first_wait_s, 0
    while not stop.is_set():
        attempt += 1
        try:
            sink.deliver(event)
        except DeliveryError as error:
            if stop.is_set():
                break  # given up by the stop, not by the sink
            metrics.DELIVERIES.labels(sink.name, "failed").inc()
            logger(SERVICE).warning("delivery failed", sink=sink.name, attempt=attempt, reason=str(error))
            left = deadline - time.monotonic()
            if not error.retryable or left <= 0:
                raise PoisonMessageError("sink-failed", f"{sink.name}: {error} ({attempt} attempts)") from None
            pause = max(wait_s * (0.5 + random.random() / 2), error.retry_after_s or 0.0)
            stop.wait(min(pause, _MOST_WAIT_S, left))
            wait_s *= 2
        else:
            metrics.DELIVERIES.labels(sink.name, "delivered").inc()
            return True
    return False
