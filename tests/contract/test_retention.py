"""What the buses keep: retention and compaction, and a reader that fell behind them."""

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource

from shared import topics
from shared.bus.base import Bus
from shared.bus.kafka import KafkaBus
from shared.bus.memory import MemoryBus
from tests.contract.conftest import drain, following, new_topic, send


def _fell_behind(bus: Bus, topic: str, group: str) -> None:
    """Messages 0 to 5 of 10 are gone; the group had committed up to 2."""
    assert bus.read(topic, 0, 5) is None
    kept = bus.read(topic, 0, 6)
    assert kept is not None
    assert kept.key == "k6"
    assert bus.lag(group, topic) == 4
    assert bus.end_offsets(topic) == {0: 10}
    consumer = bus.consumer([topic], group=group)
    assert [record.offset for record in drain(consumer, 4)] == [6, 7, 8, 9]
    reader = bus.consumer([topic], group=None)
    reader.seek((topic, 0), 1)
    assert [record.offset for record in drain(reader, 4)] == [6, 7, 8, 9]


@pytest.mark.kafka
def test_kafka_goes_on_at_the_first_message_that_is_kept(kafka: str, group: str):
    bus = KafkaBus(kafka)
    topic = new_topic(bus, 1)
    send(bus, topic, *[(f"k{i}", b"v") for i in range(10)])
    consumer = bus.consumer([topic], group=group)
    consumer.commit(following(drain(consumer, 10)[:2]))
    consumer.close()
    admin = AdminClient({"bootstrap.servers": kafka})  # it must outlive its answers
    for deleted in admin.delete_records([TopicPartition(topic, 0, 6)]).values():
        deleted.result()
    _fell_behind(bus, topic, group)
    bus.close()


def test_memory_goes_on_at_the_first_message_that_is_kept(group: str):
    bus = MemoryBus(partition_bytes=50_000)
    topic = new_topic(bus, 1)
    send(bus, topic, *[(f"k{i}", bytes(11_000)) for i in range(2)])
    consumer = bus.consumer([topic], group=group)
    consumer.commit(following(drain(consumer, 2)))
    consumer.close()
    send(bus, topic, *[(f"k{i}", bytes(11_000)) for i in range(2, 10)])
    _fell_behind(bus, topic, group)


def test_memory_keeps_no_more_bytes_than_topic_and_bus_allow():
    bus = MemoryBus(partition_bytes=1 << 20)
    small, large = new_topic(bus, 1, retention_bytes=200_000), new_topic(bus, 1, retention_bytes=1 << 30)
    for topic, limit in ((small, 200_000), (large, 1 << 20)):
        send(bus, topic, *[("k", bytes(10_000))] * 300)
        kept = drain_all(bus, topic)
        assert 0.8 * limit < sum(len(record.value or b"") for record in kept) <= limit
        assert kept[-1].offset == 299


def test_memory_always_keeps_the_newest_message():
    bus = MemoryBus(partition_bytes=1000)
    topic = new_topic(bus, 1)
    send(bus, topic, ("k", bytes(100_000)), ("k", bytes(200_000)))
    assert [record.offset for record in drain_all(bus, topic)] == [1]


def test_memory_forgets_by_age_since_arrival_whatever_the_event_time():
    now = [1000.0]
    bus = MemoryBus(clock=lambda: now[0])
    topic = new_topic(bus, 1, retention_s=60)
    send(bus, topic, ("clip", b"1970"), timestamp_ms=0)
    send(bus, topic, ("wrong-clock", b"2100"), timestamp_ms=4_102_444_800_000)
    send(bus, topic, ("live", b"now"), timestamp_ms=1_785_585_600_000)
    now[0] += 59
    send(bus, topic, ("live", b"later"), timestamp_ms=1_785_585_659_000)
    assert len(drain_all(bus, topic)) == 4
    now[0] += 2
    send(bus, topic, ("live", b"latest"), timestamp_ms=1_785_585_661_000)
    assert [record.value for record in drain_all(bus, topic)] == [b"later", b"latest"]


def test_memory_compacts_to_the_last_of_each_key_and_leaves_offsets_and_recent_changes():
    bus = MemoryBus(keep_uncompacted=10)
    topic = new_topic(bus, 1, compact=True)
    send(bus, topic, ("gone", b"0"), ("gone", None), *[(f"k{i % 4}", b"%d" % i) for i in range(100)])
    kept = drain_all(bus, topic)
    assert len(kept) <= 4 + 2 * 10
    assert {record.key: record.value for record in kept} == {f"k{i}": b"%d" % (96 + i) for i in range(4)}
    assert [record.offset for record in kept[-10:]] == list(range(92, 102))
    assert [record.offset for record in kept] == sorted(record.offset for record in kept)
    assert bus.read(topic, 0, 5) is None
    assert bus.end_offsets(topic) == {0: 102}


def test_memory_soon_forgets_what_only_the_latest_of_matters():
    bus = MemoryBus()
    topic = new_topic(bus, 1, compact=True, latest_only=True)
    send(bus, topic, ("quiet", b"q"), *[(f"k{i % 4}", b"%d" % i) for i in range(1000)])
    assert len(drain_all(bus, topic)) <= 5 + 2 * 16
    assert bus.read_key(topic, "k3")[-1].value == b"999"
    assert [record.value for record in bus.read_key(topic, "quiet")] == [b"q"]


def test_memory_puts_out_a_member_that_does_not_poll():
    now = [0.0]
    bus = MemoryBus(max_poll_s=60, clock=lambda: now[0])
    topic = new_topic(bus, 2)
    lost: list[set[tuple[str, int]]] = []
    hangs = bus.consumer([topic], group="g", on_revoked=lost.append)
    hangs.poll(timeout_s=0)
    other = bus.consumer([topic], group="g")
    other.poll(timeout_s=0)
    assert other.assignment() == set()
    now[0] += 61
    other.poll(timeout_s=0)
    assert len(other.assignment()) == 2
    assert hangs.assignment() == set()
    hangs.poll(timeout_s=0)
    assert lost == [{(topic, 0), (topic, 1)}]


@pytest.mark.kafka
def test_kafka_topics_carry_retention_and_compaction(kafka: str):
    bus = KafkaBus(kafka)
    bus.ensure_topics(topics.SPECS)
    bus.close()
    settings = _settings(kafka, topics.FRAMES, topics.INCIDENTS, topics.ALERTS, topics.CHECKPOINTS)

    frames = settings[topics.FRAMES]
    assert frames["cleanup.policy"] == "delete"
    assert int(frames["retention.ms"]) == 6 * 3_600_000
    assert int(frames["retention.bytes"]) == 1 << 30
    assert int(frames["segment.bytes"]) * 8 <= 1 << 30  # whole segments are deleted: small ones make it bite
    assert int(frames["segment.ms"]) * 8 <= 6 * 3_600_000
    assert int(frames["max.message.bytes"]) > 8 << 20

    assert int(settings[topics.INCIDENTS]["retention.bytes"]) == -1
    alerts = settings[topics.ALERTS]
    assert alerts["cleanup.policy"] == "compact"
    assert int(alerts["min.compaction.lag.ms"]) == 86_400_000
    checkpoints = settings[topics.CHECKPOINTS]
    assert checkpoints["cleanup.policy"] == "compact"
    assert int(checkpoints["min.compaction.lag.ms"]) == 0
    assert int(checkpoints["segment.bytes"]) <= 32 << 20  # a new owner reads it all


@pytest.mark.kafka
def test_kafka_segments_are_never_smaller_than_the_largest_batch(kafka: str):
    bus = KafkaBus(kafka)
    topic = new_topic(bus, 1, retention_bytes=1 << 20, retention_s=1)
    send(bus, topic, ("k", bytes(8_000_000)))
    assert bus.end_offsets(topic) == {0: 1}
    bus.close()


def test_the_wayside_topics_exist_on_both_buses(bus: Bus):
    bus.ensure_topics(topics.SPECS)
    for spec in topics.SPECS:
        assert len(bus.end_offsets(spec.name)) == spec.partitions


def drain_all(bus: Bus, topic: str) -> list:
    return bus.consumer([topic], group=None).poll(max_records=10_000, timeout_s=0)


def _settings(bootstrap: str, *names: str) -> dict[str, dict[str, str]]:
    asked = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
    admin = AdminClient({"bootstrap.servers": bootstrap})  # it must outlive its answers
    answers = admin.describe_configs(asked)
    return {
        resource.name: {name: entry.value for name, entry in answer.result().items()}
        for resource, answer in answers.items()
    }
