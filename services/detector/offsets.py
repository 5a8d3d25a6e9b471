"""How far each partition is done when its messages are not finished in order."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from shared.bus.base import Partition, Record


@dataclass(slots=True)
class _Progress:
    """One partition.

    Attributes:
        following: the offset after the last message that was seen.
        stored: what the group has committed.
        open: messages that were seen and are not done, in order.
    """

    following: int
    stored: int
    open: dict[int, None] = field(default_factory=dict)


class Offsets:
    """What was read, what of it is done, and up to where nothing is left to do.

    Example:
        >>> offsets.seen(first), offsets.seen(second)    # doctest: +SKIP
        (True, True)
        >>> offsets.done(second)                         # doctest: +SKIP
        >>> offsets.due()   # the first is not done      # doctest: +SKIP
        {}
    """

    def __init__(self) -> None:
        self._partitions: dict[Partition, _Progress] = {}

    def seen(self, record: Record) -> bool:
        """Note a message that was read; False for one that is here already.

        After a commit that was refused in a rebalance, a partition is read again from what was committed. What lies
        before that is no repeat but another log under the same name.
        """
        partition = record.topic, record.partition
        progress = self._partitions.get(partition)
        if progress is None or record.offset < progress.stored:
            progress = self._partitions[partition] = _Progress(record.offset, record.offset)
        elif record.offset < progress.following:
            return False
        progress.open[record.offset] = None
        progress.following = record.offset + 1
        return True

    def done(self, record: Record) -> None:
        """Note that a message needs no more work. One of a partition that was dropped is nobody's business."""
        progress = self._partitions.get((record.topic, record.partition))
        if progress is not None:
            progress.open.pop(record.offset, None)

    def due(self) -> dict[Partition, int]:
        """What to commit: the next offset of each partition that has moved on."""
        ends = {
            partition: next(iter(progress.open), progress.following) for partition, progress in self._partitions.items()
        }
        return {partition: end for partition, end in ends.items() if end > self._partitions[partition].stored}

    def stored(self, offsets: Mapping[Partition, int]) -> None:
        """Note what was committed."""
        for partition, offset in offsets.items():
            if partition in self._partitions:
                self._partitions[partition].stored = offset

    def drop(self, partitions: Collection[Partition]) -> None:
        """Forget partitions that another worker has now."""
        for partition in partitions:
            self._partitions.pop(partition, None)
