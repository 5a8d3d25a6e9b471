"""stopped-vehicle and obstacle-on-lane: what opens, holds and closes them."""

import pytest

from services.analyzer.boxes import box_iou
from shared.clock import NS
from shared.messages import DetectedObject
from shared.site import Rule
from tests.unit.analyzer_helpers import (
    FPS,
    LANE,
    Mover,
    analyzer,
    frame,
    make_site,
    play,
    still,
    stopping,
    summary,
    thing,
    travel,
)


def test_a_vehicle_that_stops_on_a_lane_opens_one_incident_ten_seconds_after_its_stop() -> None:
    changes = play(20, stopping("car", 0.35, stop_y=0.6, stop_s=3.0))
    assert summary(changes) == [("stopped-vehicle", "opened")]
    assert changes[0].started_at / NS == pytest.approx(3.0, abs=1.5)
    assert changes[0].detected_at / NS == pytest.approx(13.0, abs=1.5)
    assert (changes[0].zone, changes[0].label, changes[0].severity) == ("lane-1", "car", "critical")


def test_it_closes_after_the_vehicle_drove_on_with_the_end_at_its_departure() -> None:
    changes = play(30, stopping("car", 0.35, stop_y=0.5, stop_s=2.0, go_s=18.0))
    assert summary(changes) == [("stopped-vehicle", "opened"), ("stopped-vehicle", "closed")]
    assert changes[1].ended_at is not None
    assert changes[1].ended_at / NS == pytest.approx(18.0, abs=2.0)
    assert changes[0].incident_id == changes[1].incident_id
    assert [change.revision for change in changes] == [0, 1]


def test_flowing_traffic_opens_nothing() -> None:
    cars = [travel("car", (0.35, 0.12), (0.0, 0.25), start=2.0 * n) for n in range(14)]
    assert play(30, *cars) == []


def test_a_pause_of_seven_seconds_opens_nothing() -> None:
    assert play(25, stopping("car", 0.35, stop_y=0.5, stop_s=4.0, go_s=11.0)) == []


def test_a_shoulder_waits_thirty_seconds() -> None:
    changes = play(45, stopping("truck", 0.9, stop_y=0.6, stop_s=2.0))
    assert summary(changes) == [("stopped-vehicle", "opened")]
    assert 31.0 <= changes[0].detected_at / NS <= 34.0


def test_missed_detections_neither_end_nor_double_it() -> None:
    stage = analyzer()
    changes = []
    for index in range(600):
        # Every third frame is missed, and once 8 s in a row (a lorry stands before it).
        hidden = index % 3 == 0 or 300 <= index < 380
        changes += stage.step(frame(index, [] if hidden else [thing("car", 0.35, 0.6)])).incidents
    assert [name for name in summary(changes) if name[1] != "updated"] == [("stopped-vehicle", "opened")]
    assert len({change.incident_id for change in changes}) == 1


def test_a_new_track_at_the_same_place_continues_the_rest_before_and_after_opening() -> None:
    """The detector loses the car for 3 s (longer than the tracker remembers) at 5 s and at 25 s."""
    stage = analyzer()
    changes = []
    for index in range(400):
        hidden = 50 <= index < 80 or 250 <= index < 280
        changes += stage.step(frame(index, [] if hidden else [thing("car", 0.35, 0.6)])).incidents
    assert summary(changes)[0] == ("stopped-vehicle", "opened")
    assert changes[0].detected_at / NS < 11.5
    assert {change for _, change in summary(changes)[1:]} <= {"updated"}
    assert len({change.incident_id for change in changes}) == 1


def test_two_vehicles_on_one_lane_are_two_incidents_even_with_the_same_start() -> None:
    changes = play(15, still("car", 0.3, 0.3), still("truck", 0.4, 0.8))
    assert summary(changes) == [("stopped-vehicle", "opened")] * 2
    assert len({change.incident_id for change in changes}) == 2


def test_a_vehicle_in_no_zone_is_none_of_our_business() -> None:
    assert play(15, still("car", 0.1, 0.5)) == []


def test_an_object_at_rest_on_a_lane_opens_after_three_seconds_and_closes_when_removed() -> None:
    changes = play(30, still("suitcase", 0.35, 0.7, start=2.0, end=10.0))
    assert summary(changes) == [("obstacle-on-lane", "opened"), ("obstacle-on-lane", "closed")]
    assert changes[0].detected_at / NS == pytest.approx(5.3, abs=0.4)
    assert changes[1].ended_at is not None
    assert changes[1].ended_at / NS == pytest.approx(10.0, abs=0.3)


@pytest.mark.parametrize("label", ["traffic light", "stop sign", "fire hydrant", "parking meter"])
def test_street_furniture_is_no_obstacle(label: str) -> None:
    assert play(15, still(label, 0.35, 0.7)) == []


def test_a_suitcase_in_a_persons_hand_is_no_obstacle() -> None:
    person = lambda t: thing("person", 0.1, 0.7, width=0.1, height=0.3)  # noqa: E731
    carried = lambda t: thing("suitcase", 0.1, 0.68, width=0.03, height=0.08)  # noqa: E731
    site = make_site([LANE.model_copy(update={"polygon": [(0, 0), (0.5, 0), (0.5, 1), (0, 1)], "kind": "taxiway"})])
    changes = play(10, person, carried, stage=analyzer(site))
    assert {change.incident for change in changes} == {"person-on-lane"}


def test_a_box_around_the_whole_road_is_no_obstacle() -> None:
    """YOLO11n was seen to call an empty road a clock."""
    assert play(15, lambda t: thing("clock", 0.4, 0.95, width=0.7, height=0.6)) == []


def test_a_weak_flickering_box_is_no_obstacle() -> None:
    assert play(20, still("chair", 0.35, 0.7, score=0.31)) == []


def test_a_site_rule_changes_time_and_severity_of_its_zone_alone() -> None:
    rule = Rule(incident="stopped-vehicle", zones=["lane-1"], after_s=4, severity="warning")
    changes = play(8, still("car", 0.35, 0.5), still("car", 0.65, 0.5), stage=analyzer(make_site(rules=[rule])))
    assert [(change.zone, change.severity) for change in changes] == [("lane-1", "warning")]


def test_a_disabled_rule_opens_nothing() -> None:
    rule = Rule(incident="stopped-vehicle", enabled=False)
    assert play(15, still("car", 0.35, 0.5), stage=analyzer(make_site(rules=[rule]))) == []


def test_traffic_that_passes_before_a_stopped_car_and_takes_its_track_along_does_not_delay_it() -> None:
    """Every 3 s a car passes in front of the stopped one and hides it for a moment."""
    standing = thing("car", 0.35, 0.5)

    def traffic(t: float) -> list[DetectedObject]:
        y = 0.2 + 0.25 * ((t - 2.0) % 3.0)
        passing = thing("car", 0.355, y) if t >= 2.0 and y < 0.95 else None
        hides = passing is not None and box_iou(passing.box, standing.box) > 0.3 and y >= 0.5
        return [item for item in (passing, None if hides else standing) if item is not None]

    stage = analyzer()
    changes = [change for index in range(250) for change in stage.step(frame(index, traffic(index / 10))).incidents]
    assert [name for name in summary(changes) if name[1] != "updated"] == [("stopped-vehicle", "opened")]
    assert changes[0].started_at / NS == pytest.approx(0.1, abs=0.3)
    assert changes[0].detected_at / NS < 11.5


def test_cars_that_stop_one_after_another_at_the_same_place_are_no_stopped_vehicle() -> None:
    """Stop and go: each car stands for 6 s, moves on, and 3 s later the next one stands there."""

    def queue(t: float) -> DetectedObject | None:
        phase = t % 9.0
        if phase < 6.0:
            return thing("car", 0.35, 0.5)
        return thing("car", 0.35, 0.5 + 0.3 * (phase - 6.0)) if phase < 7.5 else None

    assert play(60, queue) == []


def test_a_box_around_the_whole_road_is_no_vehicle() -> None:
    """Seen on staged motorway scenes: the empty road is called a train for ten seconds."""
    road = thing("train", 0.4, 0.99, width=0.8, height=0.74)
    assert play(15, lambda t: road) == []
    lorry = thing("truck", 0.4, 0.99, width=0.5, height=0.6)
    assert summary(play(15, lambda t: lorry)) == [("stopped-vehicle", "opened")]


def test_a_part_of_the_road_whose_box_jitters_is_no_vehicle() -> None:
    """The detector was seen to call a third of the picture a train of 0.16, now this part of it and now that."""

    def patch(score: float) -> Mover:
        def mover(t: float) -> DetectedObject:
            height = 0.78 if round(t * FPS) % 30 < 20 else 0.60
            return thing("train", 0.35, 0.99, width=0.40, height=height, score=score)

        return mover

    assert play(40, patch(0.2)) == []
    assert summary(play(40, patch(0.5))) == [("stopped-vehicle", "opened")]


def test_a_far_car_rests_since_it_stands_not_since_it_slowed_down() -> None:
    """Its last metres of braking are within a quarter of its size in the picture."""
    stop_s = 6.0

    def braking(t: float) -> DetectedObject:
        away = 0.008 * max(0.0, stop_s - t) ** 2
        return thing("car", 0.35, 0.5 - away, width=0.045, height=0.06)

    opened = play(20, braking)[0]
    assert (opened.incident, opened.change) == ("stopped-vehicle", "opened")
    assert opened.started_at / NS == pytest.approx(stop_s, abs=1.2)


def test_a_patrol_car_that_stops_before_a_stopped_one_and_takes_its_track_along_restarts_nothing() -> None:
    """It stands in front for 5 s, its box merged with the other's, and drives on with the track."""
    standing = thing("car", 0.35, 0.5)

    def patrol(t: float) -> list[DetectedObject]:
        if 20.0 <= t < 25.0:
            return [thing("car", 0.352, 0.53, width=0.07, height=0.13)]
        if t >= 25.0 and (y := 0.53 + 0.12 * (t - 25.0)) < 0.98:
            hidden = y < 0.58
            return [thing("car", 0.352, y, width=0.07, height=0.13)] + ([] if hidden else [standing])
        return [standing]

    stage = analyzer()
    changes = [change for index in range(450) for change in stage.step(frame(index, patrol(index / 10))).incidents]
    assert [name for name in summary(changes) if name[1] != "updated"] == [("stopped-vehicle", "opened")]
