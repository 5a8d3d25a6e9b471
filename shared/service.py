"""What every service's main loop needs: a stop signal, a heartbeat, and health on a port."""

import os
import signal
import socket
import threading
from collections.abc import Iterable
from types import FrameType

from shared.bus.base import Consumer, Partition, Record
from shared.exceptions import OwnershipLostError, StoreError
from shared.settings import Settings
from shared.store import Store
from shared.telemetry.health import Health, HealthServer
from shared.telemetry.logs import logger

# The console marks a service as gone after HEARTBEAT_EXPIRY_S without a beat; three beats fit in.
_BEAT_EVERY_S = 3.0


def instance_name() -> str:
    """Tells processes of one service apart."""
    return f"{socket.gethostname()}-{os.getpid()}"


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set; a second signal ends the process at once."""
    stop = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise SystemExit(128 + number)
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return stop


class Heartbeat:
    """Publishes a service's health to Redis every few seconds, from its own thread, and serves it on a port.

    A Redis that is down is logged once per outage and never stops the service: it is a cache.
    """

    def __init__(self, health: Health, store: Store, settings: Settings | None = None) -> None:
        self._health, self._store = health, store
        self._stop = threading.Event()
        self._server = (
            HealthServer(health, settings.metrics_host, settings.metrics_port)
            if settings is not None and settings.metrics_port
            else None
        )
        self._thread = threading.Thread(target=self._run, name=f"beat-{health.service}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        down = False
        name = instance_name()
        while True:
            try:
                self._store.beat(self._health, name)
                down = False
            except StoreError as error:
                if not down:
                    logger(self._health.service).warning("heartbeat not stored", error=str(error))
                down = True
            if self._stop.wait(_BEAT_EVERY_S):
                return

    def close(self) -> None:
        """Stop beating."""
        self._stop.set()
        self._thread.join(timeout=10)
        if self._server:
            self._server.close()


def commit_batch(consumer: Consumer, batch: Iterable[Record], service: str) -> None:
    """Commit past every message of a batch, which is in order per partition.

    A partition that went to another member in the meantime is no error: its messages come again there, and what
    they give is idempotent.
    """
    offsets: dict[Partition, int] = {(record.topic, record.partition): record.offset + 1 for record in batch}
    try:
        consumer.commit(offsets)
    except OwnershipLostError as error:
        logger(service).info("partition went to another worker; it repeats the batch", detail=str(error))
