"""Both buses alike: groups share partitions, commit, resume, and notice when ownership goes."""

import pytest

from shared.bus.base import Bus, Consumer, Partition
from shared.exceptions import OwnershipLostError
from tests.contract.conftest import drain, following, new_topic, send, until


def _own(consumer: Consumer, count: int) -> None:
    """Poll (there are no messages) until the consumer owns this many partitions."""
    until(lambda: not consumer.poll(timeout_s=0.1) and len(consumer.assignment()) == count)


def test_a_group_resumes_after_what_it_committed(bus: Bus, topic: str, group: str):
    send(bus, topic, *[(f"k{i}", b"%d" % i) for i in range(10)])
    first = bus.consumer([topic], group=group)
    first.commit(following(drain(first, 10)))
    first.close()
    send(bus, topic, ("k1", b"new"))
    second = bus.consumer([topic], group=group)
    assert [record.value for record in drain(second, 1)] == [b"new"]


def test_what_was_not_committed_comes_again(bus: Bus, group: str):
    topic = new_topic(bus, 1)
    send(bus, topic, *[("k", b"%d" % i) for i in range(6)])
    first = bus.consumer([topic], group=group)
    drain(first, 6)
    first.commit({(topic, 0): 4})
    first.close()
    second = bus.consumer([topic], group=group)
    assert [record.value for record in drain(second, 2)] == [b"4", b"5"]


def test_each_group_gets_every_message(bus: Bus, topic: str, group: str):
    send(bus, topic, *[(f"k{i}", b"v") for i in range(8)])
    for name in (f"{group}-a", f"{group}-b"):
        consumer = bus.consumer([topic], group=name)
        consumer.commit(following(drain(consumer, 8)))


def test_a_new_group_from_the_latest_skips_what_is_there(bus: Bus, topic: str, group: str):
    send(bus, topic, ("k", b"old"))
    consumer = bus.consumer([topic], group=group, start="latest")
    _own(consumer, 3)
    consumer.poll(timeout_s=0.3)  # the position is known now
    send(bus, topic, ("k", b"new"))
    assert [record.value for record in drain(consumer, 1)] == [b"new"]


def test_two_members_share_the_partitions_and_one_takes_over_when_the_other_leaves(bus: Bus, group: str):
    topic = new_topic(bus, 4)
    everything = {(topic, number) for number in range(4)}
    lost: list[set[Partition]] = []
    first = bus.consumer([topic], group=group, on_revoked=lost.append)
    _own(first, 4)
    second = bus.consumer([topic], group=group)
    until(
        lambda: (
            not (first.poll(timeout_s=0.1) + second.poll(timeout_s=0.1))
            and len(first.assignment()) == len(second.assignment()) == 2
        )
    )
    assert first.assignment() | second.assignment() == everything
    assert set().union(*lost) == second.assignment()  # only what it really lost is reported

    send(bus, topic, *[(f"k{i}", b"v") for i in range(20)])
    seen: list[tuple[int, int]] = []

    def both() -> bool:
        for consumer in (first, second):
            batch = consumer.poll(timeout_s=0.1)
            assert {(r.topic, r.partition) for r in batch} <= consumer.assignment()
            consumer.commit(following(batch))
            seen.extend((r.partition, r.offset) for r in batch)
        return len(seen) >= 20

    until(both)
    assert len(set(seen)) == len(seen) == 20

    second.close()
    until(lambda: not first.poll(timeout_s=0.1) and first.assignment() == everything)
    assert bus.lag(group, topic) == 0


def test_a_commit_for_a_lost_partition_raises_and_its_messages_come_at_the_new_owner(bus: Bus, group: str):
    topic = new_topic(bus, 2)
    send(bus, topic, *[(f"k{i}", b"%d" % i) for i in range(10)])
    lost: list[set[Partition]] = []
    first = bus.consumer([topic], group=group, on_revoked=lost.append)
    batch = drain(first, 10)
    second = bus.consumer([topic], group=group)
    again = []

    def moved() -> bool:
        assert first.poll(timeout_s=0.1) == []  # what it keeps does not come twice
        again.extend(second.poll(timeout_s=0.1))
        return bool(lost) and len(second.assignment()) == 1

    until(moved)
    gone = set().union(*lost)
    assert gone == second.assignment()
    with pytest.raises(OwnershipLostError, match="another member"):
        first.commit(following(batch))
    expected = [record.offset for record in batch if (topic, record.partition) in gone]
    until(lambda: again.extend(second.poll(timeout_s=0.1)) or len(again) >= len(expected))
    assert [record.offset for record in again] == expected
    assert bus.lag(group, topic) == len(expected)  # what it still owned was committed


def test_a_commit_before_any_poll_is_refused(bus: Bus, topic: str, group: str):
    with pytest.raises(OwnershipLostError):
        bus.consumer([topic], group=group).commit({(topic, 0): 0})


def test_a_partition_that_stays_keeps_its_position_through_a_rebalance(bus: Bus, group: str):
    topic = new_topic(bus, 2)
    first = bus.consumer([topic], group=group)
    _own(first, 2)
    send(bus, topic, *[(f"k{i}", b"v") for i in range(10)])
    batch = drain(first, 10)
    second = bus.consumer([topic], group=group)
    again = []
    taken = []

    def shared() -> bool:
        again.extend(first.poll(timeout_s=0.1))
        taken.extend(second.poll(timeout_s=0.1))
        return bool(taken) and len(first.assignment()) == 1

    until(shared)
    assert again == []
    kept = {p: offset for p, offset in following(batch).items() if p in first.assignment()}
    first.commit(kept)
    second.close()
    until(lambda: again.extend(first.poll(timeout_s=0.1)) or len(first.assignment()) == 2)
    missing = 10 - sum(kept.values())
    again += drain(first, missing - len(again))
    assert {(topic, record.partition) for record in again}.isdisjoint(kept)


def test_polls_that_are_shorter_than_a_rebalance_do_not_start_it_again(bus: Bus, group: str):
    topic = new_topic(bus, 6)
    changes: list[set[Partition]] = []
    members: list[Consumer] = []
    for count in (1, 2, 3):
        members.append(bus.consumer([topic], group=group, on_revoked=changes.append))

        def shared(count: int = count) -> bool:
            for member in members:
                member.poll(timeout_s=0.005)
            shares = [member.assignment() for member in members]
            return [len(share) for share in shares] == [6 // count] * count and len(set().union(*shares)) == 6

        until(shared)
    # 3 partitions move to the second; then 1 from the first and 1 from the second, 2 more between them at most.
    assert sum(len(lost) for lost in changes) <= 3 + 4


def test_lag_counts_what_the_group_has_not_committed(bus: Bus, topic: str, group: str):
    assert bus.lag(group, topic) == 0
    send(bus, topic, *[(f"k{i}", b"v") for i in range(12)])
    assert bus.lag(group, topic) == 12
    consumer = bus.consumer([topic], group=group)
    batch = drain(consumer, 12)
    assert bus.lag(group, topic) == 12
    consumer.commit(following(batch[:5]))
    assert bus.lag(group, topic) < 12
    consumer.commit(following(batch))
    assert bus.lag(group, topic) == 0
    assert bus.lag(f"{group}-other", topic) == 12


def test_leaving_twice_is_harmless(bus: Bus, topic: str, group: str):
    consumer = bus.consumer([topic], group=group)
    _own(consumer, 3)
    consumer.close()
    consumer.close()
