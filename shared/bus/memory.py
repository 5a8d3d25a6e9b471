"""The embedded bus: topics, partitions, offsets and consumer groups inside one process.

It behaves as Kafka does (tests/contract/ runs one suite against both), keeps everything in memory, and forgets
it when the process ends.
"""

import time
from collections.abc import Callable, Iterable, Mapping

from shared.bus.base import Partition, Record, Start, TopicSpec
from shared.bus.common import Rotation, check_message, partition_for
from shared.bus.memory_consumer import MemoryConsumer
from shared.bus.memory_log import KEEP_UNCOMPACTED, PARTITION_BYTES, Limits
from shared.bus.memory_state import MAX_POLL_S, State
from shared.exceptions import BusError


class MemoryBus:
    """A bus in memory.

    Args:
        partition_bytes: bytes kept per partition at most; a topic's own `retention_bytes` may be lower.
        keep_uncompacted: newest messages of a compacted topic that compaction leaves alone.
        max_poll_s: a group member that has not polled for this long loses its partitions.
        clock: seconds, for the age of messages and the patience with members.

    Example:
        >>> bus = MemoryBus()
        >>> bus.ensure_topics([TopicSpec("frames", 12)])
        >>> bus.producer().send("frames", b"...", key="a2-km41", timestamp_ms=0)
        >>> [record.key for record in bus.consumer(["frames"], group=None).poll()]
        ['a2-km41']
    """

    def __init__(
        self,
        *,
        partition_bytes: int = PARTITION_BYTES,
        keep_uncompacted: int = KEEP_UNCOMPACTED,
        max_poll_s: float = MAX_POLL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = State(Limits(partition_bytes, keep_uncompacted, clock), max_poll_s)

    def ensure_topics(self, specs: Iterable[TopicSpec]) -> None:
        """Create the topics that do not exist; leave the others as they are."""
        with self._state.changed:
            self._check_open()
            for spec in specs:
                self._state.create(spec)

    def producer(self) -> "MemoryProducer":
        """A new producer."""
        self._check_open()
        return MemoryProducer(self._state)

    def consumer(
        self,
        topics: Iterable[str],
        *,
        group: str | None,
        start: Start = "earliest",
        on_revoked: Callable[[set[Partition]], None] | None = None,
    ) -> MemoryConsumer:
        """A new consumer; see `shared.bus.base.Bus.consumer`."""
        return MemoryConsumer(self._state, list(topics), group, start, on_revoked)

    def read(self, topic: str, partition: int, offset: int) -> Record | None:
        """One message by its address, or None when it is not there."""
        with self._state.changed:
            found = self._state.log((topic, partition)).read(offset, 1)
            return found[0] if found and found[0].offset == offset else None

    def read_key(self, topic: str, key: str) -> list[Record]:
        """Every message of one key that is kept; see `shared.bus.base.Bus.read_key`."""
        with self._state.changed:
            logs = self._state.logs(topic)
            log = logs[partition_for(key, len(logs))]
            return [record for record in log.read(log.start, log.end) if record.key == key]

    def end_offsets(self, topic: str) -> dict[int, int]:
        """The offset that the next message of each partition will get."""
        with self._state.changed:
            return {number: log.end for number, log in enumerate(self._state.logs(topic))}

    def lag(self, group: str, topic: str) -> int:
        """Messages of the topic (those still kept) that the group has not committed."""
        with self._state.changed:
            committed = self._state.group(group).committed
            logs = enumerate(self._state.logs(topic))
            return sum(log.kept_from(committed.get((topic, number), 0)) for number, log in logs)

    def close(self) -> None:
        """Wake every waiting poll, free the messages and refuse further use; idempotent."""
        with self._state.changed:
            self._state.close()
            self._state.changed.notify_all()

    def _check_open(self) -> None:
        if self._state.closed:
            raise BusError("the bus is closed")


class MemoryProducer:
    """Sends into the bus in memory; a message is stored when `send` returns."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._rotation = Rotation()
        self._closed = False

    def send(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: str | None,
        timestamp_ms: int,
        headers: Mapping[str, bytes] | None = None,
    ) -> None:
        """Store one message; see `shared.bus.base.Producer.send`."""
        if self._closed:
            raise BusError("the producer is closed")
        check_message(topic, key, value, headers or {})
        with self._state.changed:
            logs = self._state.logs(topic)
            number = self._rotation.next(len(logs)) if key is None else partition_for(key, len(logs))
            if key is None and logs[number].compact:
                raise BusError(f"topic {topic} is compacted: a message needs a key")
            logs[number].append(key, value, timestamp_ms, headers or {})
            self._state.changed.notify_all()

    def flush(self, timeout_s: float = 30.0) -> None:
        """Nothing is ever under way."""
        if self._state.closed:
            raise BusError("the bus is closed")

    def close(self) -> None:
        """Refuse further messages; idempotent."""
        self._closed = True
