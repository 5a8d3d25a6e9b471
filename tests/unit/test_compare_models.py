"""How two models are compared on one picture, and summed up per camera and minute."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.detector.compare import Tally, compare
from services.detector.sums import total
from services.detector.window import Window
from shared.clock import NS
from shared.messages import DetectedObject, Detections, FrameRef

BOX = (0.1, 0.1, 0.3, 0.3)


def thing(label: str = "car", score: float = 0.8, box: tuple[float, float, float, float] = BOX) -> DetectedObject:
    return DetectedObject(label=label, score=score, box=box)


def test_a_pair_gives_its_overlap_and_what_the_candidate_is_surer_by() -> None:
    (tally,) = compare([thing(score=0.5)], [thing(score=0.75, box=(0.1, 0.1, 0.3, 0.26))]).values()
    assert (tally.agreed, tally.only_production, tally.only_candidate) == (1, 0, 0)
    assert tally.iou == pytest.approx(0.8)
    assert tally.score == pytest.approx(0.25)


def test_boxes_far_apart_weak_ones_and_those_of_other_classes_are_no_pair() -> None:
    found = compare(
        [thing(), thing("person", box=(0.5, 0.5, 0.6, 0.9)), thing("dog", score=0.29)],
        [thing("truck"), thing("person", box=(0.7, 0.5, 0.8, 0.9)), thing("dog", score=0.31)],
    )
    assert found == {
        "car": Tally(only_production=1),
        "dog": Tally(only_candidate=1),
        "person": Tally(only_production=1, only_candidate=1),
        "truck": Tally(only_candidate=1),
    }


def test_each_box_has_one_partner_and_together_they_overlap_most() -> None:
    left, middle, right = (0.0, 0.0, 0.4, 1.0), (0.1, 0.0, 0.5, 1.0), (0.2, 0.0, 0.6, 1.0)
    # The middle ones are equal; left and right overlap by a third only.
    (tally,) = compare([thing(box=middle), thing(box=left)], [thing(box=middle), thing(box=right)]).values()
    assert (tally.agreed, tally.only_production, tally.only_candidate) == (1, 1, 1)
    assert tally.iou == pytest.approx(1.0)
    (tally,) = compare([thing(box=left), thing(box=middle)], [thing(box=middle)]).values()
    assert (tally.agreed, tally.only_production) == (1, 1)
    assert tally.iou == pytest.approx(1.0)


def test_an_empty_picture_has_no_classes() -> None:
    assert compare([], []) == {}
    assert compare([], [thing()]) == {"car": Tally(only_candidate=1)}


corner, side = st.floats(0, 0.5), st.floats(0.05, 0.5)
things = st.lists(
    st.builds(
        lambda label, score, x, y, w, h: thing(label, score, (x, y, x + w, y + h)),
        st.sampled_from(["car", "person"]), st.floats(0, 1), corner, corner, side, side,
    ),
    max_size=6,
)  # fmt: skip


@given(things, things)
def test_turned_round_the_comparison_says_the_same(first: list[DetectedObject], second: list[DetectedObject]) -> None:
    one, other = compare(first, second), compare(second, first)
    assert one.keys() == other.keys()
    for label, tally in one.items():
        back = other[label]
        assert tally.agreed + tally.only_production == back.agreed + back.only_candidate
        assert sum(item.label == label and item.score >= 0.3 for item in first) == tally.agreed + tally.only_production


def test_sums_over_pictures_are_by_class() -> None:
    one, two = {"car": Tally(1, 2, 3, 0.9, 0.1)}, {"car": Tally(1, 0, 0, 0.7, -0.3), "bus": Tally(0, 1, 0)}
    sums = total([one, two])
    assert list(sums) == ["bus", "car"]
    assert sums["car"] == Tally(2, 2, 3, pytest.approx(1.6), pytest.approx(-0.2))


def at(seconds: float, *, model: str = "road@1") -> Detections:
    ref = FrameRef(topic="frames", partition=0, offset=0, captured_at=round(seconds * NS))
    return Detections(camera="cam", seq=0, frame=ref, width=64, height=48, model=model, objects=[])


def test_a_window_holds_one_minute_of_two_versions_and_says_means() -> None:
    window = Window(at(60), "road@2")
    for seconds in (60, 119.9):
        assert window.takes(at(seconds), "road@2")
        window.add(at(seconds), {"car": Tally(2, 1, 0, 1.5, 0.2)}, {}, production_s=0.01, candidate_s=0.03)
    assert not window.takes(at(120), "road@2")
    assert not window.takes(at(61), "road@3")
    assert not window.takes(at(61, model="road@2"), "road@2")
    message = window.message()
    assert (message.start, message.end, message.frames) == (60 * NS, round(119.9 * NS), 2)
    assert (message.production, message.candidate) == ("road@1", "road@2")
    assert (message.production_ms, message.candidate_ms) == (10.0, 30.0)
    (car,) = message.classes
    assert (car.agreed, car.only_production, car.mean_iou, car.mean_score_difference) == (4, 2, 0.75, 0.1)


def test_without_a_pair_there_is_no_mean() -> None:
    window = Window(at(0), "road@2")
    window.add(at(0), {"car": Tally(only_candidate=1)}, {}, production_s=0, candidate_s=0)
    (car,) = window.message().classes
    assert car.mean_iou is None
    assert car.mean_score_difference is None
