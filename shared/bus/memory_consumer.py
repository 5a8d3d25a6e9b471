"""Reading from the bus in memory."""

import time
from collections.abc import Callable, Mapping

from shared.bus.base import Partition, Record, Start
from shared.bus.memory_state import State
from shared.exceptions import BusError, OwnershipLostError
from shared.telemetry.logs import logger


class MemoryConsumer:
    """See `shared.bus.base.Consumer`."""

    def __init__(
        self,
        state: State,
        topics: list[str],
        group: str | None,
        start: Start,
        on_revoked: Callable[[set[Partition]], None] | None,
    ) -> None:
        self._state, self._start, self._on_revoked = state, start, on_revoked
        self._positions: dict[Partition, int] = {}
        self._turn = 0
        self._closed = False
        with state.changed:
            everything = [(topic, number) for topic in topics for number in range(len(state.logs(topic)))]
            self._group = None if group is None else state.group(group)
            self._member = None if self._group is None else self._group.join(topics)
            if self._group is None:
                self._positions = {partition: self._first(partition) for partition in everything}
            state.changed.notify_all()

    def poll(self, max_records: int = 500, timeout_s: float = 0.5) -> list[Record]:
        """Up to `max_records` messages; see `shared.bus.base.Consumer.poll`."""
        deadline = time.monotonic() + timeout_s
        with self._state.changed:
            while True:
                self._check_open()
                lost = self._settle()
                # What was lost is told before anything new is handed out: the same partition may have come back.
                records = [] if lost else self._take(max_records)
                left = deadline - time.monotonic()
                if records or lost or left <= 0:
                    break
                self._state.changed.wait(left)
            if self._member is not None:
                self._member.idle_since = self._state.clock()
        if lost and self._on_revoked is not None:
            self._on_revoked(lost)
        return records

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Store the next offset to read; what is still owned is stored even when the rest raises."""
        if self._group is None or self._member is None:
            raise BusError("a consumer without a group cannot commit")
        with self._state.changed:
            self._check_open()
            owned = {partition: offset for partition, offset in offsets.items() if partition in self._member.owned}
            self._group.committed.update(owned)
        lost = sorted(set(offsets) - set(owned))
        if lost:
            raise OwnershipLostError(f"another member of the group owns {', '.join(f'{t}/{n}' for t, n in lost)} now")

    def assignment(self) -> set[Partition]:
        """Partitions that this member owns now."""
        with self._state.changed:
            return set(self._positions) if self._member is None else set(self._member.owned)

    def seek(self, partition: Partition, offset: int) -> None:
        """Read this owned partition from `offset` next."""
        with self._state.changed:
            self._check_open()
            if partition not in self._positions:
                raise OwnershipLostError(f"{partition[0]}/{partition[1]} is not assigned to this consumer")
            self._positions[partition] = offset

    def seek_to_time(self, timestamp_ms: int) -> None:
        """Read every owned partition from its first message with this timestamp or a later one."""
        with self._state.changed:
            self._check_open()
            self._positions = {p: self._state.log(p).offset_at(timestamp_ms) for p in self._positions}

    def close(self) -> None:
        """Leave the group; idempotent."""
        with self._state.changed:
            if self._group is not None and self._member is not None and not self._closed:
                self._group.leave(self._member)
            self._closed = True
            self._state.changed.notify_all()

    def _settle(self) -> set[Partition]:
        if self._group is None or self._member is None:
            return set()
        self._member.idle_since = None
        lost = self._group.settle(self._member)
        for partition in lost:
            self._positions.pop(partition, None)
        for partition in self._member.owned - set(self._positions):
            committed = self._group.committed.get(partition)
            self._positions[partition] = self._first(partition) if committed is None else committed
        if lost:
            self._state.changed.notify_all()  # whoever waits for these can take them up
        return lost

    def _first(self, partition: Partition) -> int:
        log = self._state.log(partition)
        return log.start if self._start == "earliest" else log.end

    def _take(self, max_records: int) -> list[Record]:
        taken: list[Record] = []
        owned = sorted(self._positions)
        self._turn += 1  # start at another partition each time, so that a busy one does not starve the rest
        for place in range(len(owned)):
            if len(taken) >= max_records:
                break
            taken += self._take_from(owned[(place + self._turn) % len(owned)], max_records - len(taken))
        return taken

    def _take_from(self, partition: Partition, count: int) -> list[Record]:
        log = self._state.log(partition)
        position = self._positions[partition]
        if not log.start <= position <= log.end:
            # As Kafka's auto.offset.reset; without a group, the start only says where to begin.
            kept = log.start if self._group is None else self._first(partition)
            if kept > position:
                logger("bus").warning(
                    "messages lost to retention", topic=partition[0], partition=partition[1], count=kept - position
                )
            position = kept
        found = log.read(position, count)
        self._positions[partition] = found[-1].offset + 1 if found else position
        return found

    def _check_open(self) -> None:
        if self._closed or self._state.closed:
            raise BusError("the consumer is closed")
