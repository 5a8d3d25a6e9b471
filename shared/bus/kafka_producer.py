"""Sending to Kafka."""

import threading
import time
from collections.abc import Mapping

from kafka import KafkaProducer as Client
from kafka.errors import KafkaError

from shared.bus.common import Rotation, check_message
from shared.bus.kafka_settings import QUEUE_BYTES, SEND_S, connection, producer_settings
from shared.exceptions import BusError


class KafkaProducer:
    """See `shared.bus.base.Producer`. Idempotent, ordered, with a bounded queue."""

    def __init__(self, bootstrap: str) -> None:
        self._client = Client(**connection(bootstrap), **producer_settings())
        self._rotation = Rotation()
        # Re-entrant: a failed send can complete its future, and so call `_done`, while `send` holds the lock.
        self._changed = threading.Condition(threading.RLock())
        self._queued = 0
        self._errors: list[str] = []
        self.closed = False

    def send(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: str | None,
        timestamp_ms: int,
        headers: Mapping[str, bytes] | None = None,
    ) -> None:
        """Queue one message; see `shared.bus.base.Producer.send`."""
        size = check_message(topic, key, value, headers or {})
        self._reserve(size)
        try:
            # An unknown topic blocks here until SEND_S, then raises: metadata may just be on its way.
            partitions = self._client.partitions_for(topic)
            future = self._client.send(
                topic,
                value,
                key=None if key is None else key.encode(),
                headers=list((headers or {}).items()),
                timestamp_ms=timestamp_ms,
                partition=self._rotation.next(len(partitions)) if key is None else None,
            )
        except KafkaError as error:
            self._release(size)
            raise BusError(f"topic {topic}: not sent: {reason(error)}") from None
        future.add_both(lambda outcome: self._done(topic, size, outcome))

    def flush(self, timeout_s: float = 30.0) -> None:
        """Wait until everything sent so far is stored; see `shared.bus.base.Producer.flush`."""
        try:
            self._client.flush(timeout_s)
        except KafkaError as error:
            with self._changed:
                self._errors.append(reason(error))
        with self._changed:
            errors, self._errors = self._errors, []
        if errors:
            more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
            raise BusError(f"not stored by Kafka: {errors[0]}{more}")

    def close(self) -> None:
        """Flush and release; idempotent.

        Raises:
            BusError: some message was not stored.
        """
        with self._changed:
            if self.closed:
                return
            self.closed = True
        try:
            self.flush()
        finally:
            self._client.close(timeout=1)

    def _reserve(self, size: int) -> None:
        deadline = time.monotonic() + SEND_S
        with self._changed:
            while not self.closed and self._queued + size > QUEUE_BYTES:
                if not self._changed.wait(deadline - time.monotonic()):
                    raise BusError(f"Kafka does not keep up: {self._queued >> 20} MiB unsent for {SEND_S:.0f} s")
            if self.closed:
                raise BusError("the producer is closed")
            self._queued += size

    def _release(self, size: int) -> None:
        with self._changed:
            self._queued -= size
            self._changed.notify_all()

    def _done(self, topic: str, size: int, outcome: object) -> None:
        if isinstance(outcome, BaseException):
            with self._changed:
                self._errors.append(f"topic {topic}: {reason(outcome)}")
        self._release(size)


def reason(error: BaseException) -> str:
    """One line for an error of the client, which often has no text or several lines."""
    text = " ".join(str(error).split())
    name = type(error).__name__
    return text[:300] if name in text else f"{name}: {text[:300]}".rstrip(": ")
