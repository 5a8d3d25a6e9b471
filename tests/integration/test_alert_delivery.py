"""The sinks' loops on the bus: none holds up another, and nothing is lost at a stop."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.alerts.delivery import Deliveries, await_delivery, deliver
from services.alerts.lifecycle import AlertEvent
from services.alerts.sinks import Sink, jsonl
from shared import topics
from shared.bus.memory import MemoryBus
from shared.messages import DeadLetter
from shared.site import JsonLinesSink, WebhookSink
from tests.alerting import Receiver, event, read_all, site, until

OK = (204, {})


@pytest.fixture
def bus() -> Iterator[MemoryBus]:
    bus = MemoryBus()
    bus.ensure_topics(topics.SPECS)
    yield bus
    bus.close()


def publish(bus: MemoryBus, *made: AlertEvent) -> None:
    producer = bus.producer()
    for item in made:
        producer.send(topics.ALERTS, item.to_bytes(), key=item.alert.alert_id, timestamp_ms=0)


def lines(path: Path) -> list[str]:
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


def test_a_dead_webhook_delays_nobody_and_its_alert_goes_to_the_dead_letters(
    bus: MemoryBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.alerts.delivery.deliver", _impatient(0.5))
    path = tmp_path / "sink" / "alerts.jsonl"
    with Receiver(30.0) as silent, Receiver(OK) as fine:
        configured = site(
            WebhookSink(type="webhook", url=silent.url),
            WebhookSink(type="webhook", url=fine.url, min_severity="critical"),
            JsonLinesSink(type="jsonl", path=path),
        )
        deliveries = Deliveries(bus, configured)
        publish(bus, event("a1"), event("a2", severity="info"), event("a3", run="replay"), event("a4"))
        until(lambda: path.exists() and len(lines(path)) == 3 and len(fine.ids) == 2, "the others have theirs", 5)
        assert set(lines(path)) == {"a1.0", "a2.0", "a4.0"}
        assert set(fine.ids) == {"a1.0", "a4.0"}
        assert not bus.end_offsets(topics.DEAD_LETTERS)[0], "the silent one is still being tried"
        silent.released.set()
        until(lambda: bus.end_offsets(topics.DEAD_LETTERS)[0] == 3, "the silent one's alerts are given up", 20)
        await_delivery(bus, configured, threading.Event())
        deliveries.check()
        deliveries.close()
    letters = [DeadLetter.from_bytes(record.value) for record in read_all(bus, topics.DEAD_LETTERS)]
    assert {(letter.reason, letter.topic, letter.key) for letter in letters} == {
        ("sink-failed", "alerts", key) for key in ("a1", "a2", "a4")
    }
    assert silent.url.rsplit(":", 1)[1].split("/")[0] in letters[0].detail, "the place is named"


def _impatient(patience_s: float) -> Callable[[AlertEvent, Sink, threading.Event], bool]:
    return lambda item, sink, stop: deliver(item, sink, stop, patience_s=patience_s, first_wait_s=0.05)


def test_what_was_not_delivered_at_the_stop_is_delivered_after_the_start(bus: MemoryBus, tmp_path: Path) -> None:
    with Receiver(30.0, OK) as receiver:
        configured = site(WebhookSink(type="webhook", url=receiver.url))
        first = Deliveries(bus, configured)
        publish(bus, event())
        until(lambda: receiver.requests, "the receiver has the request")
        started = time.monotonic()
        first.close()
        assert time.monotonic() - started < 2
        second = Deliveries(bus, configured)
        await_delivery(bus, configured, threading.Event())
        second.close()
    assert receiver.ids == ["a1.0", "a1.0"]
    assert bus.end_offsets(topics.DEAD_LETTERS)[0] == 0


def test_a_sink_with_a_bug_does_not_die_in_silence(
    bus: MemoryBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: jsonl.Sink, event: AlertEvent) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(jsonl.Sink, "deliver", broken)
    deliveries = Deliveries(bus, site(JsonLinesSink(type="jsonl", path=tmp_path / "a.jsonl")))
    publish(bus, event())
    with pytest.raises(ZeroDivisionError):
        until(deliveries.check, "the failure shows")
    deliveries.close()
