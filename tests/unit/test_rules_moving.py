"""person-on-lane and wrong-way: what opens, holds and closes them."""

import pytest

from shared.clock import NS
from shared.messages import DetectedObject
from shared.site import Zone
from tests.unit.analyzer_helpers import FPS, Mover, analyzer, frame, make_site, play, still, summary, thing, travel


def test_a_person_on_a_lane_opens_after_a_second() -> None:
    changes = play(6, still("person", 0.35, 0.6, start=2.0))
    assert summary(changes) == [("person-on-lane", "opened")]
    assert 3.0 <= changes[0].detected_at / NS <= 3.5


def test_a_person_who_crosses_two_lanes_is_one_incident_that_closes_beside_the_road() -> None:
    changes = play(20, travel("person", (0.1, 0.6), (0.07, 0.0)))
    assert [name for name in summary(changes) if name[1] != "updated"] == [
        ("person-on-lane", "opened"),
        ("person-on-lane", "closed"),
    ]
    assert changes[-1].ended_at is not None
    assert changes[-1].ended_at / NS == pytest.approx(10.0, abs=0.5)  # reaches x = 0.8 after 10 s


def test_missed_detections_of_a_person_neither_end_nor_double_it() -> None:
    stage = analyzer()
    changes = []
    for index in range(300):
        hidden = index % 4 == 0 or 100 <= index < 140
        changes += stage.step(frame(index, [] if hidden else [thing("person", 0.35, 0.6)])).incidents
    assert [name for name in summary(changes) if name[1] != "updated"] == [("person-on-lane", "opened")]


def test_a_person_beside_the_lane_opens_nothing() -> None:
    assert play(8, still("person", 0.1, 0.6)) == []


def test_riders_and_drivers_are_not_on_foot() -> None:
    bike = still("motorcycle", 0.35, 0.6, end=8)
    rider = lambda t: thing("person", 0.35, 0.58, width=0.04, height=0.12)  # noqa: E731
    bus = lambda t: thing("bus", 0.65, 0.8, width=0.2, height=0.4)  # noqa: E731
    driver = lambda t: thing("person", 0.62, 0.6, width=0.03, height=0.08)  # noqa: E731
    assert play(8, bike, rider, bus, driver) == []


def test_a_person_who_stands_before_a_bus_is_on_foot() -> None:
    bus = lambda t: thing("bus", 0.65, 0.8, width=0.2, height=0.4)  # noqa: E731
    walker = lambda t: thing("person", 0.62, 0.8, width=0.04, height=0.2)  # noqa: E731
    assert summary(play(4, bus, walker)) == [("person-on-lane", "opened")]


def test_travel_against_the_direction_opens_within_three_seconds_and_closes_when_gone() -> None:
    changes = play(15, travel("car", (0.35, 0.95), (0.0, -0.2), start=1.0))
    assert summary(changes) == [("wrong-way", "opened"), ("wrong-way", "closed")]
    assert 2.0 <= changes[0].detected_at / NS <= 4.0
    assert changes[0].started_at / NS == pytest.approx(1.0, abs=1.5)


def test_travel_along_or_across_the_direction_opens_nothing() -> None:
    assert play(10, travel("car", (0.35, 0.15), (0.0, 0.2)), travel("bus", (0.21, 0.5), (0.1, 0.02))) == []


def test_a_track_that_jumps_back_to_another_vehicle_is_no_wrong_way() -> None:
    """Dense traffic: every second the tracker sees the follower where the leader was."""
    jumping = lambda t: thing("car", 0.35, 0.3 + 0.4 * (t % 1.0))  # noqa: E731
    assert play(20, jumping) == []


def test_a_standing_vehicle_is_no_wrong_way() -> None:
    assert {change.incident for change in play(15, still("car", 0.35, 0.5))} == {"stopped-vehicle"}


def far_reversing(start: float, pace: float) -> Mover:
    """A small far car that stands and then goes back at `pace` box heights per second, with a detector's jitter."""

    def mover(t: float) -> DetectedObject:
        back = max(0.0, t - start) * pace * 0.03
        return thing("car", 0.35, 0.5 - back + 0.0015 * ((round(t * FPS) * 7) % 5 - 2), width=0.022, height=0.03)

    return mover


def test_a_far_car_that_goes_back_slowly_is_wrong_way_since_it_began() -> None:
    changes = play(8, far_reversing(3.0, 0.25))
    opened = next(change for change in changes if change.incident == "wrong-way")
    assert opened.change == "opened"
    assert opened.detected_at / NS <= 6.0
    assert opened.started_at / NS == pytest.approx(3.0, abs=1.0)


def test_jitter_never_adds_up_to_a_way_back() -> None:
    trembling = lambda t: thing("car", 0.35, 0.5 + 0.008 * ((round(t * FPS) * 7) % 5 - 2), height=0.1)  # noqa: E731
    assert "wrong-way" not in {change.incident for change in play(60, trembling)}


def test_a_box_that_is_cut_shorter_in_one_step_is_no_wrong_way() -> None:
    """A passing car hides the lower half of a stopped one for some seconds."""
    cut = lambda t: thing("car", 0.35, 0.5 if t % 8 < 4 else 0.45, height=0.1 if t % 8 < 4 else 0.05)  # noqa: E731
    assert "wrong-way" not in {change.incident for change in play(40, cut)}


def test_a_far_person_of_low_scores_is_found_later_than_a_sure_one_if_it_walks() -> None:
    def walker(score: float) -> Mover:
        return lambda t: thing("person", 0.22 + 0.02 * t, 0.6, width=0.01, height=0.04, score=score)

    sure, weak = (play(8, walker(score))[0].detected_at / NS for score in (0.5, 0.22))
    assert sure < 1.5
    assert sure + 0.4 < weak <= 3.0


def test_a_post_that_resembles_a_person_a_little_is_none_for_it_stays() -> None:
    assert play(60, still("person", 0.35, 0.6, score=0.25)) == []


def test_a_far_person_before_a_lorry_that_drives_by_is_not_aboard() -> None:
    lorry = lambda t: thing("truck", 0.35, 0.9, width=0.3, height=0.6)  # noqa: E731
    walker = lambda t: thing("person", 0.35 + 0.01 * t, 0.6, width=0.012, height=0.05)  # noqa: E731
    assert ("person-on-lane", "opened") in summary(play(4, lorry, walker))


def test_a_box_of_the_whole_road_is_scenery() -> None:
    """The detector was seen to take the road for a train."""
    road = lambda t: thing("train", 0.5, 1.0, width=1.0, height=0.75)  # noqa: E731
    walker = lambda t: thing("person", 0.35, 0.6)  # noqa: E731
    assert summary(play(15, road, walker)) == [("person-on-lane", "opened")]


def test_a_far_rider_whose_motorcycle_is_not_seen_is_not_on_foot() -> None:
    rider = lambda t: thing("person", 0.35, 0.2 + 0.06 * t, width=0.01, height=0.035, score=0.28)  # noqa: E731
    walker = lambda t: thing("person", 0.22 + 0.02 * t, 0.6, width=0.01, height=0.035, score=0.28)  # noqa: E731
    assert play(8, rider) == []
    assert summary(play(6, walker)) == [("person-on-lane", "opened")]


def test_a_track_that_slips_back_in_a_queue_is_no_wrong_way_and_a_lone_car_that_does_the_same_is() -> None:
    def slipping(t: float) -> DetectedObject:
        return thing("car", 0.35, 0.5 - 0.04 * min(max(t - 2.0, 0.0), 2.0))

    behind, ahead = still("car", 0.35, 0.3), still("car", 0.35, 0.62)
    assert "wrong-way" not in {change.incident for change in play(8, slipping, behind, ahead)}
    assert "wrong-way" in {change.incident for change in play(8, slipping)}


def test_a_wrong_way_beside_a_vehicle_that_is_missed_by_turns_waits_until_it_is_alone() -> None:
    slipping = lambda t: thing("car", 0.35, 0.5 - 0.04 * min(max(t - 2.0, 0.0), 4.0))  # noqa: E731

    def flickers(t: float) -> DetectedObject | None:
        there = t < 5.0 and round(t * FPS) % 5 < 2
        return thing("car", 0.35, 0.56 - 0.04 * max(t - 2.0, 0.0)) if there else None

    opened = [change for change in play(8, slipping, flickers) if change.incident == "wrong-way"]
    assert opened[0].detected_at / NS == pytest.approx(5.3, abs=0.4)
    alone = [change for change in play(8, slipping) if change.incident == "wrong-way"]
    assert alone[0].detected_at / NS < 4.0


def test_a_track_that_slips_to_where_another_vehicle_stood_a_moment_ago_is_no_wrong_way() -> None:
    """The vehicle behind is missed from the moment on at which the other one's track goes back to its place."""
    slipping = lambda t: thing("car", 0.35, 0.6 - 0.05 * min(max(t - 4.0, 0.0), 2.0))  # noqa: E731
    behind = still("car", 0.35, 0.5, end=4.6)
    assert "wrong-way" not in {change.incident for change in play(5.8, slipping, behind)}
    assert "wrong-way" in {change.incident for change in play(5.8, slipping)}


def test_a_box_whose_lower_part_is_hidden_by_and_by_is_no_wrong_way() -> None:
    """A lorry moves up before it: the upper edge stays where it was."""

    def covered(t: float) -> DetectedObject:
        height = 0.1 - 0.03 * min(max(t - 3.0, 0.0), 2.0)
        return thing("car", 0.35, 0.4 + height, height=height)

    assert "wrong-way" not in {change.incident for change in play(8, covered)}


SLANTED = Zone(
    id="slanted", kind="lane", polygon=[(0.55, 0.2), (0.95, 0.2), (0.5, 1.0), (0.1, 1.0)], direction=(-0.45, 0.8)
)


def test_a_car_that_pulls_over_on_a_lane_that_leads_aside_is_no_wrong_way() -> None:
    """In the picture its shift along the rows has a part against the lane's run; on the road it goes across."""

    def pulls_over(t: float) -> DetectedObject:
        return thing("car", 0.5 + 0.02 * min(max(t - 3.0, 0.0), 3.0), 0.5)

    def goes_back(t: float) -> DetectedObject:
        way = min(max(t - 3.0, 0.0), 3.0)
        return thing("car", 0.5 + 0.0112 * way, 0.5 - 0.02 * way)

    site = make_site([SLANTED])
    assert "wrong-way" not in {change.incident for change in play(8, pulls_over, stage=analyzer(site))}
    assert "wrong-way" in {change.incident for change in play(8, goes_back, stage=analyzer(site))}


def _back_from(y: float, until: float) -> Mover:
    """Stands in the second lane, beside the first, and from 5 s on goes back by its own size each second."""

    def mover(t: float) -> DetectedObject:
        return thing("car", 0.525, max(y - 0.1 * max(t - 5.0, 0.0), until))

    return mover


def test_a_track_that_slips_to_who_stands_in_the_next_lane_is_no_wrong_way() -> None:
    beside = still("car", 0.475, 0.5)
    slipped = _back_from(0.6, 0.48)
    assert "wrong-way" not in {change.incident for change in play(10, beside, slipped)}
    assert "wrong-way" in {change.incident for change in play(10, slipped)}, "nobody stands there"
    farther = play(12, beside, _back_from(0.6, 0.2))
    (told,) = [change for change in farther if (change.incident, change.change) == ("wrong-way", "opened")]
    assert told.started_at / NS == pytest.approx(5.0, abs=0.5)
    assert told.detected_at / NS <= 8.0
