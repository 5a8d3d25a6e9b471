"""Reading from Kafka."""

from collections.abc import Callable, Collection, Iterable, Mapping

from kafka import ConsumerRebalanceListener, OffsetAndMetadata, TopicPartition
from kafka import KafkaConsumer as Client
from kafka.consumer.fetcher import ConsumerRecord
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import (
    CommitFailedError,
    FencedInstanceIdError,
    IllegalGenerationError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)

from shared.bus.base import Partition, Record, Start
from shared.bus.kafka_coordinator import repair
from shared.bus.kafka_producer import reason
from shared.bus.kafka_settings import REQUEST_MS, connection, consumer_settings
from shared.exceptions import BusError, OwnershipLostError
from shared.telemetry.logs import logger

_NOT_MINE = (
    CommitFailedError,
    FencedInstanceIdError,
    IllegalGenerationError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
# Leaving the group and stopping the client's thread; a broker that is gone must not hold up a stop for longer.
_CLOSE_MS = 3_000


class KafkaConsumer:
    """See `shared.bus.base.Consumer`.

    Partitions are assigned by range, in Kafka's eager protocol: a rebalance takes all partitions away and gives
    them out anew. For the service that is softened: partitions that come straight back keep their positions and
    are not reported, so it only hears of what it really lost.

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
        self._client = Client(
            **connection(bootstrap),
            **consumer_settings(),
            group_id=group,
            # Without a group, where to begin is set below; falling off retention never skips to the end.
            auto_offset_reset=start if group else "earliest",
            partition_assignment_strategy=(RangePartitionAssignor,),
        )
        self._ownership = _Ownership(self._client)
        if group is None:
            self._client.assign([TopicPartition(*partition) for partition in begin])
            for partition, offset in begin.items():
                self.seek(partition, offset)
        else:
            repair(self._client)
            self._client.subscribe(topics, listener=self._ownership)
            # Wait for the topics' partitions; a leader that joins without them first assigns nothing to anybody.
            self._client.topics()

    def poll(self, max_records: int = 500, timeout_s: float = 0.5) -> list[Record]:
        """Up to `max_records` messages; see `shared.bus.base.Consumer.poll`."""
        self._check_open()
        try:
            batches = self._client.poll(timeout_ms=int(timeout_s * 1000), max_records=max_records)
        except KafkaError as error:
            raise BusError(f"reading from Kafka failed: {reason(error)}") from None
        lost = self._ownership.take_lost()
        # Told before anything new is handed out: the same partition may have come back.
        if lost and self._on_revoked is not None:
            self._on_revoked(lost)
        records = [to_record(message) for messages in batches.values() for message in messages]
        for partition, messages in batches.items():
            self._moved(partition, messages[0].offset, messages[-1].offset + 1)
        return records

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Store the next offset to read; what is still owned is stored even when the rest raises."""
        if self._group is None:
            raise BusError("a consumer without a group cannot commit")
        self._check_open()
        # The broker checks that this is a member, not that the partition is its own.
        owned = self.assignment()
        mine = {TopicPartition(*p): OffsetAndMetadata(offset, "", -1) for p, offset in offsets.items() if p in owned}
        try:
            if mine:
                self._client.commit(mine, timeout_ms=REQUEST_MS)
        except _NOT_MINE as error:
            self._ownership.forget(mine)  # these come again, here or at another member
            raise OwnershipLostError(f"the group {self._group} is rebalancing: {reason(error)}") from None
        except KafkaError as error:
            raise BusError(f"Kafka did not store the commit of {self._group}: {reason(error)}") from None
        lost = sorted(set(offsets) - owned)
        if lost:
            raise OwnershipLostError(f"another member of the group owns {', '.join(f'{t}/{n}' for t, n in lost)} now")

    def assignment(self) -> set[Partition]:
        """Partitions that this member owns now."""
        return {(partition.topic, partition.partition) for partition in self._client.assignment()}

    def seek(self, partition: Partition, offset: int) -> None:
        """Read this owned partition from `offset` next."""
        self._check_open()
        try:
            self._client.seek(TopicPartition(*partition), offset)
        except ValueError:
            raise OwnershipLostError(f"{partition[0]}/{partition[1]} is not assigned to this consumer") from None
        self._ownership.positions[TopicPartition(*partition)] = offset

    def seek_to_time(self, timestamp_ms: int) -> None:
        """Read every owned partition from its first message with this timestamp or a later one."""
        self._check_open()
        owned = list(self._client.assignment())
        if not owned:
            return
        try:
            found = self._client.offsets_for_times(dict.fromkeys(owned, timestamp_ms), timeout_ms=REQUEST_MS)
            ends = self._client.end_offsets(owned, timeout_ms=REQUEST_MS)
        except KafkaError as error:
            raise BusError(f"Kafka did not find {timestamp_ms} ms: {reason(error)}") from None
        for partition in owned:
            at = found.get(partition)
            self.seek((partition.topic, partition.partition), ends[partition] if at is None else at.offset)

    def close(self) -> None:
        """Leave the group and release; idempotent."""
        if self.closed:
            return
        self.closed = True
        try:
            self._client.close(autocommit=False, timeout_ms=_CLOSE_MS)
        except KafkaError as error:
            # The group notices by the session time-out; nothing is lost by that.
            logger("bus").warning("the group was not left in order", group=self._group, error=reason(error))

    def _moved(self, partition: TopicPartition, first: int, following: int) -> None:
        expected = self._ownership.positions.get(partition)
        if expected is not None and first > expected and partition.topic not in self._compacted:
            logger("bus").warning(
                "messages lost to retention", topic=partition.topic, partition=partition.partition,
                count=first - expected,
            )  # fmt: skip
        self._ownership.positions[partition] = following

    def _check_open(self) -> None:
        if self.closed:
            raise BusError("the consumer is closed")


class _Ownership(ConsumerRebalanceListener):  # type: ignore[misc]
    """Tells partitions that were really lost from those that a rebalance gave straight back.

    The client calls this on its own thread, but only while the service's thread waits inside `poll` or `close`.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._before: set[TopicPartition] = set()
        self._generation = -1
        self._lost: set[TopicPartition] = set()
        self.positions: dict[TopicPartition, int] = {}

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self._before = set(revoked)

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        # Put out of the group: somebody else may have worked on these meanwhile, even if they come back.
        self._lose(set(lost))

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        generation = self._client.group_metadata().generation_id
        # With a generation in between, another member may have owned what comes back.
        kept = self._before & set(assigned) if generation == self._generation + 1 else set()
        self._lose(self._before - kept)
        self._before, self._generation = set(), generation
        for partition in kept & set(self.positions):
            self._client.seek(partition, self.positions[partition])

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Read these from the committed offset after the rebalance that is under way."""
        for partition in partitions:
            self.positions.pop(partition, None)

    def take_lost(self) -> set[Partition]:
        """What was lost since the last call."""
        lost, self._lost = self._lost, set()
        return {(partition.topic, partition.partition) for partition in lost}

    def _lose(self, partitions: set[TopicPartition]) -> None:
        self._lost |= partitions
        self.forget(partitions)


def to_record(message: ConsumerRecord) -> Record:
    """A message of kafka-python in our own type; text that is not UTF-8 is shown with replacement characters."""
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        timestamp_ms=message.timestamp,
        key=None if message.key is None else bytes(message.key).decode(errors="replace"),
        value=None if message.value is None else bytes(message.value),
        headers={name: value or b"" for name, value in message.headers},
    )
