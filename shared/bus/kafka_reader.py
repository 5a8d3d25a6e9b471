"""Single messages and whole partitions of Kafka, read by address."""

import threading
from collections.abc import Iterator

from confluent_kafka import Consumer as Client
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from shared.bus.base import Record
from shared.bus.kafka_consumer import to_record
from shared.bus.kafka_errors import reason
from shared.bus.kafka_settings import connection, consumer_settings
from shared.exceptions import BusError

# One picture, or the next messages of a partition: a healthy broker answers within milliseconds.
_READ_S = 5.0
_OUT_OF_RANGE = (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)


class KafkaReader:
    """One consumer without a group for all such reads, one after the other; safe to share between threads."""

    def __init__(self, bootstrap: str) -> None:
        settings = connection(bootstrap) | consumer_settings()
        settings |= {
            "group.id": "wayside-reader",  # the client wants a name; nothing is stored under it
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            # Ask for more only when what is there has been taken: mostly one message is wanted.
            "queued.min.messages": 1,
        }
        self._client = Client(settings)
        self._lock = threading.Lock()
        self._closed = False

    def read(self, topic: str, partition: int, offset: int) -> Record | None:
        """The message at this address; None when retention or compaction has removed it, or it was never there.

        Raises:
            BusError: the partition does not exist, or the bus does not answer.
        """
        with self._lock:
            for record in self._from(topic, partition, offset):
                # A later one means that compaction has removed it.
                return record if record.offset == offset else None
        return None

    def read_range(self, topic: str, partition: int, first: int, last: int) -> list[Record]:
        """What is kept from offset `first` to below `last`.

        Raises:
            BusError: the bus does not answer.
        """
        found: list[Record] = []
        if first >= last:
            return found
        with self._lock:
            for record in self._from(topic, partition, first):
                if record.offset < last:
                    found.append(record)
                if record.offset >= last - 1:
                    break
        return found

    def close(self) -> None:
        """Release the connection; idempotent."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._client.close()

    def _from(self, topic: str, partition: int, offset: int) -> Iterator[Record]:
        """Messages from an offset to the end of the partition; none when the offset is outside of what is kept."""
        if self._closed:
            raise BusError("the bus is closed")
        where = f"{topic}/{partition}@{offset}"
        try:
            self._client.assign([TopicPartition(topic, partition, offset)])
            while True:
                message = self._client.poll(_READ_S)
                if message is None:
                    raise BusError(f"reading {where} failed: no answer within {_READ_S:.0f} s")
                error = message.error()
                if error is None:
                    yield to_record(message)
                elif error.code() == KafkaError._PARTITION_EOF or error.code() in _OUT_OF_RANGE:
                    return
                elif error.code() not in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN):
                    raise BusError(f"reading {where} failed: {reason(error)}")
        except KafkaException as error:
            raise BusError(f"reading {where} failed: {reason(error)}") from None
        finally:
            if not self._closed:
                self._client.unassign()
