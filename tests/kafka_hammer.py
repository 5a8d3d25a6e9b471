"""Uses the Kafka bus as roughly as threads can; run as a process of its own, because what it looks for is a crash.

python -X faulthandler -m tests.kafka_hammer HOST:PORT
"""

import gc
import sys
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from shared.bus.base import Consumer, Partition, TopicSpec
from shared.bus.kafka import KafkaBus
from shared.exceptions import BusError, OwnershipLostError

_PARTITIONS = 4


def close_under_polls(bootstrap: str, topic: str) -> None:
    """Each consumer is closed by another thread while it polls."""

    def poll_on(consumer: Consumer) -> None:
        while True:
            consumer.poll(10, timeout_s=0.02)

    for group in [None, "polls"] * 2:
        bus = KafkaBus(bootstrap)
        consumers = [bus.consumer([topic], group=group) for _ in range(3)]
        with ThreadPoolExecutor() as pool:
            polls = [pool.submit(_until_closed, poll_on, consumer) for consumer in consumers]
            time.sleep(0.1)
            for consumer in consumers[:2]:
                consumer.close()
            bus.close()
            assert all(poll.result(10) for poll in polls)


def close_in_rebalances(bootstrap: str, topic: str) -> None:
    """Members come and go, and commit where they are told of a loss, while the bus is closed."""
    group = f"rebalances-{uuid.uuid4().hex[:8]}"

    def live(bus: KafkaBus) -> None:
        read: dict[Partition, int] = {}

        def revoked(lost: set[Partition]) -> None:
            commit({partition: read.pop(partition) for partition in lost & set(read)})

        def commit(offsets: dict[Partition, int]) -> None:
            with suppress(OwnershipLostError):
                consumer.commit(offsets)

        consumer = bus.consumer([topic], group=group, on_revoked=revoked)
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            for record in consumer.poll(10, timeout_s=0.02):
                read[record.topic, record.partition] = record.offset + 1
            commit(read)
        consumer.close()

    for _ in range(2):
        bus = KafkaBus(bootstrap)
        with ThreadPoolExecutor() as pool:
            lives = []
            for _ in range(4):
                lives.append(pool.submit(_until_closed, live, bus))
                time.sleep(0.2)
            bus.close()
            for life in lives:
                life.result(20)


def close_under_sends(bootstrap: str, topic: str) -> None:
    """Of four threads that send, every message that was taken is stored, and no other."""
    bus = KafkaBus(bootstrap)
    before = sum(bus.end_offsets(topic).values())
    taken = [0] * 4

    def send(number: int) -> None:
        while True:
            producer.send(topic, b"x" * 1000, key=None, timestamp_ms=1)
            taken[number] += 1
            flows.set()

    for turn in range(20):
        producer, flows = bus.producer(), threading.Event()
        with ThreadPoolExecutor() as pool:
            sends = [pool.submit(_until_closed, send, number) for number in range(4)]
            if turn % 4:  # each fourth is closed while it may still ask for the topic's partitions
                assert flows.wait(10), "nothing is taken"
            time.sleep(0.02)
            producer.close()
            assert all(one.result(10) for one in sends)
    stored = sum(bus.end_offsets(topic).values()) - before
    assert stored == sum(taken) > 0, f"{stored} of {sum(taken)} are stored"
    bus.close()


def close_under_questions(bootstrap: str, topic: str) -> None:
    """Threads ask for ends, lags and single messages, and collect garbage, while the bus is closed."""

    def ask(bus: KafkaBus) -> None:
        while True:
            bus.end_offsets(topic)
            bus.lag("asked", topic)
            bus.read(topic, 0, 0)
            gc.collect(0)

    for _ in range(6):
        bus = KafkaBus(bootstrap)
        with ThreadPoolExecutor() as pool:
            questions = [pool.submit(_until_closed, ask, bus) for _ in range(3)]
            time.sleep(0.15)
            bus.close()
            bus.close()
            assert all(question.result(10) for question in questions)


def _until_closed(work: Callable[..., None], *arguments: object) -> bool:
    """Whether it was ended by the bus, which was closed."""
    try:
        work(*arguments)
    except BusError as error:
        if "closed" not in str(error):
            raise
        return True
    return False


def _threads() -> int:
    """Threads of this process, those of librdkafka included."""
    return len(list(Path("/proc/self/task").iterdir()))


def main(bootstrap: str) -> None:
    topic = f"hammer-{uuid.uuid4().hex[:8]}"
    bus = KafkaBus(bootstrap)
    bus.ensure_topics([TopicSpec(topic, _PARTITIONS)])
    producer = bus.producer()
    for _ in range(40):
        producer.send(topic, b"x", key=None, timestamp_ms=1)
    bus.close()
    del bus, producer
    gc.collect()
    before = _threads()
    for work in (close_under_polls, close_in_rebalances, close_under_sends, close_under_questions):
        begun = time.monotonic()
        work(bootstrap, topic)
        gc.collect()
        left = _threads() - before
        print(f"{work.__name__}: {time.monotonic() - begun:.1f} s, {left} threads more", flush=True)
        assert left <= 0, f"{left} threads are left behind"
    # And the end of a process that closes nothing, with a poll and a question under way.
    bus = KafkaBus(bootstrap)
    consumer, sender = bus.consumer([topic], group="left"), bus.producer()
    sender.send(topic, b"x", key=None, timestamp_ms=1)
    for question in (lambda: consumer.poll(timeout_s=0.5), lambda: bus.lag("left", topic)):
        threading.Thread(target=_for_ever, args=(question,), daemon=True).start()
    time.sleep(0.3)


def _for_ever(question: Callable[[], object]) -> None:
    while True:
        question()


if __name__ == "__main__":
    main(sys.argv[1])
