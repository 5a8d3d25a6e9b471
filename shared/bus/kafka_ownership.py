"""Which partitions a member of a group owns, and how far it has read them."""

import sys
from collections.abc import Iterable, Mapping

from confluent_kafka import Consumer as Client
from confluent_kafka import TopicPartition

from shared.bus.base import Partition

# What the client's group metadata begins with in the form that is known here; the generation follows.
_METADATA = b"CGMDv2:"


class Ownership:
    """Tells partitions that were really lost from those that a rebalance gave straight back.

    The client calls the `on_…` methods on the service's thread, while it is inside `poll` or `close`.

    Attributes:
        owned: what this member may hand out and commit. Empty while a rebalance is under way: by then the group may
            have gone on, and the broker would take a commit for a partition that is another's.
        positions: the next offset to hand out, of the partitions that were read.
    """

    def __init__(self) -> None:
        self.owned: set[Partition] = set()
        self.positions: dict[Partition, int] = {}
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
        """A rebalance is over."""
        new = _addresses(assigned)
        generation = _generation(client)
        # With a generation in between, another member may have owned what comes back.
        straight = None not in (generation, self._generation) and generation == (self._generation or 0) + 1
        kept = self._before & new if straight else set()
        self._lose(self._before - kept)
        self._before, self._generation, self.owned = set(), generation, new
        client.assign([_at(partition, self.positions.get(partition)) for partition in sorted(new)])

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


def _at(partition: Partition, offset: int | None) -> TopicPartition:
    """Without an offset the client begins at the committed one."""
    return TopicPartition(*partition) if offset is None else TopicPartition(*partition, offset)


def _generation(client: Client) -> int | None:
    """The group's generation; the client tells it only in the bytes that it gives to a transaction."""
    metadata = client.consumer_group_metadata()
    if metadata is None or not metadata.startswith(_METADATA):
        return None
    return int.from_bytes(metadata[len(_METADATA) :][:4], sys.byteorder, signed=True)
