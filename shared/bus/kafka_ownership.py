"""Which partitions a member of a group owns, and how far it has read them."""

import sys
from collections.abc import Iterable, Mapping

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, TopicPartition
from confluent_kafka import Consumer as Client

from shared.bus.base import Partition, Start
from shared.bus.kafka_commits import committed_at_last

# What the client's group metadata begins with in the form that is known here; the generation follows.
_METADATA = b"CGMDv2:"


class Ownership:
    """Tells partitions that were really lost from those that a rebalance gave straight back.

    The client calls the `on_…` methods on the service's thread, while it is inside `poll` or `close`.

    Args:
        start: where to read from when the group has committed nothing.

    Attributes:
        owned: what this member may hand out and commit. Empty while a rebalance is under way: by then the group may
            have gone on, and the broker would take a commit for a partition that is another's.
        positions: the next offset to hand out, of the partitions that were read.
        closing: the client is being closed: what it is still given, it does not take.
    """

    def __init__(self, start: Start) -> None:
        self._start = OFFSET_BEGINNING if start == "earliest" else OFFSET_END
        self.owned: set[Partition] = set()
        self.positions: dict[Partition, int] = {}
        self.closing = False
        self._before: set[Partition] = set()
        self._generation: int | None = None
        self._lost: set[Partition] = set()

    def take(self, positions: Mapping[Partition, int]) -> None:
        """Own these without a group."""
        self.owned, self.positions = set(positions), dict(positions)

    def on_revoke(self, client: Client, revoked: Iterable[TopicPartition]) -> None:
        """A rebalance begins; some or all of these come back."""
        self._before |= _addresses(revoked) & self.owned
        self.owned -= self._before

    def on_lost(self, client: Client, lost: Iterable[TopicPartition]) -> None:
        """Put out of the group: somebody else may have worked on these meanwhile, even if they come back."""
        gone = _addresses(lost)
        self.owned -= gone
        self._lose(gone)

    def on_assign(self, client: Client, assigned: Iterable[TopicPartition]) -> None:
        """A rebalance is over.

        Every partition begins at an offset that is named here. Left to itself the client asks for the committed one,
        and if the coordinator is moving just then, it never reads the partition (confluentinc/librdkafka#5586).

        Raises:
            KafkaException: the committed offsets are not told; nothing is owned then.
        """
        if self.closing:
            # A closing client tells no offsets, and one that hears of an error inside `close` never ends its threads.
            client.unassign()
            return
        new = _addresses(assigned)
        generation = _generation(client)
        # With a generation in between, another member may have owned what comes back.
        straight = None not in (generation, self._generation) and generation == (self._generation or 0) + 1
        kept = self._before & new if straight else set()
        self._lose(self._before - kept)
        stored = committed_at_last(client, new - set(self.positions))
        begin = dict.fromkeys(new, self._start) | stored | self.positions
        client.assign([TopicPartition(*partition, begin[partition]) for partition in sorted(new)])
        self._before, self._generation, self.owned = set(), generation, new

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Read these from the committed offset after the rebalance that is under way."""
        for partition in partitions:
            self.positions.pop(partition, None)

    def take_lost(self) -> set[Partition]:
        """What was lost since the last call."""
        lost, self._lost = self._lost, set()
        return lost

    def _lose(self, partitions: set[Partition]) -> None:
        self._lost |= partitions
        self.forget(partitions)


def _addresses(partitions: Iterable[TopicPartition]) -> set[Partition]:
    return {(partition.topic, partition.partition) for partition in partitions}


def _generation(client: Client) -> int | None:
    """The group's generation; the client tells it only in the bytes that it gives to a transaction."""
    metadata = client.consumer_group_metadata()
    if metadata is None or not metadata.startswith(_METADATA):
        return None
    return int.from_bytes(metadata[len(_METADATA) :][:4], sys.byteorder, signed=True)
