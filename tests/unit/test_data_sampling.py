"""Which frames to label next: the doubtful ones, from all cameras, no two of the same moment."""

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.clock import NS
from shared.heads import HeadResult
from training.data.capture import Capture
from training.data.near import look
from training.data.sampling import Candidate, choose
from training.data.uncertainty import Doubt, Seen, doubts

STEP = NS // 5
CAR, FAR = (100, 100, 140, 130), (500, 300, 540, 330)


def frame(index: int, *rows: tuple[tuple[int, int, int, int], float]) -> Seen:
    boxes = np.array([box for box, _ in rows], np.float64).reshape(-1, 4)
    return Seen(index * STEP, boxes, np.array([score for _, score in rows], np.float32))


def test_the_box_nearest_to_one_half_decides_and_certain_or_empty_frames_have_no_doubt() -> None:
    found = doubts([frame(0, (CAR, 0.9), (FAR, 0.45)), frame(10), frame(20, (CAR, 1.0))])
    assert [round(item.unsure, 3) for item in found] == [0.9, 0, 0]
    assert found[0].reason == "a box has score 0.45"
    assert found[1].reason == "nothing doubtful"


def test_what_is_on_one_frame_only_and_what_one_frame_lacks_flickers() -> None:
    steady = [((100 + 15 * index, 100, 140 + 15 * index, 130), 0.9) for index in range(5)]
    found = doubts([frame(index, row, *([(FAR, 0.6)] if index == 2 else [])) for index, row in enumerate(steady)])
    assert [(item.single, item.missed) for item in found] == [(0, 0), (0, 0), (1, 0), (0, 0), (0, 0)]
    found = doubts([frame(index, *([] if index == 2 else [row])) for index, row in enumerate(steady)])
    assert [(item.single, item.missed) for item in found] == [(0, 0), (0, 0), (0, 1), (0, 0), (0, 0)]
    assert found[2].reason == "1 missing on this frame only"
    assert found[2].score == 0.5


def test_a_head_that_is_torn_between_two_labels_is_as_doubtful_as_a_box() -> None:
    def said(name: str, *values: float) -> HeadResult:
        probabilities = dict(zip(("clear", "rain", "dark"), values, strict=True))
        return HeadResult(name=name, version=f"{name}@1", label="clear", score=values[0], probabilities=probabilities)

    empty = frame(0)
    heads = said("sure", 0.98, 0.01, 0.01), said("torn", 0.5, 0.1, 0.4)
    (found,) = doubts([Seen(0, empty.xyxy, empty.scores, heads)])
    assert (round(found.uncertain, 3), round(found.score, 3), found.unsure) == (0.9, 0.9, 0)
    assert found.reason == "torn: clear 0.50 or dark 0.40"
    (found,) = doubts([Seen(0, empty.xyxy, empty.scores, heads[:1])])
    assert found.uncertain < 0.05
    assert found.reason == "nothing doubtful"
    boxes = frame(0, (CAR, 0.5))
    (found,) = doubts([Seen(0, boxes.xyxy, boxes.scores, heads)])
    assert found.score == 1.0


def test_frames_far_apart_in_time_are_no_neighbours() -> None:
    apart = [Seen(index * 10 * NS, item.xyxy, item.scores) for index, item in enumerate(
        [frame(0), frame(1, (CAR, 0.9)), frame(2)])]  # fmt: skip
    assert [item.single for item in doubts(apart)] == [0, 0, 0]


def candidate(camera: str, second: float, score: float, seed: int) -> Candidate:
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 8), np.uint8)
    picture = np.asarray(cv2.resize(coarse, (64, 64), interpolation=cv2.INTER_NEAREST), np.uint8)
    return Candidate(Capture(camera, round(second * NS)), Doubt(score, 0.5, 0, 0), look(picture))


def test_cameras_take_turns_and_each_gives_its_most_doubtful_frame() -> None:
    rows = [candidate("a", 20 * n, 0.9 - n / 100, n) for n in range(5)]
    rows += [candidate("b", 20 * n, n / 10, 9 + n) for n in range(5)]
    chosen = [(item.capture.camera, item.capture.time // NS) for item in choose(rows, 4, gap_s=10)]
    assert chosen == [("a", 0), ("b", 80), ("a", 20), ("b", 60)]


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(st.tuples(st.sampled_from("abc"), st.integers(0, 60)), st.floats(0, 1), max_size=25),
    st.integers(1, 12),
)
def test_no_two_of_a_camera_are_closer_than_the_gap_and_as_many_as_fit_are_taken(
    rows: dict[tuple[str, int], float], count: int
) -> None:
    items = [candidate(*moment, score, seed) for seed, (moment, score) in enumerate(rows.items())]
    chosen = choose(items, count, gap_s=10)
    assert len(chosen) <= count
    for one in chosen:
        for other in chosen:
            if one is not other and one.capture.camera == other.capture.camera:
                assert abs(one.capture.time - other.capture.time) >= 10 * NS
    if len(chosen) < count:
        for item in items:
            same = [other for other in chosen if other.capture.camera == item.capture.camera]
            assert any(abs(other.capture.time - item.capture.time) < 10 * NS for other in same)


def test_what_looks_like_a_chosen_frame_teaches_nothing_new() -> None:
    chosen = choose([candidate("a", 0, 0.9, 1), candidate("b", 50, 0.8, 1), candidate("b", 90, 0.1, 2)], 3, gap_s=10)
    assert [(item.capture.camera, item.capture.time // NS) for item in chosen] == [("a", 0), ("b", 90)]
