"""What came driving and is as wide as a vehicle is one, whatever the detector calls it."""

from collections.abc import Callable

from pydantic import TypeAdapter

from services.analyzer.driven import DrivenThings
from shared.messages import DetectedObject
from tests.unit.analyzer_helpers import LANE, analyzer, frame, play, thing

Labels = Callable[[float], str]


def _comes(label: Labels, width: float = 0.2, height: float = 0.4) -> Callable[[float], DetectedObject]:
    """Comes down the first lane, which is 0.3 wide, and stands from 4 s on; its lower edge leads."""
    return lambda t: thing(label(t), 0.35, min(0.45 + 0.1 * t, 0.85), width, height)


def test_a_car_that_looks_like_a_phone_from_above_is_a_stopped_vehicle() -> None:
    changes = play(20, _comes(lambda t: "toilet" if t < 2 else "airplane" if t < 3 else "cell phone"))
    opened = [(item.incident, item.label) for item in changes if item.change == "opened"]
    assert opened == [("stopped-vehicle", "vehicle")]


def test_a_ball_that_rolls_in_is_an_obstacle() -> None:
    changes = play(20, _comes(lambda t: "sports ball", width=0.03, height=0.05))
    assert {(item.incident, item.label) for item in changes} == {("obstacle-on-lane", "sports ball")}


def test_a_large_thing_that_did_not_come_driving_is_an_obstacle() -> None:
    changes = play(20, lambda t: thing("couch", 0.35, 0.8, 0.2, 0.3) if t > 3 else None)
    assert {(item.incident, item.label) for item in changes} == {("obstacle-on-lane", "couch")}


def test_a_person_who_crosses_stays_a_person() -> None:
    changes = play(20, _comes(lambda t: "person"))
    assert {item.incident for item in changes} == {"person-on-lane"}


def test_a_faint_car_that_came_driving_is_one_and_one_that_never_moved_is_not() -> None:
    def faint(t: float) -> DetectedObject:
        return _comes(lambda t: "car")(t).model_copy(update={"score": 0.2})

    opened = [(item.incident, item.label) for item in play(20, faint) if item.change == "opened"]
    assert opened == [("stopped-vehicle", "car")]
    assert play(20, lambda t: faint(10.0)) == []
    assert play(20, lambda t: faint(t).model_copy(update={"score": 0.13})) == []


def test_the_next_track_at_its_place_goes_on_with_it() -> None:
    driven, aspect = DrivenThings(), 16 / 9
    for index in range(30):
        box = (0.25, 0.1 + 0.02 * index, 0.45, 0.4 + 0.02 * index)
        label = driven.label(1, "mouse", box, (LANE,), aspect, index * 10**8)
    assert label == "vehicle"
    assert driven.label(2, "cell phone", box, (LANE,), aspect, 4 * 10**9) == "vehicle"
    assert driven.label(3, "cell phone", (0.25, 0.1, 0.45, 0.4), (LANE,), aspect, 4 * 10**9) == "cell phone"
    driven.forget(30 * 10**9)
    assert driven.label(4, "cell phone", box, (LANE,), aspect, 30 * 10**9) == "cell phone"


def test_a_track_that_jumps_has_not_driven() -> None:
    driven = DrivenThings()
    for index, top in enumerate((0.1, 0.1, 0.6, 0.6)):
        label = driven.label(1, "couch", (0.25, top, 0.45, top + 0.3), (LANE,), 16 / 9, index * 10**8)
    assert label == "couch"


def test_a_checkpoint_between_its_coming_and_its_stop_changes_nothing() -> None:
    stage, whole = analyzer(), analyzer()
    mover = _comes(lambda t: "cell phone")
    for index in range(38):
        for one in (stage, whole):
            one.step(frame(index, [mover(index / 10)]))
    resumed = analyzer()
    saved = TypeAdapter(object).dump_json(stage.state())
    assert resumed.restore(TypeAdapter(object).validate_json(saved)) == []
    assert play(20, mover, stage=resumed, start=38) == play(20, mover, stage=whole, start=38) != []


def _creeps_in(t: float) -> DetectedObject:
    """First seen late: it moves by a third of its size, stands from 2 s on and drives off at 8 s."""
    y = 0.7 + 0.045 * min(t, 2.0) + 0.2 * max(0.0, t - 8.0)
    return thing("suitcase", 0.35, min(y, 1.0), 0.15, 0.27)


def test_a_thing_as_wide_as_a_vehicle_that_came_and_pauses_is_no_obstacle() -> None:
    assert play(12, _creeps_in) == []


def test_one_that_came_and_stays_is_told_after_the_time_of_a_vehicle() -> None:
    (opened,) = play(14, lambda t: _creeps_in(min(t, 7.9)))
    assert (opened.incident, opened.label) == ("obstacle-on-lane", "suitcase")
    assert opened.detected_at - opened.started_at >= 10 * 10**9


def test_a_lost_track_goes_on_with_the_way_of_the_one_before() -> None:
    """Each of the two tracks moves by a third of the vehicle's size."""
    driven = DrivenThings()
    for index in range(8):
        box = (0.25, 0.1 + 0.02 * index, 0.45, 0.4 + 0.02 * index)
        label = driven.label(index // 4, "mouse", box, (LANE,), 16 / 9, index * 10**8)
        if index == 3:
            assert label == "mouse"
    box = (0.25, 0.3, 0.45, 0.6)
    assert driven.label(1, "mouse", box, (LANE,), 16 / 9, 10**9) == "vehicle"


def test_a_vehicle_that_is_known_by_its_driving_needs_no_score() -> None:
    weak = lambda t: _comes(lambda _: "cell phone")(t).model_copy(update={"score": 0.22})  # noqa: E731
    assert [item.incident for item in play(20, weak) if item.change == "opened"] == ["stopped-vehicle"]


def _faint(top: float, bottom: float) -> DetectedObject:
    return thing("car", 0.35, bottom, 0.2, bottom - top, score=0.2)


def test_a_box_of_which_one_edge_alone_moves_has_not_come() -> None:
    """A tree's shadow was a car from its middle to its top, then whole."""
    assert play(30, lambda t: _faint(0.4, 0.4 + min(0.15 + 0.1 * t, 0.3))) == []
    # But that is how one enters the picture which stops as soon as it is whole.
    enters = lambda t: _faint(max(0.9 - 0.1 * t, 0.7), 1.0)  # noqa: E731
    assert [item.incident for item in play(30, enters) if item.change == "opened"] == ["stopped-vehicle"]


def test_what_creeps_has_not_come() -> None:
    """As a shadow does, by a third of its size within a quarter of a minute."""
    creeps = lambda t: _faint(0.5 + 0.006 * min(t, 15.0), 0.75 + 0.006 * min(t, 15.0))  # noqa: E731
    assert play(60, creeps) == []
