"""CPU of the bus's producer and consumer, as this process takes it in all its threads."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from uuid import uuid4

from shared import topics
from shared.bus.base import Bus, Consumer, Producer, TopicSpec
from shared.bus.kafka import KafkaBus

_PICTURES, _RESULTS = "bench-pictures", "bench-results"
SPECS = [TopicSpec(name, topics.PARTITIONS, retention_bytes=256 << 20) for name in (_PICTURES, _RESULTS)]
_CAMERAS, _BATCH = 4, 4
# As the detector's feed: messages of one poll, its longest wait, and the time between two commits.
_CHUNK, _POLL_S, _COMMIT_S = 32, 0.1, 0.2
# Messages before a figure is taken: connections, metadata.
_WARM = 40
# A broker that has not given a message for so long will give none.
_PATIENCE_S = 30.0


def send(bus: Bus, value: bytes, count: int, rate: float | None = None) -> float:
    """CPU ms per MB of a producer that sends so many messages, at `rate` per second or as fast as it goes."""
    producer = bus.producer()
    _send(producer, value, _WARM)
    with _cpu_ms() as spent:
        _send(producer, value, count, rate)
    producer.close()
    return spent() / (count * len(value) / 1e6)


def send_results(bus: Bus, value: bytes, count: int, rate: float) -> float:
    """CPU ms per message of a producer that sends a batch and flushes it, as a worker does at this rate."""
    producer = bus.producer()
    _send(producer, value, _WARM)
    begun = time.monotonic()
    with _cpu_ms() as spent:
        for number in range(0, count, _BATCH):
            time.sleep(max(0.0, begun + number / rate - time.monotonic()))
            _send(producer, value, _BATCH, topic=_RESULTS)
    producer.close()
    return spent() / (-(-count // _BATCH) * _BATCH)


def receive(bus: Bus, value: bytes, count: int) -> float:
    """CPU ms per MB of a consumer that finds so many messages, and takes them as fast as it can.

    Raises:
        TimeoutError: they do not come.
    """
    ends = bus.end_offsets(_PICTURES)
    producer = bus.producer()
    _send(producer, value, count)
    producer.close()
    consumer = bus.consumer([_PICTURES], group=None, start="latest")
    consumer.poll(1, timeout_s=_POLL_S)
    with _cpu_ms() as spent:
        for partition, offset in ends.items():
            consumer.seek((_PICTURES, partition), offset)
        _take(consumer, lambda got: got >= count, commits=False)
    consumer.close()
    return spent() / (count * len(value) / 1e6)


def receive_paced(bus: Bus, kafka: str, value: bytes, rate: float, seconds: float) -> float:
    """CPU ms per MB of a member of a group that takes `rate` messages/s and commits as the detector's feed does.

    Args:
        kafka: HOST:PORT, for the sender, which is a process of its own.

    Raises:
        TimeoutError: they do not come.
    """
    consumer = bus.consumer([_PICTURES], group=f"bench-{uuid4()}", start="latest")
    _await_partitions(consumer)
    sender = get_context("spawn").Process(target=_feed, args=(kafka, value, rate, seconds + 2.0), daemon=True)
    sender.start()
    _take(consumer, lambda got: got >= rate)  # a second of them: the sender and the consumer go evenly
    until = time.monotonic() + seconds
    with _cpu_ms() as spent:
        got = _take(consumer, lambda _: time.monotonic() > until)
    consumer.close()
    sender.join()
    return spent() / (got * len(value) / 1e6)


def _take(consumer: Consumer, enough: Callable[[int], bool], *, commits: bool = True) -> int:
    """Messages that came until there were enough."""
    got, offsets = 0, {}
    committed_at = came_at = time.monotonic()
    while not enough(got):
        for record in consumer.poll(_CHUNK, timeout_s=_POLL_S):
            offsets[record.topic, record.partition] = record.offset + 1
            got, came_at = got + 1, time.monotonic()
        now = time.monotonic()
        if commits and offsets and now - committed_at >= _COMMIT_S:
            consumer.commit(offsets)
            offsets, committed_at = {}, now
        if now - came_at > _PATIENCE_S:
            raise TimeoutError(f"no message for {_PATIENCE_S:g} s after {got}")
    return got


def _await_partitions(consumer: Consumer) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not consumer.assignment():
        consumer.poll(1, timeout_s=_POLL_S)
        if time.monotonic() > deadline:
            raise TimeoutError(f"the group gave no partitions within {_PATIENCE_S:g} s")


def _send(
    producer: Producer, value: bytes, count: int, rate: float | None = None, topic: str = _PICTURES
) -> None:  # fmt: skip
    begun = time.monotonic()
    for number in range(count):
        if rate is not None:
            time.sleep(max(0.0, begun + number / rate - time.monotonic()))
        now = time.time_ns() // 1_000_000
        producer.send(topic, value, key=f"camera-{number % _CAMERAS}", timestamp_ms=now)
    producer.flush()


def _feed(kafka: str, value: bytes, rate: float, seconds: float) -> None:
    bus = KafkaBus(kafka)
    producer = bus.producer()
    _send(producer, value, round(rate * seconds), rate)
    producer.close()
    bus.close()


@contextmanager
def _cpu_ms() -> Iterator[Callable[[], float]]:
    """How much of the CPU this process takes in the block, ms."""
    ended: list[float] = []
    begun = time.process_time()
    yield lambda: 1000 * ((ended[0] if ended else time.process_time()) - begun)
    ended.append(time.process_time())
