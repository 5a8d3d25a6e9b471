"""The state that the parts of the bus in memory share: topics, groups and the lock around them."""

import threading
from collections.abc import Iterable

from shared.bus.base import Partition, TopicSpec
from shared.bus.memory_log import Limits, Log
from shared.exceptions import BusError

# As max.poll.interval.ms of the Kafka consumer: a member that has not polled for this long hangs.
MAX_POLL_S = 60.0


class Member:
    """One consumer of a group.

    Attributes:
        idle_since: when its last poll ended (seconds of the bus's clock), None while it polls.
        owned: partitions that it may commit.
        lost: partitions taken from it that it has not been told of.
    """

    def __init__(self, number: int, topics: Iterable[str], now: float) -> None:
        self.number = number
        self.topics = frozenset(topics)
        self.idle_since: float | None = now
        self.owned: set[Partition] = set()
        self.lost: set[Partition] = set()


class State:
    """Topics and groups. Hold `changed` around every call; every change wakes every waiting poll.

    One condition for the whole bus: with a handful of services in a process that is cheaper than the bookkeeping
    of who waits for what.
    """

    def __init__(self, limits: Limits, max_poll_s: float) -> None:
        self.changed = threading.Condition()
        self.closed = False
        self.clock = limits.clock
        self._limits, self._max_poll_s = limits, max_poll_s
        self._topics: dict[str, list[Log]] = {}
        self._groups: dict[str, Group] = {}

    def create(self, spec: TopicSpec) -> None:
        """Create a topic unless it exists."""
        if spec.name not in self._topics:
            self._topics[spec.name] = [Log(spec, number, self._limits) for number in range(spec.partitions)]

    def logs(self, topic: str) -> list[Log]:
        """The partitions of a topic."""
        if self.closed:
            raise BusError("the bus is closed")
        try:
            return self._topics[topic]
        except KeyError:
            raise BusError(f"topic {topic} does not exist") from None

    def log(self, partition: Partition) -> Log:
        """One partition."""
        topic, number = partition
        logs = self.logs(topic)
        if not 0 <= number < len(logs):
            raise BusError(f"topic {topic} has no partition {number}")
        return logs[number]

    def group(self, name: str) -> "Group":
        """The group of this name; made at its first use."""
        if name not in self._groups:
            self._groups[name] = Group(self, self._max_poll_s)
        return self._groups[name]

    def close(self) -> None:
        """Free the messages."""
        self.closed = True
        self._topics.clear()


class Group:
    """Members and committed offsets.

    A partition moves as in Kafka: its owner keeps it until it polls, leaves, or has not polled for `max_poll_s`,
    and only then the new owner takes it up from the committed offset.
    """

    def __init__(self, state: State, max_poll_s: float) -> None:
        self._state, self._max_poll_s = state, max_poll_s
        self._members: dict[int, Member] = {}
        self._joined = 0
        self.committed: dict[Partition, int] = {}

    def join(self, topics: Iterable[str]) -> Member:
        """A new member; it gets its share as the others poll."""
        self._joined += 1
        member = Member(self._joined, topics, self._state.clock())
        self._members[member.number] = member
        return member

    def leave(self, member: Member) -> None:
        """The member's partitions are free at once."""
        self._members.pop(member.number, None)
        member.lost |= member.owned
        member.owned = set()

    def settle(self, member: Member) -> set[Partition]:
        """Take part in a rebalance, if there is one; the member then owns its share of what is free.

        Returns:
            Partitions lost since the last call.
        """
        self._members[member.number] = member  # again, if it was put out for not polling
        for other in [other for other in self._members.values() if other is not member]:
            if other.idle_since is not None and self._state.clock() - other.idle_since > self._max_poll_s:
                self.leave(other)
        others = (other.owned for other in self._members.values() if other is not member)
        owned = self._share(member).difference(*others)
        lost = member.lost | (member.owned - owned)
        member.owned, member.lost = owned, set()
        return lost

    def _share(self, member: Member) -> set[Partition]:
        """The member's part: ranges per topic, members by order of joining (Kafka's range assignor)."""
        share: set[Partition] = set()
        for topic in member.topics:
            numbers = sorted(number for number, other in self._members.items() if topic in other.topics)
            each, extra = divmod(len(self._state.logs(topic)), len(numbers))
            place = numbers.index(member.number)
            first = place * each + min(place, extra)
            share |= {(topic, first + step) for step in range(each + (place < extra))}
        return share
