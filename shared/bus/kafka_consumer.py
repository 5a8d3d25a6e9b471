"""Reading from Kafka."""

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer as Client
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from shared.bus.base import Partition, Record, Start
from shared.bus.kafka_errors import PASSING, code_of, reason
from shared.bus.kafka_ownership import Ownership
from shared.bus.kafka_settings import REQUEST_MS, connection, consumer_settings
from shared.exceptions import BusError, OwnershipLostError
from shared.telemetry.logs import logger

_NOT_MINE = {
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError._ASSIGNMENT_LOST,
}
# The client goes on by itself after these.
_TRANSIENT = (
    _NOT_MINE
    | PASSING
    | {
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._MAX_POLL_EXCEEDED,
        KafkaError._RESOLVE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)
# A partition that has just been assigned can be moved once its reading has begun: milliseconds.
_SEEK_S = 5.0
_REQUEST_S = REQUEST_MS / 1000


class KafkaConsumer:
    """See `shared.bus.base.Consumer`.

    Partitions are assigned by range, in Kafka's eager protocol: a rebalance takes all partitions away and gives
    them out anew. For the service that is softened: partitions that come straight back keep their positions and
    are not reported, so it only hears of what it really lost.

    One thread at a time is inside the client, and `close` waits for it: a client that is closed under a poll crashes.

    Args:
        begin: without a group, the partitions to read and where to begin.
        compacted: topics in which gaps between offsets are no loss.
    """

    def __init__(
        self,
        bootstrap: str,
        topics: list[str],
        *,
        group: str | None,
        start: Start,
        on_revoked: Callable[[set[Partition]], None] | None,
        begin: Mapping[Partition, int],
        compacted: Collection[str] = (),
    ) -> None:
        self._group, self._on_revoked, self._compacted = group, on_revoked, compacted
        self.closed = False
        self._inside = threading.RLock()  # `on_revoked` is called from `poll` and may commit
        self._broken: KafkaError | None = None
        settings = connection(bootstrap) | consumer_settings()
        # Without a group, where to begin is set below; falling off retention never skips to the end. The client
        # wants a name all the same; nothing is stored under it.
        settings |= {"group.id": group or "wayside-reader", "auto.offset.reset": start if group else "earliest"}
        self._client = Client(settings)
        self._ownership = owned = Ownership(start)
        if group is None:
            owned.take(begin)
            self._client.assign([TopicPartition(*partition, offset) for partition, offset in begin.items()])
        else:
            self._client.subscribe(topics, on_assign=owned.on_assign, on_revoke=owned.on_revoke, on_lost=owned.on_lost)

    def poll(self, max_records: int = 500, timeout_s: float = 0.5) -> list[Record]:
        """Up to `max_records` messages; see `shared.bus.base.Consumer.poll`."""
        with self._open():
            messages: list[Message] = []
            if self._broken is None:
                messages = self._consume(max_records, timeout_s)
            lost = self._ownership.take_lost()
            # Told before anything new is handed out: the same partition may have come back.
            if lost and self._on_revoked is not None:
                self._on_revoked(lost)
            records = self._accept(messages)
            if self._broken is not None and not records:  # what came before the error is handed out before it
                error, self._broken = self._broken, None
                raise BusError(f"reading from Kafka failed: {reason(error)}")
            return records

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Store the next offset to read; what is still owned is stored even when the rest raises."""
        if self._group is None:
            raise BusError("a consumer without a group cannot commit")
        with self._open():
            # The broker checks that this is a member, not that the partition is its own.
            owned = self.assignment()
            mine = [TopicPartition(*p, offset) for p, offset in offsets.items() if p in owned]
            if mine:
                self._commit(mine)
            lost = sorted(set(offsets) - owned)
            self._ownership.forget(lost)  # these come again, here or at another member
        if lost:
            raise OwnershipLostError(f"another member of the group owns {', '.join(f'{t}/{n}' for t, n in lost)} now")

    def assignment(self) -> set[Partition]:
        """Partitions that this member owns now."""
        return set(self._ownership.owned)

    def seek(self, partition: Partition, offset: int) -> None:
        """Read this owned partition from `offset` next."""
        with self._open():
            if partition not in self._ownership.owned:
                raise OwnershipLostError(f"{partition[0]}/{partition[1]} is not assigned to this consumer")
            deadline = time.monotonic() + _SEEK_S
            while True:
                try:
                    self._client.seek(TopicPartition(*partition, offset))
                    break
                except KafkaException as error:
                    if time.monotonic() > deadline:
                        raise BusError(f"{partition[0]}/{partition[1]}: no seek to {offset}: {reason(error)}") from None
                    time.sleep(0.01)
            self._ownership.positions[partition] = offset

    def seek_to_time(self, timestamp_ms: int) -> None:
        """Read every owned partition from its first message with this timestamp or a later one."""
        with self._open():
            owned = [TopicPartition(*partition, timestamp_ms) for partition in self.assignment()]
            if not owned:
                return
            places: dict[Partition, int] = {}
            try:
                for found in self._client.offsets_for_times(owned, timeout=_REQUEST_S):
                    if found.error is not None:
                        raise KafkaException(found.error)
                    places[found.topic, found.partition] = found.offset
                    # Every time is 0 or later; a message of time 0 itself has none in Kafka (see `KafkaProducer.send`).
                    if found.offset < 0 or timestamp_ms <= 0:
                        ends = self._client.get_watermark_offsets(found, timeout=_REQUEST_S)
                        places[found.topic, found.partition] = ends[0 if timestamp_ms <= 0 else 1]
            except KafkaException as error:
                raise BusError(f"Kafka did not find {timestamp_ms} ms: {reason(error)}") from None
            for partition, offset in places.items():
                self.seek(partition, offset)

    def close(self) -> None:
        """Leave the group and release, after a poll that is under way in another thread; idempotent."""
        self.closed = True
        try:
            with self._inside:
                self._ownership.closing = True
                self._client.close()  # idempotent too
        except KafkaException as error:
            # The group notices by the session time-out; nothing is lost by that.
            logger("bus").warning("the group was not left in order", group=self._group, error=reason(error))

    def _consume(self, count: int, timeout_s: float) -> list[Message]:
        """The client itself waits for the full number: so wait for the first, and take what is there."""
        try:
            messages: list[Message] = self._client.consume(1, timeout_s)
            if messages and count > 1:
                messages += self._client.consume(count - 1, 0)
        except KafkaException as error:
            raise BusError(f"reading from Kafka failed: {reason(error)}") from None
        return messages

    def _commit(self, mine: list[TopicPartition]) -> None:
        try:
            for stored in self._client.commit(offsets=mine, asynchronous=False):
                if stored.error is not None:
                    raise KafkaException(stored.error)
        except KafkaException as error:
            if code_of(error) in _NOT_MINE:
                self._ownership.forget((partition.topic, partition.partition) for partition in mine)
                raise OwnershipLostError(f"the group {self._group} is rebalancing: {reason(error)}") from None
            raise BusError(f"Kafka did not store the commit of {self._group}: {reason(error)}") from None

    def _accept(self, messages: Sequence[Message]) -> list[Record]:
        """Of what is owned, each message once: a rebalance inside a poll may take a partition away or begin it anew."""
        records = []
        owned, positions = self._ownership.owned, self._ownership.positions
        for message in messages:
            error = message.error()
            if error is not None:
                if error.fatal() or error.code() not in _TRANSIENT:
                    self._broken = error
                continue
            record = to_record(message)
            partition = (record.topic, record.partition)
            expected = positions.get(partition)
            if partition not in owned or (expected is not None and record.offset < expected):
                continue
            if expected is not None and record.offset > expected and record.topic not in self._compacted:
                logger("bus").warning(
                    "messages lost to retention", topic=record.topic, partition=record.partition,
                    count=record.offset - expected,
                )  # fmt: skip
            positions[partition] = record.offset + 1
            records.append(record)
        return records

    @contextmanager
    def _open(self) -> Iterator[None]:
        """Alone inside a client that is not closed."""
        with self._inside:
            if self.closed:
                raise BusError("the consumer is closed")
            yield


def to_record(message: Any) -> Record:
    """A `confluent_kafka.Message` in our own type; text that is not UTF-8 is shown with replacement characters."""
    key: bytes | None = message.key()
    return Record(
        topic=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
        timestamp_ms=max(0, message.timestamp()[1]),
        key=None if key is None else key.decode(errors="replace"),
        value=message.value(),
        headers={name: value or b"" for name, value in message.headers() or ()},
    )
