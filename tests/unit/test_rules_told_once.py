"""One thing is one incident, though the detector and the memory of the road tell of it by turns."""

from shared.clock import NS
from shared.messages import Box, DetectedObject
from tests.unit.analyzer_helpers import FPS, Mover, still, stopping, thing
from tests.unit.test_rules_unfamiliar import PLACE, play


def test_what_was_told_holds_while_the_memory_has_a_doubt_there() -> None:
    # A bag of 14 px was one sure patch or two by turns: it was told a second time after 12 s of one.
    part: Box = (PLACE[0], PLACE[1], 0.32, PLACE[3])
    changes = play(0, 60, (10, 60), doubted=(20, 50, part))
    assert [change.change for change in changes] == ["opened"]
    whole: Box = (0.1, 0.1, 0.7, 0.9)  # a shadow all over the lane, under which it lies
    assert [change.change for change in play(0, 60, (10, 60), doubted=(20, 50, whole))] == ["opened"]
    elsewhere: Box = (0.30, 0.60, 0.34, 0.66)
    changes = play(0, 60, (10, 60), doubted=(20, 50, elsewhere))
    assert [change.change for change in changes] == ["opened", "closed", "opened"]
    gone = play(0, 60, (10, 45), doubted=(20, 60, whole))
    assert [change.change for change in gone] == ["opened", "closed"]
    assert 44 * NS < (gone[1].ended_at or 0) <= 45 * NS
    assert gone[1].box == PLACE


def fading(t: float) -> DetectedObject:
    """A thing that is called a car, with less and less score."""
    return thing("car", 0.32, 0.56, 0.04, 0.06, score=0.4 if t < 14 else 0.12)


def test_what_was_told_as_a_vehicle_is_not_told_again_when_the_name_fades() -> None:
    changes = play(0, 60, (2, 60), fading)
    assert [(change.incident, change.change) for change in changes] == [("stopped-vehicle", "opened")]
    assert changes[0].detected_at < 14 * NS


def test_what_was_told_as_a_vehicle_holds_while_the_memory_sees_it() -> None:
    changes = play(0, 70, (2, 50), still("car", 0.32, 0.56, end=16))
    assert [(change.incident, change.change) for change in changes] == [
        ("stopped-vehicle", "opened"), ("stopped-vehicle", "closed")
    ]  # fmt: skip
    assert 49 * NS < (changes[1].ended_at or 0) <= 50 * NS
    assert changes[1].score < 1

    def drives_on(t: float) -> DetectedObject | None:
        return still("car", 0.32, 0.56)(t) if t < 16 else thing("car", 0.32, 0.56 + 0.1 * (t - 16)) if t < 19 else None

    changes = play(0, 60, (2, 50), drives_on)  # and what it has lost lies there
    assert [(change.incident, change.change) for change in changes][:2] == [
        ("stopped-vehicle", "opened"), ("stopped-vehicle", "closed")
    ]  # fmt: skip
    assert (changes[1].ended_at or 0) <= 20 * NS
    assert ("obstacle-on-lane", "opened") in [(change.incident, change.change) for change in changes]


def test_what_was_told_without_a_name_is_not_told_again_as_a_vehicle() -> None:
    def named_late(t: float) -> DetectedObject | None:
        return thing("car", 0.32, 0.56, 0.04, 0.06, score=0.5) if t >= 12 else None

    changes = play(0, 40, (2, 40), named_late)
    assert [(change.incident, change.label) for change in changes if change.change == "opened"] == [
        ("obstacle-on-lane", "unknown object")
    ]


def test_traffic_that_lends_a_thing_its_way_does_not_make_it_a_vehicle() -> None:
    place: Box = (0.28, 0.40, 0.42, 0.62)

    def lent(label: str) -> Mover:
        def mover(t: float) -> DetectedObject | None:
            return thing(label, 0.35, min(0.3 + 0.3 * (t - 20), 0.62), 0.14, 0.22) if t >= 20 else None

        return mover

    opened = [item for item in play(0, 50, (2, 50), lent("cell phone"), place=place) if item.change == "opened"]
    assert [(item.incident, item.label) for item in opened] == [("obstacle-on-lane", "unknown object")]
    # The same way under a vehicle's name is that of a car which has driven up to it.
    opened = [item for item in play(0, 50, (2, 50), lent("car"), place=place) if item.change == "opened"]
    assert [item.incident for item in opened] == ["obstacle-on-lane", "stopped-vehicle"]


def test_what_its_name_leaves_of_a_thing_is_told_once() -> None:
    # A thing of 19 px was "car" at 0.2 to 0.4: the memory told what lies below that box, and the rule then the box.
    below: Box = (0.30, 0.50, 0.36, 0.54)

    def seldom(t: float) -> DetectedObject | None:
        seen = t >= 14 or round(t * FPS) % 50 == 0
        return thing("car", 0.32, 0.505, 0.06, 0.06, score=0.32) if seen else None

    changes = play(0, 60, (2, 60), seldom, place=below)
    assert [(item.incident, item.label) for item in changes if item.change == "opened"] == [
        ("obstacle-on-lane", "unknown object")
    ]

    # In snow the memory told the shadow of one that was "car" all the time.
    def shaded(t: float) -> DetectedObject | None:
        return thing("car", 0.33, 0.505, 0.08, 0.12, score=0.5) if t >= 2 else None

    changes = play(0, 60, (2, 60), shaded, place=below)
    assert [(item.incident, item.label) for item in changes if item.change == "opened"] == [
        ("obstacle-on-lane", "unknown object")
    ]

    def larger(t: float) -> DetectedObject | None:
        return thing("truck", 0.32, 0.505, 0.15, 0.3) if t >= 14 else None

    changes = play(0, 60, (2, 60), larger, place=below)
    assert {item.incident for item in changes if item.change == "opened"} == {"obstacle-on-lane", "stopped-vehicle"}


def test_a_vehicle_that_drives_up_to_a_thing_and_stops_is_told_beside_it() -> None:
    changes = play(0, 40, (2, 40), stopping("car", 0.33, stop_y=0.57, stop_s=15.0))
    assert {change.incident for change in changes if change.change == "opened"} == {
        "obstacle-on-lane", "stopped-vehicle"
    }  # fmt: skip
