"""Drawn training frames: reproducible, and their boxes lie where the things are."""

from pathlib import Path

import numpy as np
import pytest

from tests.training_data import assert_same_frame
from training.data.auto_cutouts import cut_all
from training.data.problems import Problems
from training.data.roadside import Roadside
from training.data.yolo_folder import read_folder
from training.detector.classes import COCO, NEW, own_class

pytestmark = pytest.mark.shared


def test_the_same_seed_draws_the_same_frames(shared_dir: Path) -> None:
    first, second = Roadside([], 4), Roadside([], 4)
    for _ in range(3):
        assert_same_frame(first.frame(), second.frame())


def test_boxes_lie_in_the_picture_and_have_our_classes(shared_dir: Path) -> None:
    roadside, seen, shapes = Roadside([], 1), set(), set()
    for _ in range(24):
        picture, labels, _ = roadside.frame()
        height, width = picture.shape[:2]
        shapes.add((height, width))
        assert len(labels.classes) == len(labels.boxes)
        assert (labels.boxes[:, 2:] > labels.boxes[:, :2]).all()
        assert (labels.boxes >= 0).all()
        assert (labels.boxes <= [width, height, width, height]).all()
        seen |= set(labels.classes)
    assert seen <= {*COCO, *NEW}
    assert {"person", "car", "animal", "object"} <= {own_class(label) for label in seen}
    assert shapes == {(720, 1280), (384, 640)}, "whole views and close-ups"


def test_a_labelled_thing_stands_out_from_the_road_around_its_box(shared_dir: Path) -> None:
    """Boxes that are shifted by their own width lie on the road: there the picture is much smoother."""
    roadside, inside, beside = Roadside([], 7), [], []
    for _ in range(16):
        picture, labels, _ = roadside.frame()
        grey = picture.mean(axis=2)
        for label, box in zip(labels.classes, labels.boxes.round().astype(int).tolist(), strict=True):
            x1, y1, x2, y2 = box
            width = x2 - x1
            if label == "person" and x2 + width < grey.shape[1] and y2 - y1 >= 16 and width > 3:
                inside.append(grey[y1:y2, x1:x2].std())
                beside.append(grey[y1:y2, x1 + width : x2 + width].std())
    assert len(inside) > 5
    assert np.median(inside) > 1.5 * np.median(beside)


def test_cut_outs_are_cut_from_objects_that_stand_free(shared_dir: Path) -> None:
    items = read_folder(shared_dir / "data" / "coco256", COCO, Problems())
    chosen = [(item.path, item.objects) for item in items if int(item.path.stem) in (192, 307, 5992)]
    found = list(cut_all(chosen))
    assert found
    for item in found:
        rows, columns = item.cutout.alpha.shape
        assert item.cutout.colour.shape == (rows, columns, 3)
        assert 0.2 < item.cutout.alpha.mean() < 0.95
