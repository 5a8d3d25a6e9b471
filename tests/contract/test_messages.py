"""Both buses alike: what goes in comes out, where, and in which order."""

import pytest

from shared.bus.base import Bus, TopicSpec
from shared.exceptions import BusError
from tests.contract.conftest import drain, new_topic, send


@pytest.mark.parametrize(
    ("key", "partition"),
    # Computed by the Java client of Kafka 4.1: Utils.toPositive(Utils.murmur2(key)) % 12.
    [("a2-km41", 5), ("cam-1", 3), ("cam-2", 5), ("cam-3", 11), ("ü", 2), ("", 9)],
)
def test_the_key_alone_decides_the_partition_as_kafka_does(bus: Bus, key: str, partition: int):
    topic = new_topic(bus, 12)
    send(bus, topic, (key, b"x"), (key, b"y"))
    ends = bus.end_offsets(topic)
    assert {number for number, end in ends.items() if end} == {partition}
    assert ends[partition] == 2


def test_messages_without_a_key_go_round_the_partitions(bus: Bus, topic: str):
    send(bus, topic, *[(None, b"x")] * 6)
    assert bus.end_offsets(topic) == {0: 2, 1: 2, 2: 2}


def test_order_is_kept_per_key_and_offsets_count_from_zero(bus: Bus, topic: str):
    send(bus, topic, *[(f"cam-{i % 5}", b"%d" % i) for i in range(200)])
    consumer = bus.consumer([topic], group=None)
    records = drain(consumer, 200)
    for camera in range(5):
        values = [int(record.value or b"") for record in records if record.key == f"cam-{camera}"]
        assert values == list(range(camera, 200, 5))
    for number, end in bus.end_offsets(topic).items():
        assert [record.offset for record in records if record.partition == number] == list(range(end))


def test_key_value_headers_and_time_come_back_as_they_were_sent(bus: Bus, topic: str):
    producer = bus.producer()
    headers = {"schema": b"wayside.frame/1", "empty": b"", "ünï": "ö".encode()}
    producer.send(topic, b"\x00\xffJPEG", key="cam-ü", timestamp_ms=1_785_585_600_123, headers=headers)
    producer.flush()
    record = drain(bus.consumer([topic], group=None), 1)[0]
    assert (record.topic, record.key, record.value) == (topic, "cam-ü", b"\x00\xffJPEG")
    assert record.timestamp_ms == 1_785_585_600_123
    assert dict(record.headers) == headers


def test_a_tombstone_an_empty_value_and_no_key_come_back(bus: Bus, topic: str):
    send(bus, topic, ("k", None), ("k", b""), (None, b"v"))
    records = drain(bus.consumer([topic], group=None), 3)
    assert {(record.key, record.value) for record in records} == {("k", None), ("k", b""), (None, b"v")}
    assert all(record.headers == {} for record in records)


@pytest.mark.parametrize("timestamp_ms", [0, 12_000, 4_102_444_800_000], ids=["1970", "clip", "2100"])
def test_any_event_time_is_taken(bus: Bus, topic: str, timestamp_ms: int):
    send(bus, topic, ("k", b"v"), timestamp_ms=timestamp_ms)
    assert drain(bus.consumer([topic], group=None), 1)[0].timestamp_ms == timestamp_ms


def test_a_picture_of_five_megabytes_passes(bus: Bus, topic: str):
    picture = bytes(range(256)) * 20_000
    send(bus, topic, ("k", picture), ("k", b"next"))
    assert [record.value for record in drain(bus.consumer([topic], group=None), 2)] == [picture, b"next"]


def test_the_largest_message_passes_and_a_larger_one_is_refused_at_once(bus: Bus, topic: str):
    largest = bytes((8 << 20) - 200)
    send(bus, topic, ("k", largest))
    assert drain(bus.consumer([topic], group=None), 1)[0].value == largest
    producer = bus.producer()
    with pytest.raises(BusError, match="over the limit of 8388608 bytes"):
        producer.send(topic, bytes(8 << 20), key="k", timestamp_ms=0)
    producer.flush()  # the refused one is no failure of those that were sent
    assert sum(bus.end_offsets(topic).values()) == 1


def test_a_message_needs_a_key_or_a_value(bus: Bus, topic: str):
    with pytest.raises(BusError, match="a key or a value"):
        bus.producer().send(topic, None, key=None, timestamp_ms=0)


def test_after_flush_everything_sent_is_stored(bus: Bus, topic: str):
    producer = bus.producer()
    for i in range(300):
        producer.send(topic, b"x", key=f"cam-{i}", timestamp_ms=0)
    producer.flush()
    assert sum(bus.end_offsets(topic).values()) == 300
    producer.flush()


def test_closing_a_producer_flushes_once_and_ends_it(bus: Bus, topic: str):
    producer = bus.producer()
    producer.send(topic, b"x", key="k", timestamp_ms=0)
    producer.close()
    producer.close()
    assert sum(bus.end_offsets(topic).values()) == 1
    with pytest.raises(BusError, match="closed"):
        producer.send(topic, b"x", key="k", timestamp_ms=0)


def test_a_compacted_topic_refuses_a_message_without_a_key(bus: Bus):
    topic = new_topic(bus, 1, compact=True)
    producer = bus.producer()
    with pytest.raises(BusError, match=topic):
        _send_and_flush(producer, topic)
    assert bus.end_offsets(topic) == {0: 0}


def _send_and_flush(producer, topic: str) -> None:
    producer.send(topic, b"x", key=None, timestamp_ms=0)
    producer.flush()


def test_topics_are_made_once_and_then_left_as_they_are(bus: Bus):
    topic = new_topic(bus, 2)
    send(bus, topic, ("k", b"v"))
    bus.ensure_topics([TopicSpec(topic, 5), TopicSpec(f"{topic}-more", 1)])
    assert len(bus.end_offsets(topic)) == 2
    assert sum(bus.end_offsets(topic).values()) == 1
    assert bus.end_offsets(f"{topic}-more") == {0: 0}


def test_a_closed_bus_closes_what_was_made_from_it(bus: Bus, topic: str):
    producer, consumer = bus.producer(), bus.consumer([topic], group=None)
    bus.close()
    bus.close()
    for use in (
        lambda: producer.send(topic, b"x", key="k", timestamp_ms=0),
        consumer.poll,
        lambda: bus.end_offsets(topic),
        bus.producer,
    ):
        with pytest.raises(BusError, match="closed"):
            use()
