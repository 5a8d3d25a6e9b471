"""How two versions of a head are compared on one frame, and summed up per camera and minute."""

import pytest

from services.detector.compare_heads import HeadTally, compare_heads
from services.detector.sums import total
from services.detector.window import Window
from shared.heads import HeadResult
from shared.messages import Detections, FrameRef


def said(label: str, normal: float, version: str = "pavement@1", name: str = "pavement") -> HeadResult:
    probabilities = {"intact": normal, "damaged": round(1 - normal, 4)}
    return HeadResult(name=name, version=version, label=label, score=probabilities[label], probabilities=probabilities)


NEW = "pavement@2"
PAIR = ("pavement", "pavement@1", NEW)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (said("intact", 0.9), said("intact", 0.8, NEW), HeadTally(1, 1, 0, 0, 0.1)),
        (said("damaged", 0.3), said("damaged", 0.1, NEW), HeadTally(1, 1, 0, 0, 0.2)),
        (said("damaged", 0.3), said("intact", 0.7, NEW), HeadTally(1, 0, 1, 0, -0.4)),
        (said("intact", 0.7), said("damaged", 0.3, NEW), HeadTally(1, 0, 0, 1, 0.4)),
    ],
)
def test_one_frame(old: HeadResult, new: HeadResult, expected: HeadTally) -> None:
    (tally,) = compare_heads([old], [new]).values()
    assert (tally.frames, tally.agreed, tally.only_production, tally.only_candidate) == (
        expected.frames, expected.agreed, expected.only_production, expected.only_candidate,
    )  # fmt: skip
    assert tally.difference == pytest.approx(expected.difference)


def test_two_states_that_are_both_not_normal_differ_without_one_that_is_alone() -> None:
    probabilities = {"clear": 0.1, "fog": 0.5, "rain": 0.4}
    fog = HeadResult(name="visibility", version="a", label="fog", score=0.5, probabilities=probabilities)
    rain = fog.model_copy(update={"version": "b", "label": "rain", "score": 0.4})
    assert compare_heads([fog], [rain]) == {("visibility", "a", "b"): HeadTally(frames=1)}


def test_a_head_that_judged_in_one_only_is_not_compared() -> None:
    other = said("intact", 0.9, name="other")
    assert compare_heads([said("intact", 0.9), other], []) == {}
    assert list(compare_heads([said("intact", 0.9), other], [said("intact", 0.9, NEW)])) == [PAIR]
    assert compare_heads([], [other]) == {}


def test_frames_are_summed_by_head_and_versions_and_told_as_means() -> None:
    frames = [
        compare_heads([said("intact", 0.9)], [said("intact", 0.7, NEW)]),
        {},
        compare_heads([said("damaged", 0.2)], [said("intact", 0.6, NEW)]),
        compare_heads([said("intact", 0.9)], [said("intact", 0.9, "pavement@3")]),
    ]
    sums = total(frames)
    assert list(sums) == [PAIR, ("pavement", "pavement@1", "pavement@3")]
    ref = FrameRef(topic="frames", partition=0, offset=1, captured_at=1)
    detections = Detections(camera="cam", seq=1, frame=ref, width=64, height=48, model="m@1", objects=[])
    window = Window(detections, "m@1")
    for heads in frames:
        window.add(detections, {}, heads, production_s=0.01, candidate_s=0.01)
    first, second = window.message().heads
    assert (first.production, first.candidate, first.frames, first.agreed) == ("pavement@1", NEW, 2, 1)
    assert (first.only_production, first.only_candidate, first.mean_difference) == (1, 0, -0.1)
    assert (second.candidate, second.frames, second.agreed, second.mean_difference) == ("pavement@3", 1, 1, 0.0)
