"""Sending to Kafka."""

import threading
import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka import Producer as Client

from shared.bus.common import Rotation, check_message
from shared.bus.kafka_errors import reason
from shared.bus.kafka_settings import QUEUE_BYTES, REQUEST_MS, SEND_S, connection, producer_settings
from shared.exceptions import BusError

# Within one wait of the client nobody notices that another thread has closed the producer, or that others send on.
_WAIT_S = 0.05


class KafkaProducer:
    """See `shared.bus.base.Producer`. Idempotent, ordered, with a bounded queue.

    What became of a message is known once somebody calls `send` or `flush` again; there is no thread for it.
    `close` waits for the sends that are under way, so a message is either taken before it or refused.
    """

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._gate = threading.Lock()  # who holds it may put a message into the client, or replace or close it
        self._client = self._make()
        self._rotation = Rotation()
        self._partitions: dict[str, int] = {}
        self._lock = threading.Lock()
        self._sent = 0
        # Numbers of the messages that are neither stored nor given up, oldest first.
        self._pending: dict[int, None] = {}
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
        check_message(topic, key, value, headers or {})
        deadline = time.monotonic() + SEND_S
        partitions = self._partitions.get(topic) or self._count(topic, deadline)
        with self._lock:
            self._sent += 1
            number = self._sent
            self._pending[number] = None

        def done(error: KafkaError | None, message: Message) -> None:
            with self._lock:  # also for the pop: `_oldest` looks at it from another thread
                if error is not None:
                    self._errors.append(f"topic {topic}: {reason(error)}")
                self._pending.pop(number, None)

        arguments: dict[str, Any] = {
            "value": value,
            "key": None if key is None else key.encode(),
            "headers": list((headers or {}).items()),
            # The client takes 0 for "now". -1 is Kafka's "no time", which `to_record` reads as 0.
            "timestamp": timestamp_ms or -1,
            "on_delivery": done,
        }
        if key is None:
            arguments["partition"] = self._rotation.next(partitions)
        try:
            self._produce(topic, arguments, deadline)
        except BaseException:
            with self._lock:
                self._pending.pop(number, None)
            raise

    def flush(self, timeout_s: float = 30.0) -> None:
        """Wait until everything sent so far is stored; see `shared.bus.base.Producer.flush`."""
        deadline = time.monotonic() + timeout_s
        last = self._sent
        # The client's own flush waits for what other threads send meanwhile too; this one does not.
        while (left := deadline - time.monotonic()) > 0 and self._oldest() <= last:
            self._client.flush(min(left, _WAIT_S))
        with self._lock:
            errors, self._errors = self._errors, []
        if self._oldest() <= last:
            errors.append(f"no answer for {len(self._pending)} messages within {timeout_s:g} s")
        if errors:
            more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
            raise BusError(f"not stored by Kafka: {errors[0]}{more}")

    def close(self) -> None:
        """Flush and release; idempotent.

        Raises:
            BusError: some message was not stored.
        """
        with self._gate:
            if self.closed:
                return
            self.closed = True
        try:
            self.flush()
        finally:
            _drop(self._client)

    def _make(self) -> Client:
        return Client(connection(self._bootstrap) | producer_settings())

    def _oldest(self) -> float:
        with self._lock:
            return next(iter(self._pending), float("inf"))

    def _produce(self, topic: str, arguments: dict[str, Any], deadline: float) -> None:
        while True:
            with self._gate:
                if self.closed:
                    raise BusError("the producer is closed")
                client = self._client
                try:
                    client.produce(topic, **arguments)
                    full = False
                except BufferError:
                    full = True
                except KafkaException as error:
                    if error.args[0].fatal():
                        self._client = self._make()
                        _drop(client)
                    raise BusError(f"topic {topic}: not sent: {reason(error)}") from None
            # Outside of the gate: it calls `done`, and may wait.
            client.poll(_WAIT_S if full else 0)
            if not full:
                return
            if time.monotonic() > deadline:
                raise BusError(f"Kafka does not keep up: {QUEUE_BYTES >> 20} MiB unsent for {SEND_S:.0f} s")

    def _count(self, topic: str, deadline: float) -> int:
        """Partitions of a topic; waits for one that is just being made.

        Asking for all topics never makes one, as asking for a single one may.
        """
        why = "there is no such topic"
        while not self.closed:
            try:
                found = self._client.list_topics(timeout=REQUEST_MS / 1000).topics.get(topic)
                if found is not None and found.error is None and found.partitions:
                    self._partitions[topic] = len(found.partitions)
                    return len(found.partitions)
            except KafkaException as error:
                why = reason(error)
            if time.monotonic() > deadline:
                raise BusError(f"topic {topic}: not sent: {why}")
            time.sleep(0.1)
        raise BusError("the producer is closed")


def _drop(client: Client) -> None:
    """Give up what a client still holds; it is told as lost in `flush`."""
    client.purge()
    client.flush(1.0)
