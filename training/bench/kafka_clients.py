"""The Kafka clients that the benchmark compares: the bus as it is, other settings of it, and kafka-python.

kafka-python was the bus's client until ADR 13; its settings here are those that it had, and its variants what was
tried to make it cheaper.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from unittest import mock

import kafka
from kafka.coordinator.assignors.range import RangePartitionAssignor

from shared.bus import kafka_consumer, kafka_producer
from shared.bus.base import Partition, Record
from shared.bus.kafka_settings import BATCH_LIMIT_BYTES, consumer_settings, producer_settings

_MIB = 1 << 20
_CONNECTION = {"client_id": "wayside", "request_timeout_ms": 10_000, "reconnect_backoff_max_ms": 1_000}
_SEND = {
    "acks": "all", "enable_idempotence": True, "max_request_size": BATCH_LIMIT_BYTES, "batch_size": 64 << 10,
    "linger_ms": 5, "delivery_timeout_ms": 25_000, "allow_auto_create_topics": False, "metrics_enabled": False,
}  # fmt: skip
_RECEIVE = {
    "enable_auto_commit": False, "fetch_max_wait_ms": 50, "max_partition_fetch_bytes": 2 * _MIB,
    "fetch_max_bytes": 16 * _MIB, "session_timeout_ms": 10_000, "heartbeat_interval_ms": 1_000,
    "max_poll_interval_ms": 60_000, "isolation_level": "read_uncommitted", "allow_auto_create_topics": False,
    "metrics_enabled": False, "auto_offset_reset": "earliest",
    "partition_assignment_strategy": (RangePartitionAssignor,),
}  # fmt: skip


class Sender(Protocol):
    """What the benchmark needs of a producer."""

    def send(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: str | None,
        timestamp_ms: int,
        headers: Mapping[str, bytes] | None = None,
    ) -> None:
        """Queue one message."""  # fmt: skip

    def flush(self, timeout_s: float = 30.0) -> None:
        """Wait until all is stored."""


class Receiver(Protocol):
    """What the benchmark needs of a consumer."""

    def poll(self, max_records: int = 500, timeout_s: float = 0.5) -> list[Record]:
        """Some messages."""

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Store what was read."""

    def seek(self, partition: Partition, offset: int) -> None:
        """Read from there next."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """A client with its settings; `send` and `receive` are laid over those of the library's base."""

    python: bool = False
    send: Mapping[str, Any] = field(default_factory=dict)
    receive: Mapping[str, Any] = field(default_factory=dict)

    def sender(self, bootstrap: str) -> Sender:
        """A connected producer."""
        if self.python:
            return _PythonSender(bootstrap, _SEND | dict(self.send))
        settings = producer_settings() | dict(self.send)
        with mock.patch.object(kafka_producer, "producer_settings", return_value=settings):
            return kafka_producer.KafkaProducer(bootstrap)

    def receiver(self, bootstrap: str, topic: str, partitions: int, group: str | None) -> Receiver:
        """A connected consumer of all partitions, from their start; with a group as its only member."""
        if self.python:
            return _PythonReceiver(bootstrap, topic, partitions, group, _RECEIVE | dict(self.receive))
        begin = {} if group else {(topic, number): 0 for number in range(partitions)}
        settings = consumer_settings() | dict(self.receive)
        with mock.patch.object(kafka_consumer, "consumer_settings", return_value=settings):
            return kafka_consumer.KafkaConsumer(
                bootstrap, [topic], group=group, start="earliest", on_revoked=None, begin=begin
            )


BUS, PYTHON = "the bus (librdkafka)", "kafka-python"
SENDERS = {
    BUS: Contestant(),
    PYTHON: Contestant(python=True),
    f"{PYTHON}, linger 20 ms, batches of 1 MiB": Contestant(python=True, send={"linger_ms": 20, "batch_size": _MIB}),
    f"{PYTHON}, linger 50 ms, batches of 1 MiB": Contestant(python=True, send={"linger_ms": 50, "batch_size": _MIB}),
    f"{PYTHON}, socket buffers of 1 MiB": Contestant(
        python=True, send={"send_buffer_bytes": _MIB, "receive_buffer_bytes": _MIB}
    ),
    "librdkafka, linger 20 ms, batches of 1 MiB": Contestant(send={"linger.ms": 20, "batch.size": _MIB}),
}
RECEIVERS = {
    BUS: Contestant(),
    PYTHON: Contestant(python=True),
    f"{PYTHON}, without check sums": Contestant(python=True, receive={"check_crcs": False}),
    f"{PYTHON}, fetches of 1 MiB or 50 ms": Contestant(python=True, receive={"fetch_min_bytes": _MIB}),
    f"{PYTHON}, socket buffers of 1 MiB": Contestant(python=True, receive={"receive_buffer_bytes": _MIB}),
    "librdkafka, without check sums": Contestant(receive={"check.crcs": False}),
    "librdkafka, 2 MiB per partition": Contestant(receive={"max.partition.fetch.bytes": 2 * _MIB}),
}


class _PythonSender:
    def __init__(self, bootstrap: str, settings: Mapping[str, Any]) -> None:
        self._client = kafka.KafkaProducer(bootstrap_servers=bootstrap, **_CONNECTION, **settings)

    def send(
        self, topic: str, value: bytes | None, *, key: str | None, timestamp_ms: int,
        headers: Mapping[str, bytes] | None = None,
    ) -> None:  # fmt: skip
        self._client.send(
            topic, value, key=None if key is None else key.encode(), headers=list((headers or {}).items()),
            timestamp_ms=timestamp_ms,
        )  # fmt: skip

    def flush(self, timeout_s: float = 30.0) -> None:
        self._client.flush(timeout_s)


class _PythonReceiver:
    def __init__(
        self, bootstrap: str, topic: str, partitions: int, group: str | None, settings: Mapping[str, Any]
    ) -> None:
        self._client = kafka.KafkaConsumer(bootstrap_servers=bootstrap, group_id=group, **_CONNECTION, **settings)
        if group is None:
            self._client.assign([kafka.TopicPartition(topic, number) for number in range(partitions)])
            self._client.seek_to_beginning()
        else:
            self._client.subscribe([topic])
            self._client.topics()

    def poll(self, max_records: int = 500, timeout_s: float = 0.5) -> list[Record]:
        batches = self._client.poll(timeout_ms=int(timeout_s * 1000), max_records=max_records)
        return [_record(message) for messages in batches.values() for message in messages]

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        self._client.commit(
            {kafka.TopicPartition(*at): kafka.OffsetAndMetadata(offset, "", -1) for at, offset in offsets.items()}
        )

    def seek(self, partition: Partition, offset: int) -> None:
        self._client.seek(kafka.TopicPartition(*partition), offset)


def _record(message: Any) -> Record:
    return Record(
        topic=message.topic, partition=message.partition, offset=message.offset, timestamp_ms=message.timestamp,
        key=None if message.key is None else bytes(message.key).decode(errors="replace"),
        value=None if message.value is None else bytes(message.value),
        headers={name: value or b"" for name, value in message.headers},
    )  # fmt: skip
