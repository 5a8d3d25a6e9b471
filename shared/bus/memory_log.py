"""One partition of the bus in memory: an append-only log with retention and compaction."""

import time
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.bus.base import Record, TopicSpec
from shared.bus.common import message_bytes

# 64 MiB hold 640 frames of 100 KB: a minute of one camera at 10 frames/s. Twelve busy partitions take 768 MiB.
PARTITION_BYTES = 64 << 20
# 10,000 alerts of 1 KB: a sink that is this far behind has other troubles.
KEEP_UNCOMPACTED = 10_000
# Of a topic of which only the latest messages matter: enough that compaction is not the work of every send.
_KEEP_LATEST_ONLY = 16
# Python objects around one message (record, headers, list slots), measured with 8 headers.
_OBJECT_BYTES = 1000


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds the memory of a partition.

    Attributes:
        partition_bytes: bytes kept at most (the newest message always stays); not applied to compacted topics.
        keep_uncompacted: newest messages of a compacted topic that compaction leaves alone, so that a reader
            who is not far behind sees each change and not only the last.
        clock: seconds, for the age of messages.
    """

    partition_bytes: int = PARTITION_BYTES
    keep_uncompacted: int = KEEP_UNCOMPACTED
    clock: Callable[[], float] = time.monotonic


class Log:
    """Messages of one partition; not thread-safe, the bus holds its lock around every call.

    Attributes:
        start: offset of the first message that is kept.
        end: offset that the next message gets.
    """

    def __init__(self, spec: TopicSpec, partition: int, limits: Limits) -> None:
        self.compact = spec.compact
        self.start = 0
        self.end = 0
        self._spec, self._partition, self._limits = spec, partition, limits
        self._limit_bytes = min(limits.partition_bytes, spec.retention_bytes or limits.partition_bytes)
        self._records: list[Record] = []
        self._arrived: list[float] = []
        self._bytes = 0
        self._keep = min(limits.keep_uncompacted, _KEEP_LATEST_ONLY) if spec.latest_only else limits.keep_uncompacted
        self._compact_at = 2 * self._keep

    def append(self, key: str | None, value: bytes | None, timestamp_ms: int, headers: Mapping[str, bytes]) -> None:
        """Store one message, then apply retention or compaction."""
        record = Record(self._spec.name, self._partition, self.end, timestamp_ms, key, value, dict(headers))
        self._records.append(record)
        self.end += 1
        if self.compact:
            if len(self._records) > self._compact_at:
                self._compact()
        else:
            self._arrived.append(self._limits.clock())
            self._bytes += _size(record)
            self._retain()

    def _retain(self) -> None:
        # Age counts from arrival, not from the event: a clip from 1970, a replay of last night and a camera with
        # a wrong clock (which shares its partition with others) are all kept as long as a live one.
        seconds = self._spec.retention_s
        oldest = float("-inf") if seconds is None else self._limits.clock() - seconds
        gone = 0
        while gone < len(self._records) - 1:
            if self._bytes <= self._limit_bytes and self._arrived[gone] >= oldest:
                break
            self._bytes -= _size(self._records[gone])
            gone += 1
        # Shifts the rest of the list: 60,000 messages at most (64 MiB of small ones), that is 20 microseconds.
        del self._records[:gone], self._arrived[:gone]
        self.start = self._records[0].offset

    def _compact(self) -> None:
        last = {record.key: record.offset for record in self._records}
        settled = self._records[: len(self._records) - self._keep]
        kept = [record for record in settled if last[record.key] == record.offset and record.value is not None]
        self._records = kept + self._records[len(settled) :]
        self._compact_at = len(self._records) + self._keep

    def read(self, offset: int, count: int) -> list[Record]:
        """Up to `count` messages from `offset` on; later ones where compaction has removed some."""
        first = self._index(offset)
        return self._records[first : first + count]

    def kept_from(self, offset: int) -> int:
        """How many messages from `offset` on are kept."""
        return len(self._records) - self._index(offset)

    def offset_at(self, timestamp_ms: int) -> int:
        """The offset of the first message with this timestamp or a later one, else the end."""
        return next((record.offset for record in self._records if record.timestamp_ms >= timestamp_ms), self.end)

    def _index(self, offset: int) -> int:
        return bisect_left(self._records, offset, key=lambda record: record.offset)


def _size(record: Record) -> int:
    return _OBJECT_BYTES + message_bytes(record.key, record.value, record.headers)
