"""The sinks' loops on the bus: none holds up another, and nothing is lost at a stop."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.alerts.delivery import Deliveries, await_delivery, deliver, group_of, serve_sink
from services.alerts.lifecycle import AlertEvent
from services.alerts.sinks import Sink, jsonl
from shared import topics
from shared.bus.base import Producer
from shared.bus.memory import MemoryBus
from shared.exceptions import BusError
from shared.messages import DeadLetter
from shared.site import JsonLinesSink, WebhookSink
from tests.alerting import Receiver, event, read_all, site, until

OK = (204, {})


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


def test_a_foreign_event_in_the_alerts_topic_goes_to_the_dead_letters_and_the_sinks_go_on(
    bus: MemoryBus, tmp_path: Path
) -> None:
    path, made = tmp_path / "alerts.jsonl", event("a1")
    foreign = [
        made.to_bytes().replace(b'"id": "a1.0"', text)
        for text in (b'"id": "\\ud800"', b'"id": "a1.0\\r\\nx: y"', b'"id": "a2.0"')
    ]
    assert made.to_bytes() not in foreign
    producer = bus.producer()
    for value in [*foreign, made.to_bytes()]:
        producer.send(topics.ALERTS, value, key="a1", timestamp_ms=0)
    with Receiver(OK) as receiver:
        configured = site(
            JsonLinesSink(type="jsonl", path=path), WebhookSink(type="webhook", url=receiver.url, secret="s3cret")
        )
        deliveries = Deliveries(bus, configured)
        await_delivery(bus, configured, threading.Event())
        deliveries.check()
        deliveries.close()
    assert (lines(path), receiver.ids) == (["a1.0"], ["a1.0"])
    letters = [DeadLetter.from_bytes(record.value) for record in read_all(bus, topics.DEAD_LETTERS)]
    assert [letter.reason for letter in letters] == ["bad-schema"] * 6, "three for each sink"


class Stumbling:
    """A bus whose first producer cannot be made."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus, self.failed = bus, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)

    def producer(self) -> Producer:
        if not self.failed:
            self.failed = True
            raise BusError("the bus is away for a moment")
        return self._bus.producer()


def test_a_bus_that_fails_at_the_start_leaves_no_member_behind_that_keeps_alerts(
    bus: MemoryBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.alerts.delivery._BUS_WAIT_S", 0.05)
    publish(bus, *(event(f"a{number}") for number in range(24)))
    config = JsonLinesSink(type="jsonl", path=tmp_path / "alerts.jsonl")
    sink, stop, stumbling = jsonl.Sink(config.path), threading.Event(), Stumbling(bus)
    thread = threading.Thread(target=serve_sink, args=(stumbling, config, sink, stop))
    thread.start()
    try:
        until(lambda: bus.lag(group_of(sink), topics.ALERTS) == 0, "every alert is delivered", 5)
    finally:
        stop.set()
        thread.join(5)
    assert stumbling.failed
    assert len(set(lines(config.path))) == 24
