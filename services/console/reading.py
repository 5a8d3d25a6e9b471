"""Reading topics without a group, so that every console sees all, through failures of the bus."""

import threading
from collections.abc import Callable, Sequence

from shared.bus.base import Bus, Record
from shared.exceptions import BusError, PoisonMessageError
from shared.telemetry import metrics
from shared.telemetry.logs import logger

_log = logger("console")
_RETRY_S = 1.0


def follow(
    bus: Bus,
    topics: Sequence[str],
    handle: Callable[[Record], None],
    stop: threading.Event,
    *,
    since_ms: Callable[[], int] | None = None,
    on_return: Callable[[], None] = lambda: None,
) -> None:
    """Hand over every message until stopped; a bus that fails is tried again, a bad message is counted and skipped.

    Args:
        since_ms: begin at the first message of this time or later, also after a failure; from now on when not given.
        on_return: called when the bus is back.
    """
    failed = False
    while not stop.is_set():
        try:
            consumer = bus.consumer(topics, group=None, start="latest")
            try:
                if since_ms is not None:
                    consumer.seek_to_time(since_ms())
                if failed:
                    on_return()
                while not stop.is_set():
                    for record in consumer.poll(timeout_s=0.2):
                        _hand_over(record, handle)
                    failed = False
            finally:
                consumer.close()
        except BusError as error:
            if not failed:
                _log.warning("live results interrupted", topics=list(topics), error=str(error))
                metrics.ERRORS.labels("console", "bus").inc()
            failed = True
            stop.wait(_RETRY_S)


def _hand_over(record: Record, handle: Callable[[Record], None]) -> None:
    try:
        handle(record)
    except PoisonMessageError as error:
        # The next stage of the flow buries it; a viewer only says that it could not show it.
        metrics.ERRORS.labels("console", error.reason).inc()
        _log.warning("message not shown", topic=record.topic, offset=record.offset, error=str(error))
