"""Drawn frames from above: reproducible, boxes where the vehicles are, dev without the test split's vehicles."""

from pathlib import Path

import numpy as np
import pytest

from tests.training_data import assert_same_frame
from training.data.drawing import draw_block
from training.data.overhead import Overhead
from training.data.overhead_solids import Solid
from training.data.overhead_vehicles import Sun, draw_solid, placed_box
from training.data.overhead_view import DownwardView, turned
from training.data.roadside import Roadside
from training.detector.classes import COCO, NEW
from training.scenes import parking_vehicles
from training.scenes.overhead import STANDS


def test_pixels_and_ground_are_each_others_inverse() -> None:
    view = DownwardView(768, 432, 820.0, 12.0, 0.4)
    pixels = np.array([(0.0, 0.0), (768.0, 432.0), (100.0, 300.0), (384.0, 216.0)])
    ground = view.ground(pixels)
    assert view.flat(ground) == pytest.approx(pixels)
    assert ground[3] == pytest.approx([0.0, 0.0], abs=1e-9)


def test_what_is_high_leans_away_from_the_middle() -> None:
    view = DownwardView(768, 432, 800.0, 10.0, 0.0)
    foot, top = view.project(np.array([(2.0, 0.0, 0.0), (2.0, 0.0, 3.0)]))
    assert top[0] > foot[0] > 384


def test_a_turn_keeps_distances() -> None:
    points = np.array([(1.0, 0.0), (0.0, 2.0)])
    assert np.linalg.norm(turned(points, 0.7), axis=1) == pytest.approx([1.0, 2.0])


def test_a_solid_is_drawn_inside_its_box_and_fills_it() -> None:
    view = DownwardView(640, 384, 800.0, 20.0, 0.3)
    solid = Solid("car", 4.0, np.array([(2.0, -0.9), (2.0, 0.9), (-2.0, 0.9), (-2.0, -0.9)]), 1.5)
    solid.block((0.0, 0.0), (4.0, 1.8), (0.0, 1.5), np.array((240.0, 240.0, 240.0)))
    place = np.array([1.0, -2.0, 0.5])
    picture = np.full((384, 640, 3), 60, np.uint8)
    draw_solid(np.random.default_rng(0), picture, view, solid, place, Sun(np.array([1.0, 0.0]), 0.5))
    rows, columns = np.nonzero(picture.min(axis=2) > 110)
    found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert found == pytest.approx(placed_box(view, solid, place), abs=2.5)
    assert (picture < 50).any(), "the shadow"


@pytest.mark.shared
def test_the_same_seed_draws_the_same_frames(shared_dir: Path) -> None:
    first, second = Overhead(4), Overhead(4)
    second.frame()
    second.restart((4,))
    for _ in range(2):
        assert_same_frame(first.frame(), second.frame())


@pytest.mark.shared
def test_boxes_lie_in_the_picture_and_things_stand_out(shared_dir: Path) -> None:
    overhead, seen, lengths = Overhead(1), set(), []
    for _ in range(10):
        picture, labels, _ = overhead.frame()
        height, width = picture.shape[:2]
        assert len(labels.classes) == len(labels.boxes)
        assert (labels.boxes[:, 2:] > labels.boxes[:, :2]).all()
        assert (labels.boxes >= 0).all()
        assert (labels.boxes <= [width, height, width, height]).all()
        seen |= set(labels.classes)
        cars = labels.boxes[[label == "car" for label in labels.classes]]
        lengths += (cars[:, 2:] - cars[:, :2]).max(axis=1).tolist()
    assert {"car", "truck"} <= seen <= {*COCO, *NEW}
    assert "person" not in seen
    assert min(lengths) < 60, "far"
    assert max(lengths) > 200, "near"


@pytest.mark.shared
def test_dev_has_the_clips_first_vehicle_only(shared_dir: Path) -> None:
    """Frames in which a vehicle of the test split is to be seen begin after the last one that dev stands in."""
    dev, test = ({frame for frame, _, _ in parking_vehicles.CHOSEN[split]} for split in ("dev", "test"))
    first_of_test = min(stand.empty[0] for stand in STANDS["test"])
    assert max(dev) < 100 < first_of_test
    assert min(test) > max(stand.empty[1] for stand in STANDS["test"][:1])
    for cutout in parking_vehicles.vehicles("dev"):
        spread = cutout.colour.max(axis=2).astype(int) - cutout.colour.min(axis=2)
        assert np.percentile(spread[cutout.alpha > 0.9], 95) < 40, "the white car; test has a red one"


@pytest.mark.shared
def test_a_cut_out_is_a_vehicle_without_the_tarmac_around_it(shared_dir: Path) -> None:
    for split in ("dev", "test"):
        for cutout in parking_vehicles.vehicles(split):
            rows, columns = cutout.alpha.shape
            assert 180 < rows < 400
            assert 1.3 < rows / columns < 2.2
            assert 0.6 < cutout.alpha.mean() < 0.95
            assert cutout.alpha[[0, 0, -1, -1], [0, -1, 0, -1]].max() < 0.2, "the corners are cut away"


@pytest.mark.shared
def test_one_in_five_training_frames_is_seen_from_above(shared_dir: Path, tmp_path: Path) -> None:
    frames = list(draw_block((Roadside([], 3), Overhead(3)), 20, 8, 3, tmp_path))
    assert [path.name for path, _ in frames] == [f"drawn-{number:06d}.jpg" for number in range(20, 28)]
    overhead = Overhead(3)
    overhead.restart((3, 20))
    for path, labels in frames[3:]:
        picture, expected, _ = overhead.frame()
        height, width = picture.shape[:2]
        assert path.is_file()
        assert labels.classes == expected.classes
        assert labels.boxes * [width, height, width, height] == pytest.approx(expected.boxes)
