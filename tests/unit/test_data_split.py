"""Training and test pictures: no scene on both sides, and what was held out once stays held out."""

from pathlib import Path

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shared.clock import NS
from training.data.capture import Capture, capture_of, picture_name
from training.data.coco_split import held_out
from training.data.problems import Problems
from training.data.split import Split, divide, split_folder
from training.heads.folder import read_folder

GAP_S = 600.0
CAPTURES = st.builds(Capture, st.sampled_from(["a", "b_c", "a2-km41"]), st.integers(0, 40_000).map(lambda s: s * NS))


def name(camera: str, seconds: float) -> str:
    return picture_name(Capture(camera, round(seconds * NS)))


@given(st.sampled_from(["a", "b_c", "x.y-1"]), st.integers(0, 4 * 10**18))
def test_a_name_says_camera_and_time(camera: str, time: int) -> None:
    capture = Capture(camera, time)
    assert capture_of(f"images/{picture_name(capture)}") == capture
    assert capture_of(picture_name(capture).replace(".jpg", "-3.jpg")) == capture


def test_other_names_say_nothing_and_nanoseconds_are_understood() -> None:
    for other in ("IMG_0001.jpg", "frame_000123.png", "000000000241.jpg", "cam_20261399T000000Z.jpg", "photo.jpg"):
        assert capture_of(other) is None
    assert capture_of("cam_1777617000250000000.jpg") == Capture("cam", 1_777_617_000_250_000_000)


def closest(result: Split) -> float:
    """Seconds between the nearest two pictures of one camera on different sides."""
    sides = [(capture, side) for n, side in result.sides().items() if (capture := capture_of(n)) and side != "between"]
    return min(
        (
            abs(one.time - other.time) / NS
            for one, side in sides
            for other, far in sides
            if side != far and one.camera == other.camera
        ),
        default=float("inf"),
    )


@given(st.sets(CAPTURES, max_size=60), st.sets(CAPTURES, max_size=30))
def test_no_pictures_of_one_camera_within_the_gap_are_on_both_sides_and_growth_changes_no_side(
    first: set[Capture], more: set[Capture]
) -> None:
    before = divide(map(picture_name, first), GAP_S, 0.5)
    assert closest(before) >= GAP_S
    assert before.between == []
    after = divide(map(picture_name, first | more), GAP_S, 0.5, before)
    assert closest(after) >= GAP_S
    assert before.sides().items() <= after.sides().items()
    assert after.sides().keys() == {picture_name(capture) for capture in first | more}


def test_what_joins_a_test_and_a_train_group_is_kept_from_both() -> None:
    before = Split(train=[name("a", 0)], test=[name("a", 1000)])
    grown = divide([name("a", 0), name("a", 400), name("a", 800), name("a", 1000), name("a", 1400)], earlier=before)
    assert grown.between == [name("a", 400), name("a", 800)]
    assert grown.test == [name("a", 1000), name("a", 1400)]


def test_about_the_share_of_groups_is_held_out_wherever_they_lie() -> None:
    hours = [name("a", 3600 * hour + 2 * frame) for hour in range(1000) for frame in range(3)]
    result = divide(hours, GAP_S, 0.2)
    assert 0.15 < len(result.test) / len(hours) < 0.25
    moved = divide([f"images/deep/{item}" for item in hours], GAP_S, 0.2)
    assert [item.rpartition("/")[2] for item in moved.test] == result.test


def test_pictures_whose_names_say_no_time_stand_alone_and_cocos_keep_their_side() -> None:
    result = divide([f"IMG_{number:04d}.jpg" for number in range(2000)], GAP_S, 0.2)
    assert 0.15 < len(result.test) / 2000 < 0.25
    coco = divide([f"{number:012d}.jpg" for number in range(300)])
    assert coco.test == [f"{number:012d}.jpg" for number in range(300) if held_out(number)]


def test_a_head_is_tested_on_what_its_folders_split_holds_out(tmp_path: Path) -> None:
    names = [f"{label}/{name('a', 3600 * hour)}" for label in ("clear", "fog") for hour in range(40)]
    for item in names:
        (tmp_path / item).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / item), np.full((16, 16, 3), 90, np.uint8))
    split = split_folder(tmp_path, names, GAP_S, 0.3)
    data = read_folder("sight", tmp_path, Problems())
    assert sorted(picture.name for picture in data.of("test")) == split.test
    assert sorted(picture.name for part in ("train", "val") for picture in data.of(part)) == split.train
    assert data.of("val")
