"""The alerts service is ended at every single step; after the restart nothing is missing and nothing stands twice."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from services.alerts.delivery import serve_sink
from services.alerts.lifecycle import AlertEvent
from services.alerts.service import serve
from shared import topics
from shared.bus.memory import MemoryBus
from shared.evidence import EvidenceStore
from shared.messages import DeadLetter
from shared.settings import Settings
from shared.site import JsonLinesSink
from shared.store import Store
from tests.alerting import (
    event,
    events,
    grey_jpeg,
    life,
    put_frame,
    put_incidents,
    put_verdicts,
    read_all,
    site,
    verdict,
)

NAMES = ("a1", "a2")
# The second of a1 says nothing new; nobody knows a9.
VERDICTS = [
    verdict("a1"), verdict("a1"), verdict("a1", "dismissed"), verdict("a2", "dismissed"), verdict("a9")
]  # fmt: skip


class CrashError(Exception):
    """The process ends here."""


class Tripwire:
    """Counts the steps of what it wraps, and crashes at one of them, before or after its effect."""

    def __init__(self, crash_at: int | None) -> None:
        self.steps = 0
        self._crash_at = crash_at

    def step(self) -> None:
        self.steps += 1
        if self.steps == self._crash_at:
            raise CrashError

    def wrap(self, target: Any, *names: str) -> Any:
        wire = self

        class Wrapped:
            def __getattr__(self, name: str) -> Any:
                inner = getattr(target, name)
                return wire.guard(inner) if name in names else inner

        return Wrapped()

    def guard(self, inner: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            self.step()
            result = inner(*arguments, **options)
            self.step()
            return result

        return call


class WiredBus:
    """The bus with a tripwire on every step of its producers and consumers; `on_idle` when an empty poll came."""

    def __init__(self, bus: MemoryBus, wire: Tripwire, stop: threading.Event) -> None:
        self._bus, self._wire, self._stop = bus, wire, stop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)

    def producer(self) -> Any:
        return self._wire.wrap(self._bus.producer(), "send", "flush")

    def consumer(self, names: list[str], *, group: str | None, **options: Any) -> Any:
        inner = self._bus.consumer(names, group=group, **options)
        wired = self._wire.wrap(inner, "poll", "commit")
        if group is None:
            return wired
        bus, stop = self._bus, self._stop

        class Ending:
            """Ends the run when everything has been committed, without waiting for it."""

            def __getattr__(self, name: str) -> Any:
                return getattr(wired, name)

            def commit(self, offsets: Any) -> None:
                wired.commit(offsets)
                if not any(bus.lag(group, name) for name in names):
                    stop.set()

        return Ending()

    def read(self, *address: Any) -> Any:
        return self._wire.guard(self._bus.read)(*address)


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    store = Store.connect(redis_url)
    yield store
    store.close()


def loaded_bus() -> MemoryBus:
    bus = MemoryBus()
    bus.ensure_topics(topics.SPECS)
    frame = put_frame(bus, grey_jpeg())
    put_incidents(bus, [*(change for name in NAMES for change in life(name, frame=frame)), b"poison"])
    return bus


def live(bus: MemoryBus, store: Store, data: Path, crash_at: int | None) -> tuple[bool, int]:
    """One life of the service; whether it crashed, and its number of steps."""
    wire, stop = Tripwire(crash_at), threading.Event()
    wired = wire.wrap(store, "put_alert", "rebuild_alerts", "alerts_whole")
    try:
        with patch("services.alerts.service.EvidenceStore", lambda folder: wire.wrap(EvidenceStore(folder), "put")):
            serve(WiredBus(bus, wire, stop), wired, site(), Settings(data=data), stop)  # type: ignore[arg-type]
    except CrashError:
        return True, wire.steps
    return False, wire.steps


def test_a_crash_at_any_step_loses_no_alert_and_shows_none_twice(store: Store, tmp_path: Path) -> None:
    undisturbed = loaded_bus()
    crashed, steps = live(undisturbed, store, tmp_path / "undisturbed", None)
    assert not crashed
    assert steps > 60, "the wire sees the service's steps"
    expected = {event.id: event.to_bytes() for event in events(undisturbed)}
    assert len(expected) == 6

    repeats = 0
    for crash_at in range(1, steps + 1):
        store._redis.flushall()
        bus, data = loaded_bus(), tmp_path / str(crash_at)
        crashed, _ = live(bus, store, data, crash_at)
        assert crashed, f"step {crash_at} is not reached"
        restarted = bus.lag(topics.ALERTS_GROUP, topics.INCIDENTS) > 0
        if restarted:
            live(bus, store, data, None)
        told = Counter(event.id for event in events(bus))
        assert {event.id: event.to_bytes() for event in events(bus)} == expected, f"step {crash_at}"
        repeats += sum(told.values()) - len(told)
        opened = Counter(event.alert.alert_id for event in deduplicated(bus) if event.change == "opened")
        assert opened == Counter(NAMES), f"step {crash_at}"
        assert len(read_all(bus, topics.DEAD_LETTERS)) >= 1, f"step {crash_at}"
        assert {path.name for path in (data / "evidence").iterdir()} == {f"{name}.jpg" for name in NAMES}
        if restarted:
            assert {(alert.alert_id, alert.status) for alert in store.alerts()} == {(name, "closed") for name in NAMES}
    assert repeats == 0, "the rebuilt book has dropped what was already published"


def judged_bus() -> MemoryBus:
    """Both alerts are open, and operators have judged them."""
    bus = MemoryBus()
    bus.ensure_topics(topics.SPECS)
    producer = bus.producer()
    for name in NAMES:
        producer.send(topics.ALERTS, event(name).to_bytes(), key=name, timestamp_ms=0)
    producer.close()
    put_verdicts(bus, VERDICTS)
    return bus


def test_a_crash_at_any_step_loses_no_verdict_and_tells_none_twice(store: Store, tmp_path: Path) -> None:
    undisturbed = judged_bus()
    _, steps = live(undisturbed, store, tmp_path, None)
    assert steps > 30, "the wire sees the service's steps"
    expected = Counter((event.id, event.change) for event in events(undisturbed))
    assert expected == Counter(
        [("a1.0", "opened"), ("a1.1", "acknowledged"), ("a1.2", "dismissed"), ("a2.0", "opened"), ("a2.1", "dismissed")]
    )
    for crash_at in range(1, steps + 1):
        store._redis.flushall()
        bus = judged_bus()
        crashed, _ = live(bus, store, tmp_path, crash_at)
        assert crashed, f"step {crash_at} is not reached"
        restarted = bus.lag(topics.ALERTS_GROUP, topics.ALERT_VERDICTS) > 0
        if restarted:
            live(bus, store, tmp_path, None)
            assert [alert.status for alert in store.alerts()] == ["dismissed", "dismissed"], f"step {crash_at}"
        assert Counter((event.id, event.change) for event in events(bus)) == expected, f"step {crash_at}"
        letters = {DeadLetter.from_bytes(record.value).reason for record in read_all(bus, topics.DEAD_LETTERS)}
        assert letters == {"unknown-alert"}


def deduplicated(bus: MemoryBus) -> list[AlertEvent]:
    """What a sink that honours ids shows."""
    return list({event.id: event for event in reversed(events(bus))}.values())


class Recorder:
    """A sink that keeps what it is given; honouring ids is up to the reader."""

    name = "recorder"

    def __init__(self, wire: Tripwire) -> None:
        self.wire, self.got = wire, list[str]()

    def deliver(self, event: AlertEvent) -> None:
        self.wire.step()
        self.got.append(event.id)
        self.wire.step()

    def abort(self) -> None: ...

    def close(self) -> None: ...


def test_a_crash_at_any_step_of_a_delivery_loses_none_and_repeats_under_the_same_id(
    store: Store, tmp_path: Path
) -> None:
    bus = loaded_bus()
    live(bus, store, tmp_path, None)
    messages = read_all(bus, topics.ALERTS)
    config = JsonLinesSink(type="jsonl", path=tmp_path / "unused")

    def run(copy: MemoryBus, crash_at: int | None) -> tuple[list[str], int]:
        wire, stop = Tripwire(crash_at), threading.Event()
        sink = Recorder(wire)
        with suppress(CrashError):
            serve_sink(WiredBus(copy, wire, stop), config, sink, stop)  # type: ignore[arg-type]
        return sink.got, wire.steps

    def copy_of_topic() -> MemoryBus:
        copy = MemoryBus()
        copy.ensure_topics(topics.SPECS)
        producer = copy.producer()
        for record in messages:
            producer.send(record.topic, record.value, key=record.key, timestamp_ms=record.timestamp_ms)
        return copy

    expected, steps = run(copy_of_topic(), None)
    assert (len(expected), len(set(expected)), steps > 30) == (6, 6, True)
    for crash_at in range(1, steps + 1):
        copy = copy_of_topic()
        first, _ = run(copy, crash_at)
        second = run(copy, None)[0] if copy.lag("wayside-sink-recorder", topics.ALERTS) else []
        assert set(first + second) == set(expected), f"step {crash_at}"
        assert len(first + second) - len(expected) in (0, 1), f"step {crash_at}: at most the one in hand comes again"
        assert [x for x in dict.fromkeys(first + second) if x.startswith("a1")] == ["a1.0", "a1.1", "a1.2"]
