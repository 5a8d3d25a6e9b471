"""Up to where a partition may be committed."""

import random

from services.detector.offsets import Offsets
from shared.bus.base import Record


def record(offset: int, partition: int = 0) -> Record:
    return Record("frames", partition, offset, 0, "cam", b"")


def test_nothing_is_committed_past_a_message_that_is_not_done() -> None:
    offsets, chance = Offsets(), random.Random(3)
    left = list(range(100, 200))
    assert all(offsets.seen(record(offset)) for offset in left)
    while left:
        at = left.pop(chance.randrange(len(left)))
        offsets.done(record(at))
        lowest = min(left, default=200)
        due = offsets.due()
        assert due == ({("frames", 0): lowest} if lowest > 100 else {})
    offsets.stored(offsets.due())
    assert offsets.due() == {}


def test_what_is_read_again_after_a_refused_commit_is_a_repeat() -> None:
    offsets = Offsets()
    for at in range(6):
        offsets.seen(record(at))
    for at in range(4):
        offsets.done(record(at))
    offsets.stored({("frames", 0): 2})
    assert [offsets.seen(record(at)) for at in range(2, 8)] == [False] * 4 + [True] * 2
    assert offsets.due() == {("frames", 0): 4}


def test_another_log_under_the_same_name_is_read_from_its_start() -> None:
    offsets = Offsets()
    offsets.seen(record(500))
    offsets.done(record(500))
    offsets.stored(offsets.due())
    assert offsets.seen(record(0))
    offsets.done(record(0))
    assert offsets.due() == {("frames", 0): 1}


def test_a_partition_that_went_away_begins_anew() -> None:
    offsets = Offsets()
    for partition in (0, 1):
        offsets.seen(record(5, partition))
        offsets.done(record(5, partition))
    offsets.drop({("frames", 0)})
    offsets.done(record(5, 0))
    offsets.stored({("frames", 0): 6})
    assert offsets.due() == {("frames", 1): 6}
    assert offsets.seen(record(5, 0))
    assert offsets.due() == {("frames", 1): 6}
