"""The alerts service on the bus in memory and on real Kafka, with a real Redis."""

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from services.alerts.delivery import await_delivery
from services.alerts.lifecycle import AlertEvent
from services.alerts.service import serve, work_off
from shared import topics
from shared.bus.base import Bus, Partition, Record
from shared.bus.kafka import KafkaBus
from shared.bus.memory import MemoryBus
from shared.embedded.process import free_port
from shared.exceptions import BusError, OwnershipLostError
from shared.jpeg import decode_jpeg
from shared.messages import Alert, DeadLetter, Evidence
from shared.settings import Settings
from shared.site import JsonLinesSink, WebhookSink
from shared.store import Store
from tests.alerting import (
    HEIGHT,
    WIDTH,
    Receiver,
    events,
    grey_jpeg,
    incident,
    life,
    put_frame,
    put_incidents,
    put_verdicts,
    read_all,
    served,
    site,
    until,
    verdict,
)


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    store = Store.connect(redis_url)
    yield store
    store.close()


def judged(bus: Bus) -> bool:
    return bus.lag(topics.ALERTS_GROUP, topics.INCIDENTS) == 0


def test_an_incident_becomes_an_alert_with_picture_in_topic_redis_and_sinks(
    bus: MemoryBus, store: Store, tmp_path: Path
) -> None:
    _becomes_an_alert(bus, store, tmp_path)


def test_the_same_holds_on_real_kafka(own_kafka: str, store: Store, tmp_path: Path) -> None:
    bus = KafkaBus(own_kafka)
    try:
        bus.ensure_topics(topics.SPECS)
        _becomes_an_alert(bus, store, tmp_path)
    finally:
        bus.close()


def _becomes_an_alert(bus: Bus, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "sink.jsonl"
    frame = put_frame(bus, grey_jpeg())
    with Receiver((200, {})) as receiver:
        configured = site(JsonLinesSink(type="jsonl", path=path), WebhookSink(type="webhook", url=receiver.url))
        with served(bus, store, configured, tmp_path):
            put_incidents(bus, [*life("a1", frame=frame), b"{", *life("a2", run="replay", frame=frame), incident("a1")])
            until(lambda: judged(bus), "every incident is judged", 30)
            await_delivery(bus, configured, threading.Event())
            until(lambda: len(store.alerts()) == 2, "the view has both")
            put_verdicts(bus, [verdict("a1"), b"{", verdict("a9"), verdict("a1", "dismissed")])
            until(lambda: bus.lag(topics.ALERTS_GROUP, topics.ALERT_VERDICTS) == 0, "every verdict is taken", 30)
            await_delivery(bus, configured, threading.Event())
    made = {event.id: event for event in events(bus)}
    assert sorted(event.id for event in events(bus)) == [
        *(f"a1.{number}" for number in range(5)), *(f"a2.{number}" for number in range(3))
    ]  # fmt: skip
    assert made["a1.2"].alert.evidence == [
        Evidence(kind="snapshot", uri="evidence/a1.jpg"),
        Evidence(kind="frame", uri=f"frames/{frame.partition}/{frame.offset}"),
    ]
    assert decode_jpeg((tmp_path / "evidence" / "a1.jpg").read_bytes()).shape == (HEIGHT, WIDTH, 3)
    assert made["a1.2"].alert.status == "closed"
    assert [made[name].change for name in ("a1.3", "a1.4")] == ["acknowledged", "dismissed"]
    assert store.alert("a1") == made["a1.4"].alert
    assert store.alert("a1").status == "dismissed"  # type: ignore[union-attr]
    for record in read_all(bus, topics.ALERTS):
        assert record.headers["content-type"] == b"application/cloudevents+json"
        assert record.key == AlertEvent.from_bytes(record.value).alert.alert_id
    expected = [made[f"a1.{number}"].to_bytes() for number in range(5)]
    assert path.read_bytes().splitlines() == expected, "only the live alert, in order"
    assert [body for _, _, body in receiver.requests] == expected
    letters = [DeadLetter.from_bytes(record.value) for record in read_all(bus, topics.DEAD_LETTERS)]
    assert sorted((letter.service, letter.topic, letter.reason) for letter in letters) == [
        ("alerts", "alert-verdicts", "bad-schema"), ("alerts", "alert-verdicts", "unknown-alert"),
        ("alerts", "incidents", "bad-schema"),
    ]  # fmt: skip


def test_an_alert_goes_out_without_a_picture_when_the_frame_is_gone_or_no_picture(
    bus: MemoryBus, store: Store, tmp_path: Path
) -> None:
    broken = put_frame(bus, b"no picture")
    refs = {
        "broken": broken,
        "gone": broken.model_copy(update={"offset": 99}),
        "nowhere": broken.model_copy(update={"partition": 4711}),
        "off-the-bus": broken.model_copy(update={"partition": -1}),
        "negative": broken.model_copy(update={"offset": -5}),
        "endless": broken.model_copy(update={"offset": 2**70}),
        "elsewhere": broken.model_copy(update={"topic": "dead-letters"}),
    }
    with served(bus, store, site(), tmp_path), capture_logs() as logs:
        put_incidents(bus, [incident(name, frame=ref) for name, ref in refs.items()])
        until(lambda: judged(bus), "every incident is judged")
    evidence = {event.alert.alert_id: event.alert.evidence for event in events(bus)}
    address = [Evidence(kind="frame", uri=f"frames/{broken.partition}/0")]
    assert evidence == {name: address if name == "broken" else [] for name in refs}
    assert {line["alert"] for line in logs if line["event"] == "alert without picture"} == {"broken", "gone", "nowhere"}
    assert list((tmp_path / "evidence").iterdir()) == []


def test_an_incident_too_large_for_an_alert_goes_to_the_dead_letters_and_the_service_goes_on(
    bus: MemoryBus, store: Store, tmp_path: Path
) -> None:
    huge = incident("a1", label="ф" * 1_500_000)  # 3 MB that would become 9 MB, and the bus takes 8 MiB
    with served(bus, store, site(), tmp_path):
        put_incidents(bus, [huge, incident("a2", label="\x01" * 150_000, camera="\x01" * 20_000)])
        until(lambda: judged(bus), "both are judged")
    assert [event.id for event in events(bus)] == ["a2.0"]
    (letter,) = [DeadLetter.from_bytes(record.value) for record in read_all(bus, topics.DEAD_LETTERS)]
    assert (letter.reason, letter.key, letter.size) == ("too-large", "a1", len(huge.to_bytes()))


class CountingStore(Store):
    """Tells which instance has shown how much."""

    shown = 0

    def put_alert(self, alert: Alert) -> None:
        self.shown += 1
        super().put_alert(alert)


def test_two_instances_share_the_work_and_the_one_that_stays_takes_over(
    bus: MemoryBus, redis_url: str, tmp_path: Path
) -> None:
    names = [f"alert-{number}" for number in range(40)]
    one, two = CountingStore.connect(redis_url), CountingStore.connect(redis_url)
    with served(bus, one, site(), tmp_path):
        until(lambda: one.alerts_whole(), "the first instance works")
        with served(bus, two, site(), tmp_path):
            before = iter(range(1000))
            until(
                lambda: put_incidents(bus, [incident(f"before-{next(before)}")]) or two.shown, "the second has a share"
            )
            one.shown = two.shown = 0
            put_incidents(bus, [change for name in names for change in life(name)[:2]])
            until(lambda: judged(bus), "openings and updates are judged")
            said = [verdict(name) for name in names]
            put_verdicts(bus, [*said, *said])
            until(lambda: bus.lag(topics.ALERTS_GROUP, topics.ALERT_VERDICTS) == 0, "so are the operators' verdicts")
        assert one.shown > 0
        assert two.shown > 0
        put_incidents(bus, [change for name in names for change in life(name)])  # the first two of each again
        until(lambda: judged(bus), "the one that stays judges the rest")
        until(lambda: [a.status for a in one.alerts()].count("closed") == 40, "the view has them all")
    one.close()
    two.close()
    ours = [(event.id, event.change) for event in events(bus) if event.id.startswith("alert-")]
    changes = ("opened", "updated", "acknowledged", "closed")
    assert sorted(ours) == sorted((f"{name}.{n}", change) for name in names for n, change in enumerate(changes))


class Thief:
    """A consumer whose partition 1 has gone to another member."""

    def __init__(self) -> None:
        self.commits: list[tuple[Partition, int]] = []

    def commit(self, offsets: dict[Partition, int]) -> None:
        ((partition, offset),) = offsets.items()
        if partition[1] == 1:
            raise OwnershipLostError("partition 1 is another member's")
        self.commits.append((partition, offset))


class Notes:
    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def process(self, record: Record) -> None:
        self.seen.append((record.partition, record.offset))


def test_what_another_instance_took_over_is_left_to_it_and_the_rest_is_done() -> None:
    names = (topics.INCIDENTS, topics.ALERT_VERDICTS, topics.INCIDENTS)
    batch = [Record(names[offset], number, offset, 0, None, b"") for offset in range(3) for number in range(3)]
    thief, notes = Thief(), Notes()
    work_off(batch, notes, thief, threading.Event())  # type: ignore[arg-type]
    others = [(number, offset) for offset in range(3) for number in (0, 2)]
    assert sorted(notes.seen) == sorted([*others, (1, 0)])
    assert thief.commits == [((names[offset], number), offset + 1) for number, offset in others]


def test_a_bus_that_fails_ends_the_service_in_order(bus: MemoryBus, store: Store, tmp_path: Path) -> None:
    stop = threading.Event()
    threading.Timer(0.3, bus.close).start()
    before = threading.active_count()
    with pytest.raises(BusError, match="closed"):
        serve(bus, store, site(JsonLinesSink(type="jsonl", path=tmp_path / "a.jsonl")), Settings(data=tmp_path), stop)
    until(lambda: threading.active_count() <= before, "no thread is left behind")
    assert not stop.is_set()


def test_health_is_ready_while_the_service_works(bus: MemoryBus, store: Store, tmp_path: Path) -> None:
    port, stop = free_port(), threading.Event()
    settings = Settings(data=tmp_path, metrics_port=port)
    thread = threading.Thread(target=serve, args=(bus, store, site(), settings, stop))
    thread.start()
    put_incidents(bus, [incident("a1")])
    until(lambda: judged(bus), "the incident is judged")
    until(lambda: httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200, "ready")
    assert 'wayside_alerts_total{incident="stopped-vehicle"' in httpx.get(f"http://127.0.0.1:{port}/metrics").text
    stop.set()
    thread.join(5)
    assert not thread.is_alive()
