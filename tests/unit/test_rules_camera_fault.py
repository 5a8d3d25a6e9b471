"""camera-fault: one incident per kind, and what happens to the zones meanwhile."""

import json
from collections.abc import Callable

from services.analyzer.stage import CameraAnalyzer
from shared.clock import NS, to_ns
from shared.condition import PictureFault, PictureFaultKind, PictureHealth
from shared.messages import DetectedObject, Incident
from shared.site import Rule
from tests.unit.analyzer_helpers import FPS, Mover, analyzer, frame, make_site, still, summary

Faults = Callable[[float], dict[PictureFaultKind, float]]


def health(faults: dict[PictureFaultKind, float]) -> PictureHealth:
    told = [PictureFault(kind=kind, since=to_ns(since), detail=f"{kind}!") for kind, since in faults.items()]
    return PictureHealth(faults=told, brightness=0.4, contrast=0.2, sharpness=1.0)


def play(
    start: float, end: float, faults: Faults, *movers: Mover, stage: CameraAnalyzer | None = None
) -> list[Incident]:
    stage = stage or analyzer()
    changes: list[Incident] = []
    for index in range(round(start * FPS), round(end * FPS)):
        t = index / FPS
        objects: list[DetectedObject] = [item for mover in movers if (item := mover(t)) is not None]
        measured = health(faults(t)) if index % 4 == 0 else None
        changes += stage.step(frame(index, objects, t).model_copy(update={"health": measured})).incidents
    return changes


def moved(begin: float, end: float, kind: PictureFaultKind = "moved") -> Faults:
    return lambda t: {kind: begin} if begin + 4 <= t < end else {}


def test_a_fault_is_one_incident_with_its_kind_and_the_suspended_zones() -> None:
    opened, closed = play(0, 60, moved(10, 40))
    assert (opened.incident, opened.label, opened.zone, opened.change) == ("camera-fault", "moved", "lane-1", "opened")
    assert opened.detail == "moved!; suspended while it lasts: lane-1, lane-2, shoulder"
    assert (opened.started_at, opened.detected_at) == (10 * NS, 14 * NS)
    assert (closed.change, closed.incident_id) == ("closed", opened.incident_id)
    assert 39 * NS < (closed.ended_at or 0) <= 40 * NS


def test_two_kinds_that_began_together_are_two_incidents() -> None:
    changes = play(0, 40, lambda t: {"black": 10, "frozen": 10} if t >= 14 else {})
    assert {(change.label, change.change) for change in changes} == {("black", "opened"), ("frozen", "opened")}
    assert len({change.incident_id for change in changes}) == 2


def test_nothing_opens_in_suspended_zones_and_it_does_on_a_blurred_picture() -> None:
    car = still("car", 0.35, 0.5, start=15)
    assert summary(play(0, 60, moved(8, 99), car)) == [("camera-fault", "opened")]
    changes = play(0, 60, moved(8, 99, "blurred"), car)
    assert summary(changes) == [("camera-fault", "opened"), ("stopped-vehicle", "opened")]


def test_what_was_open_waits_and_is_the_same_incident_afterwards() -> None:
    car: Mover = still("car", 0.35, 0.5)
    changes = play(0, 200, moved(20, 120), lambda t: None if 24 <= t < 120 else car(t))
    own = [change for change in changes if change.incident == "stopped-vehicle"]
    assert [change.change for change in own] == ["opened", "updated"]  # the new track is added to it


def test_what_left_meanwhile_closes_afterwards_at_the_time_it_was_last_seen() -> None:
    changes = play(0, 200, moved(20, 120), still("car", 0.35, 0.5, end=24))
    closed = [change for change in changes if change.incident == "stopped-vehicle" and change.change == "closed"]
    assert len(closed) == 1
    assert closed[0].ended_at is not None
    assert 23 * NS <= closed[0].ended_at <= 24 * NS
    assert closed[0].changed_at >= 120 * NS


def test_a_camera_without_zones_has_faults_too_and_a_site_can_turn_them_off() -> None:
    (opened,) = play(0, 30, moved(10, 99), stage=analyzer(make_site([])))
    assert opened.zone == "picture"
    quiet = analyzer(make_site(rules=[Rule(incident="camera-fault", enabled=False)]))
    car = still("car", 0.35, 0.5, start=15)
    assert summary(play(0, 60, moved(8, 99), car, stage=quiet)) == [("stopped-vehicle", "opened")]


def test_a_new_owner_goes_on_in_the_middle() -> None:
    car: Mover = still("car", 0.35, 0.5)
    whole = play(0, 100, moved(20, 60), car)
    stage, parts = analyzer(), []
    for start in range(0, 100, 5):
        parts += play(start, start + 5, moved(20, 60), car, stage=stage)
        state = json.loads(json.dumps(stage.state()))
        stage = analyzer()
        assert stage.restore(state) == []
    assert parts == whole
