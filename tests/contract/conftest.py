"""The two buses that the contract tests run against, and helpers that both need."""

import time
import uuid
from collections.abc import Callable, Iterator

import pytest

from shared.bus.base import Bus, Consumer, Record, TopicSpec
from shared.bus.kafka import KafkaBus
from shared.bus.memory import MemoryBus

# Long enough for a group on real Kafka to form (about 0.3 s) or to rebalance (about 1 s) on a busy machine.
PATIENCE_S = 20.0


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def bus(request: pytest.FixtureRequest) -> Iterator[Bus]:
    made = MemoryBus() if request.param == "memory" else KafkaBus(request.getfixturevalue("kafka"))
    yield made
    made.close()


@pytest.fixture
def topic(bus: Bus) -> str:
    """A new topic of three partitions."""
    return new_topic(bus, 3)


@pytest.fixture
def group() -> str:
    """A name that no other test uses."""
    return f"group-{uuid.uuid4().hex[:8]}"


def new_topic(bus: Bus, partitions: int, **options: object) -> str:
    name = f"test-{uuid.uuid4().hex[:8]}"
    bus.ensure_topics([TopicSpec(name, partitions, **options)])  # type: ignore[arg-type]
    return name


def send(bus: Bus, topic: str, *messages: tuple[str | None, bytes | None], timestamp_ms: int = 0) -> None:
    """Store messages given as (key, value)."""
    producer = bus.producer()
    for key, value in messages:
        producer.send(topic, value, key=key, timestamp_ms=timestamp_ms)
    producer.close()


def drain(consumer: Consumer, count: int, timeout_s: float = PATIENCE_S) -> list[Record]:
    """Poll until `count` messages have come; fails when fewer or more do."""
    records: list[Record] = []
    deadline = time.monotonic() + timeout_s
    while len(records) < count:
        assert time.monotonic() < deadline, f"{len(records)} of {count} messages came"
        records += consumer.poll(timeout_s=0.2)
    assert len(records) == count
    return records


def until(condition: Callable[[], object], timeout_s: float = PATIENCE_S) -> None:
    """Call until true; the condition does the polling that makes it true."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"


def following(records: list[Record]) -> dict[tuple[str, int], int]:
    """The offsets to commit after these records."""
    offsets: dict[tuple[str, int], int] = {}
    for record in records:
        address = (record.topic, record.partition)
        offsets[address] = max(offsets.get(address, 0), record.offset + 1)
    return offsets
