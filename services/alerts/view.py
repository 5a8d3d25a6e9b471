"""The alert state: rebuilt from the alerts topic, shown in Redis. The topic is the truth, Redis a cache."""

from collections.abc import Callable

from services.alerts.lifecycle import AlertBook, AlertEvent
from shared import topics
from shared.bus.base import Bus, Partition
from shared.exceptions import PoisonMessageError, StoreError
from shared.messages import Alert
from shared.store import Store
from shared.telemetry import metrics
from shared.telemetry.logs import logger

SERVICE = "alerts"
# Reading the topic ends at its end offsets; this guards against one that is never reached.
_IDLE_S = 5.0


def read_alerts(bus: Bus) -> list[Alert]:
    """Every alert event of the topic, oldest first per alert; events that cannot be parsed are skipped."""
    pending: dict[Partition, int] = {
        (topics.ALERTS, number): end for number, end in bus.end_offsets(topics.ALERTS).items() if end > 0
    }
    consumer = bus.consumer([topics.ALERTS], group=None)
    alerts: list[Alert] = []
    try:
        while pending:
            records = consumer.poll(1000, timeout_s=_IDLE_S)
            if not records:
                break
            for record in records:
                if record.offset + 1 >= pending.get((record.topic, record.partition), 0):
                    pending.pop((record.topic, record.partition), None)
                try:
                    alerts.append(AlertEvent.from_bytes(record.value).alert)
                except PoisonMessageError as error:
                    metrics.ERRORS.labels(SERVICE, "bad-alert").inc()
                    logger(SERVICE).warning("alert skipped", offset=record.offset, reason=str(error))
    finally:
        consumer.close()
    return alerts


class RedisView:
    """Keeps the view of an `AlertBook` in Redis; an outage is logged once and repaired afterwards."""

    def __init__(self, store: Store, book: AlertBook) -> None:
        self._store, self._book = store, book
        self._stale = True

    def put(self, alert: Alert) -> None:
        """Show one changed alert."""
        if not self._stale:
            self._try(lambda: self._store.put_alert(alert))

    def repair(self) -> None:
        """Rebuild the whole view when Redis was flushed or was away."""
        self._try(self._rebuild_if_needed)

    def invalidate(self) -> None:
        """The book has changed as a whole: show it anew at the next `repair`."""
        self._stale = True

    def _rebuild_if_needed(self) -> None:
        if self._stale or not self._store.alerts_whole():
            self._store.rebuild_alerts(self._book.alerts())
            self._stale = False

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except StoreError as error:
            metrics.ERRORS.labels(SERVICE, "redis").inc()
            if not self._stale:
                logger(SERVICE).warning("alert view not stored", reason=str(error))
            self._stale = True
