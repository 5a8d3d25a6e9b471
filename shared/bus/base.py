"""The interface that services program against; the names and semantics are Kafka's."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Partition = tuple[str, int]
"""Topic and partition number."""

Start = Literal["earliest", "latest"]


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """What a topic is created with.

    Attributes:
        retention_s: seconds that messages are kept; None for ever.
        retention_bytes: bytes kept per partition; None without bound.
        compact: keep at least the last message of each key, however old; `retention_*` then do not apply.
        latest_only: of a compacted topic: nobody wants the messages before the last, so they go soon. Else they are
            left for a while, so that a reader who is not far behind sees each change.
    """

    name: str
    partitions: int
    retention_s: int | None = None
    retention_bytes: int | None = None
    compact: bool = False
    latest_only: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """One consumed message.

    Attributes:
        timestamp_ms: milliseconds since the epoch (UTC) that the sender gave: the event time.
        value: None is a tombstone of a compacted topic.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: str | None
    value: bytes | None
    headers: Mapping[str, bytes] = field(default_factory=dict)


class Producer(Protocol):
    """Sends messages; safe to share between threads."""

    def send(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: str | None,
        timestamp_ms: int,
        headers: Mapping[str, bytes] | None = None,
    ) -> None:
        """Queue one message; the partition follows from the key (murmur2, as Kafka's default partitioner).

        Order is kept per partition. A failure surfaces in the next `flush`.

        Raises:
            BusError: the message is too large, or the queue stayed full for the send time-out.
        """

    def flush(self, timeout_s: float = 30.0) -> None:
        """Return once everything sent so far is stored by the bus.

        Raises:
            BusError: some message since the last flush was not stored.
        """

    def close(self) -> None:
        """Flush and release; idempotent."""


class Consumer(Protocol):
    """Reads the partitions that its group gives it (or all, without a group). One thread per consumer."""

    def poll(self, max_records: int = 500, timeout_s: float = 0.5) -> list[Record]:
        """Up to `max_records` messages, in order per partition; empty after `timeout_s` without any.

        Also takes part in the group's rebalances: call it at least every few seconds.
        """

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Store the next offset to read per partition for the group.

        Raises:
            OwnershipLostError: a partition belongs to another member now; its messages come again there.
        """

    def assignment(self) -> set[Partition]:
        """Partitions that this member owns now."""

    def seek(self, partition: Partition, offset: int) -> None:
        """Read this owned partition from `offset` next."""

    def seek_to_time(self, timestamp_ms: int) -> None:
        """Read every owned partition from its first message with this timestamp or a later one."""

    def close(self) -> None:
        """Leave the group and release; idempotent."""


class Bus(Protocol):
    """A connection to the bus; makes producers and consumers."""

    def ensure_topics(self, specs: Iterable[TopicSpec]) -> None:
        """Create the topics that do not exist; leave the others as they are."""

    def producer(self) -> Producer:
        """A new producer."""

    def consumer(
        self,
        topics: Iterable[str],
        *,
        group: str | None,
        start: Start = "earliest",
        on_revoked: Callable[[set[Partition]], None] | None = None,
    ) -> Consumer:
        """A new consumer.

        Args:
            group: members of one group share the partitions and commit; None reads all and commits nothing.
            start: where to read from when the group has committed nothing.
            on_revoked: called from `poll` with partitions that this member no longer owns.
        """

    def read(self, topic: str, partition: int, offset: int) -> Record | None:
        """One message by its address, or None when retention has removed it (or it was never there)."""

    def read_key(self, topic: str, key: str) -> list[Record]:
        """Every message of one key that is kept, oldest first; reads the key's partition from start to end.

        Raises:
            BusError: the topic does not exist, or the bus does not answer.
        """

    def end_offsets(self, topic: str) -> dict[int, int]:
        """The offset that the next message of each partition will get."""

    def lag(self, group: str, topic: str) -> int:
        """Messages of the topic (those still kept) that the group has not committed."""

    def close(self) -> None:
        """Close everything made from this bus; idempotent."""
