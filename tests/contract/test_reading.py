"""Both buses alike: reading from a place, by time and by address, without a group."""

import threading

import pytest

from shared.bus.base import Bus
from shared.exceptions import BusError, OwnershipLostError
from tests.contract.conftest import drain, new_topic, send


def test_without_a_group_every_reader_gets_everything(bus: Bus, topic: str):
    send(bus, topic, *[(f"k{i}", b"v") for i in range(10)])
    first, second = bus.consumer([topic], group=None), bus.consumer([topic], group=None)
    assert len(drain(first, 10)) == len(drain(second, 10)) == 10
    assert first.assignment() == second.assignment() == {(topic, 0), (topic, 1), (topic, 2)}


def test_without_a_group_nothing_can_be_committed(bus: Bus, topic: str):
    with pytest.raises(BusError, match="without a group"):
        bus.consumer([topic], group=None).commit({(topic, 0): 1})


def test_a_reader_from_the_latest_sees_what_is_sent_after_it_was_made(bus: Bus, topic: str):
    send(bus, topic, ("k", b"old"))
    consumer = bus.consumer([topic], group=None, start="latest")
    send(bus, topic, ("k", b"new"))
    assert [record.value for record in drain(consumer, 1)] == [b"new"]
    assert consumer.poll(timeout_s=0.1) == []


def test_one_reader_takes_several_topics(bus: Bus):
    one, two = new_topic(bus, 1), new_topic(bus, 2)
    send(bus, one, ("k", b"1"))
    send(bus, two, ("k", b"2"))
    assert {record.topic for record in drain(bus.consumer([one, two], group=None), 2)} == {one, two}


def test_poll_gives_no_more_than_asked_for_and_loses_nothing(bus: Bus, topic: str):
    send(bus, topic, *[(f"k{i}", b"v") for i in range(25)])
    consumer = bus.consumer([topic], group=None)
    seen = []
    while len(seen) < 25:
        batch = consumer.poll(max_records=4, timeout_s=5)
        assert 1 <= len(batch) <= 4
        seen += [(record.partition, record.offset) for record in batch]
    assert len(set(seen)) == 25


def test_poll_waits_for_a_message_and_returns_with_it(bus: Bus, topic: str):
    consumer = bus.consumer([topic], group=None)
    assert consumer.poll(timeout_s=0.05) == []
    timer = threading.Timer(0.2, send, (bus, topic, ("k", b"late")))
    timer.start()
    assert [record.value for record in consumer.poll(timeout_s=20)] == [b"late"]
    timer.join()


def test_seek_goes_back_and_forth(bus: Bus):
    topic = new_topic(bus, 1)
    send(bus, topic, *[("k", b"%d" % i) for i in range(10)])
    consumer = bus.consumer([topic], group=None)
    drain(consumer, 10)
    consumer.seek((topic, 0), 7)
    assert [record.value for record in drain(consumer, 3)] == [b"7", b"8", b"9"]
    consumer.seek((topic, 0), 0)
    assert drain(consumer, 10)[0].value == b"0"


def test_seek_needs_a_partition_of_ones_own(bus: Bus, topic: str):
    with pytest.raises(OwnershipLostError, match="not assigned"):
        bus.consumer([topic], group=None).seek((topic, 9), 0)


def test_seek_to_time_starts_at_the_first_message_of_that_time_or_later(bus: Bus, topic: str):
    for second in range(1, 6):
        send(bus, topic, *[(f"k{i}", b"%d" % second) for i in range(6)], timestamp_ms=second * 1000)
    consumer = bus.consumer([topic], group=None)
    for timestamp_ms, first in ((3000, 3), (3001, 4), (0, 1)):
        consumer.seek_to_time(timestamp_ms)
        values = {int(record.value or b"") for record in drain(consumer, 6 * (6 - first))}
        assert values == set(range(first, 6))
    consumer.seek_to_time(5001)
    assert consumer.poll(timeout_s=0.1) == []
    send(bus, topic, ("k", b"new"), timestamp_ms=6000)
    assert drain(consumer, 1)[0].value == b"new"


def test_a_message_is_read_by_its_address(bus: Bus):
    topic, other = new_topic(bus, 1), new_topic(bus, 3)
    send(bus, topic, *[(f"k{i}", b"%d" % i) for i in range(5)])
    send(bus, other, ("cam-3", b"other"))
    record = bus.read(topic, 0, 3)
    assert record is not None
    assert (record.topic, record.partition, record.offset) == (topic, 0, 3)
    assert (record.key, record.value) == ("k3", b"3")
    again = bus.read(other, 2, 0)
    assert again is not None
    assert again.value == b"other"
    assert bus.read(topic, 0, 3) == record


def test_the_messages_of_one_key_are_read_in_order_and_no_others(bus: Bus):
    topic = new_topic(bus, 3, compact=True, latest_only=True)
    assert bus.read_key(topic, "a") == []
    for turn in range(4):
        send(bus, topic, *[(key, b"%d" % turn) for key in ("a", "b", "c", "d", "e")], timestamp_ms=turn)
    for _ in range(2):
        found = bus.read_key(topic, "c")
        assert [(record.key, record.value, record.timestamp_ms) for record in found] == [
            ("c", b"%d" % turn, turn) for turn in range(4)
        ]
    assert bus.read(topic, found[-1].partition, found[-1].offset) == found[-1]


def test_a_large_partition_is_read_to_its_end(bus: Bus):
    topic = new_topic(bus, 1, compact=True)
    send(bus, topic, *[("a" if turn % 3 else "b", bytes(200_000)) for turn in range(60)])
    assert [record.offset for record in bus.read_key(topic, "a")] == [turn for turn in range(60) if turn % 3]


def test_a_group_member_goes_back_to_where_it_seeks_though_more_was_fetched(bus: Bus):
    topic = new_topic(bus, 1)
    send(bus, topic, *[("k", b"%d" % i) for i in range(50)])
    consumer = bus.consumer([topic], group=topic)
    first = consumer.poll(max_records=1, timeout_s=20)
    assert [record.offset for record in first] == [0]
    consumer.commit({(topic, 0): 1})
    drain(consumer, 49)
    consumer.seek((topic, 0), 7)
    assert [record.offset for record in drain(consumer, 43)] == list(range(7, 50))


def test_an_address_that_was_never_written_reads_as_none(bus: Bus, topic: str):
    send(bus, topic, ("k", b"v"))
    end = bus.end_offsets(topic)
    number = next(number for number, offset in end.items() if offset)
    assert bus.read(topic, number, end[number]) is None
    assert bus.read(topic, number, 1000) is None
    assert bus.read(topic, (number + 1) % 3, 0) is None


def test_addresses_are_read_from_several_threads(bus: Bus):
    topic = new_topic(bus, 1)
    send(bus, topic, *[("k", b"%d" % i) for i in range(20)])
    found: dict[int, bytes | None] = {}

    def read(offset: int) -> None:
        record = bus.read(topic, 0, offset)
        found[offset] = record.value if record else None

    threads = [threading.Thread(target=read, args=(offset,)) for offset in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {offset: b"%d" % offset for offset in range(20)}


@pytest.mark.parametrize("use", ["consumer", "end_offsets", "lag"])
def test_a_topic_that_does_not_exist_is_told(bus: Bus, use: str):
    calls = {
        "consumer": lambda: bus.consumer(["nowhere"], group="g"),
        "end_offsets": lambda: bus.end_offsets("nowhere"),
        "lag": lambda: bus.lag("g", "nowhere"),
    }
    with pytest.raises(BusError, match="topic nowhere does not exist"):
        calls[use]()
