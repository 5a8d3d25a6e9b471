"""Reading frames ahead of the model: what is not done comes again, and nothing else does."""

import threading
import time
from collections import Counter
from collections.abc import Sequence

import pytest
from prometheus_client import REGISTRY

from services.detector.feed import Feed
from services.detector.waiting import Arrival
from services.producer import crew
from shared import topics
from shared.bus.memory import MemoryBus
from shared.exceptions import BusError
from shared.frames import Frame
from shared.settings import Settings, load_settings
from tests.processes import await_true

CAMERAS = [f"feed-{number}" for number in range(10)]
Seen = Counter[tuple[str, int]]


@pytest.fixture
def settings() -> Settings:
    return load_settings()


def send(bus: MemoryBus, start: int, stop: int, *, run: str | None = "replay", age_s: float = 0.0) -> None:
    producer = bus.producer()
    for seq in range(start, stop):
        for camera in CAMERAS:
            crew.send(producer, Frame(camera, seq, time.time_ns() - int(age_s * 1e9), 64, 32, b"jpeg", run))
    producer.close()


def expected(stop: int) -> set[tuple[str, int]]:
    return {(camera, seq) for camera in CAMERAS for seq in range(stop)}


def note(seen: Seen, batch: Sequence[Arrival]) -> None:
    seen.update((item.content.camera, item.content.seq) for item in batch if isinstance(item.content, Frame))


def lag(bus: MemoryBus) -> int:
    return bus.lag(topics.DETECTOR_GROUP, topics.FRAMES)


def test_what_was_taken_and_not_done_comes_again_to_the_next_worker(bus: MemoryBus, settings: Settings) -> None:
    send(bus, 0, 20)
    first, second = Counter[tuple[str, int]](), Counter[tuple[str, int]]()
    feed = Feed(bus, settings)
    for _ in range(25):
        batch = feed.take()
        note(first, batch)
        feed.done(batch)
    lost = feed.take()  # and the worker crashes
    feed.close()
    feed = Feed(bus, settings)
    while batch := feed.take():
        note(second, batch)
        feed.done(batch)
    assert set(first) | set(second) == expected(20)
    assert {(item.content.camera, item.content.seq) for item in lost if isinstance(item.content, Frame)} <= set(second)
    # Cameras of one partition are not done in the order of the log; but little is repeated.
    assert (first + second).total() - 200 < 20
    await_true(lambda: lag(bus) == 0, 5, "all is committed")
    feed.close()


def test_a_second_worker_takes_its_share_over_without_a_gap(bus: MemoryBus, settings: Settings) -> None:
    """No frame is missing, and only what waited or was worked on in the moment of the hand-over is seen twice."""
    seen: list[Seen] = [Counter(), Counter()]
    stop = threading.Event()

    def work(feed: Feed, mine: Seen) -> None:
        while not stop.is_set():
            batch = feed.take(0.05)
            time.sleep(0.002)
            note(mine, batch)
            feed.done(batch)
        feed.close()

    threads = [threading.Thread(target=work, args=(Feed(bus, settings), seen[0]))]
    threads[0].start()
    send(bus, 0, 30)
    threads.append(threading.Thread(target=work, args=(Feed(bus, settings), seen[1])))
    threads[1].start()
    send(bus, 30, 60)
    await_true(lambda: lag(bus) == 0, 20, "all is committed")
    stop.set()
    for thread in threads:
        thread.join()
    assert set(seen[0]) | set(seen[1]) == expected(60)
    assert seen[1].total() >= 30 * 3
    assert (seen[0] + seen[1]).total() - 600 < 100


def test_a_replay_waits_at_the_bus_and_a_live_backlog_is_read_and_shed(bus: MemoryBus, settings: Settings) -> None:
    send(bus, 0, 20)
    feed = Feed(bus, settings)
    time.sleep(0.5)
    assert 0 < feed._waiting.kept < 50  # 200 of them would be some 20 MB
    seen: Seen = Counter()
    while batch := feed.take():
        note(seen, batch)
        feed.done(batch)
    assert set(seen) == expected(20)
    send(bus, 0, 20, run=None, age_s=6)
    await_true(lambda: lag(bus) == 0, 5, "what is stale is committed though nobody asks for a batch")
    labels = {"service": "detector", "camera": CAMERAS[0], "reason": "stale"}
    assert REGISTRY.get_sample_value("wayside_frames_shed_total", labels) == 20
    assert feed.take(0.0) == []
    feed.close()


def test_an_error_of_the_bus_ends_the_worker(bus: MemoryBus, settings: Settings) -> None:
    feed = Feed(bus, settings)
    bus.close()
    with pytest.raises(BusError, match="closed"):
        feed.take(5.0)


def test_a_worker_that_hangs_loses_its_partitions_to_another(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its thread would go on reading, and nobody would see these cameras."""
    monkeypatch.setattr("services.detector.feed._HANGS_S", 0.3)
    settings = settings.model_copy(update={"max_wait_s": 60.0, "max_age_s": 600.0})
    bus = MemoryBus(max_poll_s=0.5)
    bus.ensure_topics(topics.SPECS)
    hanging, seen = Feed(bus, settings), Counter[tuple[str, int]]()
    send(bus, 0, 5, run=None)
    time.sleep(0.2)
    working = Feed(bus, settings)
    deadline = time.monotonic() + 10
    while lag(bus) and time.monotonic() < deadline:
        batch = working.take(0.1)
        note(seen, batch)
        working.done(batch)
    assert set(seen) == expected(5)
    working.close()
    hanging.close()
    bus.close()


def test_another_thread_can_end_the_wait_for_frames(bus: MemoryBus, settings: Settings) -> None:
    feed = Feed(bus, settings)
    start = time.monotonic()
    waker = threading.Timer(0.1, feed.wake)
    waker.start()
    assert feed.take(30) == []
    assert time.monotonic() - start < 10
    waker.join()
    feed.wake()
    send(bus, 0, 1)
    await_true(lambda: len(feed.take(0.5, size=3)) == 3, 5, "frames come as before, so many as asked for")
    feed.close()
