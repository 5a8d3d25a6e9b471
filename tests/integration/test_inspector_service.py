"""The inspector on a bus: questions and schedules → inspections, pictures, incidents, and alerts from them."""

import json
import time
from pathlib import Path

import pytest

from shared import topics
from shared.bus.base import Bus
from shared.bus.kafka import KafkaBus
from shared.bus.memory import MemoryBus
from shared.catalogue import INSPECTION_TYPES
from shared.clock import NS
from shared.inspection import scheduled_id
from shared.jpeg import jpeg_size
from shared.messages import Incident
from shared.store import Store
from tests.alerting import events, read_all, served, until
from tests.inspected_road import Road, inspections, inspector
from tests.inspecting import CAMERAS, LANE, START, also, faulty, incident, question, site

pytestmark = pytest.mark.redis


@pytest.fixture
def store(redis_url: str) -> Store:
    return Store.connect(redis_url)


def answers(bus: Bus, count: int) -> list:
    until(lambda: sum(bus.end_offsets(topics.INSPECTIONS).values()) >= count, f"{count} inspections")
    found = inspections(bus)
    assert len(found) == count
    return found


def changes(bus: Bus, run: str | None = None) -> list[tuple[str, str, str, int]]:
    """Of lane incidents, each once, in order of their time; incidents lie in several partitions."""
    told = {(item.incident_id, item.revision): item for item in sent(bus, run)}
    inorder = sorted(told.values(), key=lambda item: (item.changed_at, item.started_at, item.revision))
    return [(item.incident, item.label, item.change, item.revision) for item in inorder]


def sent(bus: Bus, run: str | None = None) -> list[Incident]:
    """The lane incidents of a run, repeats included."""
    told = [Incident.from_bytes(record.value) for record in read_all(bus, topics.INCIDENTS)]
    return [item for item in told if item.incident in INSPECTION_TYPES and item.run == run]


def test_a_question_is_answered_with_pictures_and_alerts(bus: MemoryBus, store: Store, tmp_path: Path) -> None:
    road = Road(bus)
    with inspector(bus, store, tmp_path), served(bus, store, site(), tmp_path):
        road.play(-1, 2)
        road.ask(question(0))
        road.play(2.2, 6)
        (first,) = answers(bus, 1)
        assert (first.verdict, first.inspection_id, first.by) == ("clear", "q0", "operator")
        for word in first.cameras:
            assert word.picture == f"evidence/q0.{word.camera}.jpg"
            assert jpeg_size((tmp_path / word.picture).read_bytes()) == (320, 180)
        # The same question again, one of no lane, and one that is no question at all.
        road.ask(question(0))
        road.ask(question(1, lane="verge"))
        bus.producer().send(topics.INSPECTION_REQUESTS, b"{}", key="x", timestamp_ms=0)
        road.ask(question(6))
        road.play(6.2, 12, also(health=faulty("covered")))
        assert answers(bus, 2)[1].verdict == "cannot-tell"
        road.tell(incident("stopped-vehicle", 13))
        for at in (12, 18):
            road.ask(question(at))
            road.play(at + 0.2, at + 6)
        assert [item.verdict for item in answers(bus, 4)] == ["clear", "cannot-tell", "not-clear", "not-clear"]
        road.tell(incident("stopped-vehicle", 13, "closed", changed_at=START + 23 * NS, ended_at=START + 23 * NS))
        road.ask(question(24))
        road.play(24.2, 30)
        assert answers(bus, 5)[-1].verdict == "clear"
        until(lambda: len(events(bus)) == 11, "the alerts")
    assert changes(bus) == [
        ("lane-clear", "clear", "opened", 0), ("lane-clear", "clear", "closed", 1),
        ("lane-unsafe", "cannot-tell", "opened", 0),
        ("lane-unsafe", "cannot-tell", "closed", 1), ("lane-unsafe", "not-clear", "opened", 0),
        ("lane-unsafe", "not-clear", "updated", 1),
        ("lane-unsafe", "not-clear", "closed", 2),
        ("lane-clear", "clear", "opened", 0), ("lane-clear", "clear", "closed", 1),
    ]  # fmt: skip
    letters = [json.loads(record.value or b"")["reason"] for record in read_all(bus, topics.DEAD_LETTERS)]
    assert letters == ["unknown-lane", "bad-schema"]
    opened = {event.alert.label: event.alert for event in events(bus) if event.change == "opened"}
    assert {label: alert.severity for label, alert in opened.items()} == {
        "clear": "info", "cannot-tell": "warning", "not-clear": "critical", "car": "critical",
    }  # fmt: skip
    for label in ("clear", "cannot-tell", "not-clear"):
        assert [item.kind for item in opened[label].evidence] == ["snapshot", "frame"]
        assert opened[label].zone == LANE


def test_a_planned_inspection_is_asked_for_once_by_the_time_of_the_frames(
    bus: MemoryBus, store: Store, tmp_path: Path
) -> None:
    configured = site(timezone="Europe/Berlin", inspections=[{"lane": LANE, "cron": "0 14 * * sat"}])
    road = Road(bus)
    with inspector(bus, store, tmp_path, configured):
        road.play(-3, 7)
        (answer,) = answers(bus, 1)
        road.play(-3, 7, run="again")
        again = answers(bus, 2)[1]
    assert (answer.verdict, answer.by, answer.requested_at) == ("clear", "schedule", START)
    assert answer.inspection_id == scheduled_id(None, "a2-north", LANE, START)
    assert (again.run, again.verdict, again.requested_at) == ("again", "clear", START)
    assert again.inspection_id != answer.inspection_id


def test_a_camera_that_falls_silent_is_not_waited_for_for_ever(
    bus: MemoryBus, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.inspector.desk.SILENT_S", 0.5)
    road = Road(bus)
    with inspector(bus, store, tmp_path):
        road.play(-1, 1)
        road.ask(question(0))
        road.play(1.2, 8, lambda tracks: None if tracks.camera == CAMERAS[1] else tracks)
        (answer,) = answers(bus, 1)
    assert [word.verdict for word in answer.cameras] == ["clear", "cannot-tell"]
    assert answer.cameras[1].reasons[0].code == "frames-missing"


def test_a_restart_answers_what_was_asked_and_goes_on_with_what_is_open(
    bus: MemoryBus, store: Store, tmp_path: Path
) -> None:
    road = Road(bus)
    with inspector(bus, store, tmp_path):
        road.play(-1, 6, also(health=faulty("frozen")))
        road.ask(question(0))
        answers(bus, 1)
        road.ask(question(8))
        road.play(6.2, 10)
        until(lambda: not bus.lag(topics.INSPECTOR_GROUP, topics.INSPECTION_REQUESTS) - 1, "the question is held")
    with inspector(bus, store, tmp_path):
        road.play(10.2, 14)
        assert [item.verdict for item in answers(bus, 2)] == ["cannot-tell", "clear"]
        until(lambda: bus.lag(topics.INSPECTOR_GROUP, topics.TRACKS) == 0, "all is committed")
        assert bus.lag(topics.INSPECTOR_GROUP, topics.INSPECTION_REQUESTS) == 0
    assert [(name, change) for name, _, change, _ in changes(bus)] == [
        ("lane-unsafe", "opened"), ("lane-unsafe", "closed"), ("lane-clear", "opened"), ("lane-clear", "closed"),
    ]  # fmt: skip


def test_incidents_that_a_crash_has_swallowed_are_sent_again(bus: MemoryBus, store: Store, tmp_path: Path) -> None:
    road = Road(bus)
    with inspector(bus, store, tmp_path):
        road.play(-1, 6)
        road.ask(question(0))
        answers(bus, 1)
        until(lambda: len(sent(bus)) == 2, "the incidents")
    # As after a crash before the commit: the question comes again.
    road.ask(question(0))
    with inspector(bus, store, tmp_path):
        until(lambda: len(sent(bus)) == 4, "the incidents once more")
        assert len(answers(bus, 1)) == 1
    assert [(name, change) for name, _, change, _ in changes(bus)] == [
        ("lane-clear", "opened"),
        ("lane-clear", "closed"),
    ]


@pytest.mark.kafka
def test_the_same_on_apache_kafka(kafka: str, store: Store, tmp_path: Path) -> None:
    bus = KafkaBus(kafka)
    bus.ensure_topics(topics.SPECS)
    # The broker is shared, hence a run of its own; and it deletes what is long ago.
    run, later = "inspect-on-kafka", time.time_ns() - START
    road = Road(bus, later)
    with inspector(bus, store, tmp_path):
        road.play(-1, 2, run=run)
        road.ask(question(0, at=START + later, run=run))
        road.play(2.2, 6, run=run)
        road.ask(question(6, at=START + later + 6 * NS, run=run))
        road.play(6.2, 12, also(health=faulty("moved")), run)
        until(lambda: len(sent(bus, run)) == 3, "the incidents")
        first, second = [item for item in inspections(bus) if item.run == run]
    assert (first.verdict, second.verdict) == ("clear", "cannot-tell")
    assert [name for name, *_ in changes(bus, run)] == ["lane-clear", "lane-clear", "lane-unsafe"]
    assert (tmp_path / str(first.cameras[1].picture)).is_file()
    bus.close()
