"""The alert state: read from the alerts topic, shown in Redis. The topic is the truth, Redis a cache."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

from services.alerts.lifecycle import AlertBook, AlertEvent
from shared import topics
from shared.bus.base import Bus, Consumer, Partition
from shared.exceptions import PoisonMessageError, StoreError
from shared.messages import Alert
from shared.store import Store
from shared.telemetry import metrics
from shared.telemetry.logs import logger

SERVICE = "alerts"
# Reading ends at the end offsets; this guards against an end that is never reached, such as that of a partition
# whose messages were deleted by hand.
_IDLE_S = 5.0
# How often the mark that the view is whole is looked for: a flushed view is back within this time.
REPAIR_EVERY_S = 2.0
# A Redis that hangs costs a time-out at each attempt; alerts go first and get four fifths of the time.
_SPARE = 4


class AlertLog:
    """The alerts topic, read from where the last reading ended.

    That is seldom: at a start, and when partitions or Redis have changed hands. A consumer that stayed between would
    fetch every alert that the service itself publishes, and keep megabytes of them.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._read: dict[Partition, int] = {}

    def catch_up(self) -> list[Alert]:
        """Every alert that was published since the last call, in order per alert; what cannot be parsed is skipped."""
        ends = {(topics.ALERTS, number): end for number, end in self._bus.end_offsets(topics.ALERTS).items()}
        if not self._behind(ends):
            return []
        with closing(self._bus.consumer([topics.ALERTS], group=None)) as consumer:
            for partition, offset in self._read.items():
                consumer.seek(partition, offset)
            return list(self._up_to(ends, consumer))

    def _behind(self, ends: Mapping[Partition, int]) -> bool:
        return any(self._read.get(partition, 0) < end for partition, end in ends.items())

    def _up_to(self, ends: Mapping[Partition, int], consumer: Consumer) -> Iterator[Alert]:
        while self._behind(ends):
            records = consumer.poll(1000, timeout_s=_IDLE_S)
            if not records:
                metrics.ERRORS.labels(SERVICE, "alerts-unread").inc()
                logger(SERVICE).error("the end of the alerts topic was not reached", waited_s=_IDLE_S)
                # Up to where it was reached it stays: some partitions were read beyond these ends meanwhile.
                self._read |= {partition: max(end, self._read.get(partition, 0)) for partition, end in ends.items()}
            for record in records:
                self._read[(record.topic, record.partition)] = record.offset + 1
                if record.value is None:
                    continue  # a tombstone: the alert was removed by retention
                try:
                    yield AlertEvent.from_bytes(record.value).alert
                except PoisonMessageError as error:
                    metrics.ERRORS.labels(SERVICE, "bad-alert").inc()
                    logger(SERVICE).warning("alert skipped", offset=record.offset, reason=str(error))


class RedisView:
    """Keeps the view of the alerts in Redis; an outage is logged once and repaired afterwards."""

    def __init__(self, store: Store, book: AlertBook, log: AlertLog) -> None:
        self._store, self._book, self._log = store, book, log
        self._whole, self._down = False, False
        self._next_repair = 0.0

    def refresh(self) -> None:
        """Take over what others have published, and show everything anew at the next `repair`."""
        self._book.restore(self._log.catch_up())
        self._whole, self._next_repair = False, 0.0

    def put(self, alert: Alert) -> None:
        """Show one changed alert."""
        if self._whole:
            self._try(lambda: self._store.put_alert(alert))

    def repair(self) -> None:
        """Every few seconds: rebuild the whole view when Redis was flushed or was away."""
        if time.monotonic() >= self._next_repair:
            self._next_repair = time.monotonic() + REPAIR_EVERY_S
            self._try(self._rebuild_if_needed)

    def _rebuild_if_needed(self) -> None:
        if self._whole and self._store.alerts_whole():
            return
        # Other instances publish, then show. What they showed before the rebuild is in the topic by now; what they
        # published while it ran may have been wiped by it, so it is shown again after it.
        self._book.restore(self._log.catch_up())
        self._store.rebuild_alerts(self._book.alerts())
        for alert in self._book.restore(self._log.catch_up()):
            self._store.put_alert(alert)
        self._whole = True

    def _try(self, action: Callable[[], None]) -> None:
        started = time.monotonic()
        try:
            action()
        except StoreError as error:
            now = time.monotonic()
            self._next_repair = now + max(REPAIR_EVERY_S, _SPARE * (now - started))
            metrics.ERRORS.labels(SERVICE, "redis").inc()
            if not self._down:
                logger(SERVICE).warning("alert view not stored; alerts go on without it", reason=str(error))
            self._whole, self._down = False, True
            return
        if self._down:
            logger(SERVICE).info("alert view stored again")
        self._down = False
