"""The view of the alerts in Redis: a cache that may go at any time."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from structlog.testing import capture_logs

from services.alerts.lifecycle import AlertBook
from services.alerts.view import AlertLog, RedisView
from shared import topics
from shared.bus.base import Bus, Consumer, Record
from shared.bus.memory import MemoryBus
from shared.exceptions import BusError, StoreError
from shared.messages import Alert
from shared.store import Store
from tests.alerting import (
    events,
    incident,
    life,
    put_incidents,
    served,
    site,
    until,
)


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    store = Store.connect(redis_url)
    yield store
    store.close()


def judged(bus: Bus) -> bool:
    return bus.lag(topics.ALERTS_GROUP, topics.INCIDENTS) == 0


def test_a_flushed_redis_is_filled_again(bus: MemoryBus, store: Store, redis_url: str, tmp_path: Path) -> None:
    client = redis.Redis.from_url(redis_url)
    with served(bus, store, site(), tmp_path):
        put_incidents(bus, [*life("a1"), incident("a2")])
        until(lambda: judged(bus) and len(store.alerts()) == 2, "the view is there, with every change")
        before = store.alerts()
        client.flushall()
        assert store.alerts() == []
        until(lambda: store.alerts_whole(), "the view is whole again", 5.0)
        assert store.alerts() == before
    client.close()


def test_a_new_start_shows_the_alerts_of_the_topic(
    bus: MemoryBus, store: Store, redis_url: str, tmp_path: Path
) -> None:
    with served(bus, store, site(), tmp_path):
        put_incidents(bus, [*life("a1"), incident("a2")])
        until(lambda: judged(bus), "every incident is judged")
    client = redis.Redis.from_url(redis_url)
    client.flushall()
    client.close()
    with served(bus, store, site(), tmp_path):
        until(store.alerts_whole, "the view is whole again")
        assert {(alert.alert_id, alert.status) for alert in store.alerts()} == {("a1", "closed"), ("a2", "open")}
    assert len(events(bus)) == 4, "nothing was published again"


class FlakyStore(Store):
    """Redis with a switch."""

    down = False

    def _do(self, command: str, *arguments: Any, **options: Any) -> Any:
        if self.down:
            raise StoreError("Redis does not answer: switched off")
        return super()._do(command, *arguments, **options)

    def rebuild_alerts(self, alerts: Any) -> None:
        if self.down:
            raise StoreError("Redis does not answer: switched off")
        super().rebuild_alerts(alerts)


def test_alerts_go_on_without_redis_and_the_view_catches_up(bus: MemoryBus, redis_url: str, tmp_path: Path) -> None:
    store = FlakyStore.connect(redis_url)
    with capture_logs() as logs, served(bus, store, site(), tmp_path):
        put_incidents(bus, [incident("a1")])
        until(lambda: judged(bus), "the first is judged")
        until(lambda: store.alert("a1"), "and shown")
        store.down = True
        put_incidents(bus, [*life("a1")[1:], incident("a2")])
        until(lambda: judged(bus), "the others are judged without Redis")
        store.down = False
        until(lambda: len(store.alerts()) == 2, "the view catches up")
        assert store.alert("a1").status == "closed"  # type: ignore[union-attr]
    store.close()
    said = [line["event"] for line in logs if line["event"].startswith("alert view")]
    assert said == ["alert view not stored; alerts go on without it", "alert view stored again"], "once each"


class Overtaken(Store):
    """Redis, in which another instance shows an alert just before this one rebuilds the view."""

    bus: MemoryBus

    def rebuild_alerts(self, alerts: Iterable[Alert]) -> None:
        known = list(alerts)
        other = AlertBook().apply(incident("other"), [])
        assert other is not None
        self.bus.producer().send(topics.ALERTS, other.to_bytes(), key="other", timestamp_ms=0)
        self.put_alert(other.alert)
        super().rebuild_alerts(known)


def test_a_rebuild_does_not_wipe_what_another_instance_shows_meanwhile(bus: MemoryBus, redis_url: str) -> None:
    store = Overtaken.connect(redis_url)
    store.bus = bus
    log = AlertLog(bus)
    RedisView(store, AlertBook(), log).repair()
    assert [alert.alert_id for alert in store.alerts()] == ["other"]
    store.close()


def test_between_readings_no_consumer_fetches_what_the_service_publishes(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, consumer = [], bus.consumer

    def counted(*arguments: Any, **named: Any) -> Consumer:
        opened.append(consumer(*arguments, **named))
        return opened[-1]

    monkeypatch.setattr(bus, "consumer", counted)
    log = AlertLog(bus)
    event = AlertBook().apply(incident(), [])
    assert event is not None
    for _ in range(2):
        bus.producer().send(topics.ALERTS, event.to_bytes(), key="a1", timestamp_ms=0)
        assert len(log.catch_up()) == 1
        assert log.catch_up() == []
    assert len(opened) == 2
    for one in opened:
        with pytest.raises(BusError):
            one.poll()


def test_tombstones_and_foreign_events_in_the_topic_are_passed_over(bus: MemoryBus) -> None:
    producer, event = bus.producer(), AlertBook().apply(incident(), [])
    assert event is not None
    for value in (event.to_bytes(), None, b"[]", event.to_bytes()):
        producer.send(topics.ALERTS, value, key="a1", timestamp_ms=0)
    log = AlertLog(bus)
    assert [alert.alert_id for alert in log.catch_up()] == ["a1", "a1"]
    assert log.catch_up() == []
    producer.send(topics.ALERTS, event.to_bytes(), key="a1", timestamp_ms=0)
    assert len(log.catch_up()) == 1, "only what is new"


class Gapped:
    """A topic: partition 0 ends at 5 without any messages left, partition 1 is read beyond the end that it had."""

    def __init__(self) -> None:
        self.ends, self.empty_polls = {0: 5, 1: 2}, 0
        self._left = [Record(topics.ALERTS, 1, offset, 0, "a1", None) for offset in range(4)]

    def consumer(self, names: list[str], *, group: str | None) -> "Gapped":
        return self

    def seek(self, partition: tuple[str, int], offset: int) -> None:
        self._left = [record for record in self._left if record.partition != partition[1] or record.offset >= offset]

    def close(self) -> None:
        """Nothing is held."""

    def end_offsets(self, topic: str) -> dict[int, int]:
        return self.ends

    def poll(self, max_records: int, timeout_s: float) -> list[Record]:
        found, self._left = self._left, []
        self.empty_polls += not found
        return found


def test_a_partition_whose_end_cannot_be_reached_is_waited_for_once() -> None:
    bus = Gapped()
    log = AlertLog(bus)  # type: ignore[arg-type]
    log.catch_up()
    assert bus.empty_polls == 1
    bus.ends = {0: 5, 1: 4}
    log.catch_up()
    assert bus.empty_polls == 1, "all that there is was read before"
