"""Boxes of heads: what cells are to say of them, what is read from that, the loss between, and the figures."""

from collections.abc import Iterator
from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import generalized_box_iou_loss

from services.detector.backends.base import Boxes
from services.detector.heads.boxes import found_boxes
from services.detector.heads.net import HeadNet, HeadShape
from shared.geometry import area, intersection
from training.heads.augment import augment_objects
from training.heads.box_figures import average_precision, figures_of, matched
from training.heads.cells import Cells
from training.heads.dataset import IGNORED, DataSet, Objects
from training.heads.fit import Kept, Plan, fit, predict
from training.heads.loss import giou_loss, loss_of
from training.heads.targets import targets

CELLS = Cells(320, 16)


def objects_of(*boxes: tuple[float, float, float, float], size: tuple[int, int] = (320, 256)) -> Objects:
    """Boxes in 0..1 of a picture of (width, height); the classes 1, 2, 1, …."""
    classes = np.arange(len(boxes), dtype=np.int64) % 2 + 1
    return Objects(classes, np.array(boxes, np.float64).reshape(-1, 4), *size)


def perfect(objects: Objects, cells: Cells = CELLS, classes: int = 3) -> Tensor:
    """(K + 4, gh, gw): what a head without fault puts out."""
    label, sides = targets(objects, cells)
    logits = 12 * functional.one_hot(torch.from_numpy(np.maximum(label, 0)), classes).permute(2, 0, 1)
    return torch.cat([logits, torch.from_numpy(sides).nan_to_num(1).log().permute(2, 0, 1)])


def iou(one: NDArray[np.floating], other: NDArray[np.float64]) -> float:
    common = intersection(one[None].astype(np.float64), other[None])[0, 0]
    return float(common / (area(one[None])[0] + area(other[None])[0] - common))


def told(objects: Objects, cells: Cells = CELLS) -> Boxes:
    output = perfect(objects, cells)
    found = found_boxes(torch.softmax(output[:3], 0).numpy(), output[3:].numpy(), 0.5)
    return Boxes(cells.on(objects.width, objects.height).to_picture(found.xyxy), found.scores, found.classes)


@given(
    width=st.integers(60, 2000), height=st.integers(60, 2000), imgsz=st.sampled_from([160, 320, 640]),
    middle=st.tuples(st.floats(0.3, 0.7), st.floats(0.3, 0.7)),
    half=st.tuples(st.floats(0.12, 0.3), st.floats(0.12, 0.3)),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_what_the_cells_are_to_say_gives_the_box_back_on_pictures_of_any_size(
    width: int, height: int, imgsz: int, middle: tuple[float, float], half: tuple[float, float]
) -> None:
    if min(width, height) * imgsz / max(width, height) < 150:
        return  # a strip of a few cells
    (x, y), (w, h) = middle, half
    objects = objects_of((x - w, y - h, x + w, y + h), size=(width, height))
    found = told(objects, Cells(imgsz, 16))
    assert found.classes.tolist() == [1]
    assert iou(found.xyxy[0], objects.boxes[0]) > 0.999


def test_things_that_stand_close_are_told_apart_and_the_smaller_of_two_is_meant() -> None:
    objects = objects_of((0.1, 0.1, 0.8, 0.9), (0.15, 0.15, 0.35, 0.4), (0.85, 0.2, 0.95, 0.5))
    found = told(objects)
    assert sorted(found.classes.tolist()) == [1, 1, 2]
    assert (matched(found, objects)[0] > 0.999).all()
    label, sides = targets(objects, CELLS)
    row, column = int(0.27 * 16), int(0.25 * 20)
    assert label[row, column] == 2
    assert sides[row, column, 0] + sides[row, column, 2] == pytest.approx(0.2 * 20)


def test_cells_between_the_middle_of_a_box_and_its_border_are_not_asked_but_tell_the_box() -> None:
    label, sides = targets(objects_of((0.0, 0.0, 0.8, 1.0)), CELLS)
    assert label[8, 8] == 1
    assert label[8, 1] == IGNORED
    assert sides[8, 1].tolist() == pytest.approx([1.5, 8.5, 14.5, 7.5])
    assert label[8, 17] == 0
    assert np.isnan(sides[8, 17]).all()


def test_a_thing_between_the_middles_of_cells_is_told_by_the_nearest() -> None:
    objects = objects_of((97 / 320, 97 / 256, 103 / 320, 103 / 256))  # ends 1 px before the middle of cell (6, 6)
    label, _ = targets(objects, CELLS)
    assert list(zip(*np.nonzero(label), strict=True)) == [(6, 6)]
    (box,) = told(objects).xyxy * [320, 256, 320, 256]
    assert box.tolist() == pytest.approx([97, 97, 104.8, 104.8], abs=0.01)


def test_a_thing_outside_of_what_the_grid_covers_is_told_by_no_cell() -> None:
    edge = Cells(640, 16)
    place = edge.on(1280, 720)  # 12 px of padding above: the grid begins 4 px into the picture
    assert place.part == (0, 16, 640, 368)
    assert (targets(objects_of((0.4, 0.0, 0.6, 0.01), size=(1280, 720)), edge)[0] == 0).all()
    assert (targets(objects_of((0.4, 0.0, 0.6, 0.05), size=(1280, 720)), edge)[0] != 0).any()


def test_the_loss_is_that_of_torchvision() -> None:
    generator = torch.Generator().manual_seed(0)
    raw, true = torch.randn(50, 4, generator=generator), torch.rand(50, 4, generator=generator) * 5 + 0.1
    sign = torch.tensor([-1, -1, 1, 1])
    wanted = generalized_box_iou_loss(raw.exp() * sign, true * sign)
    assert torch.allclose(giou_loss(raw, true), wanted, atol=1e-5)
    assert torch.allclose(giou_loss(true.log(), true), torch.zeros(50), atol=1e-5)


def test_a_small_thing_counts_as_much_as_a_large_one_and_none_costs_nothing() -> None:
    weights, losses = torch.ones(3), []
    both = objects_of((0.0, 0.0, 0.6, 1.0), (0.8, 0.4, 0.84, 0.44))
    label, sides = (torch.from_numpy(array)[None] for array in targets(both, CELLS))
    small = (sides[..., 0] + sides[..., 2] < 2)[0]
    assert small.sum() == 1
    for wrong in (small, ~small):
        output = perfect(both)
        output[3:, wrong] += 1.0
        losses.append(float(loss_of(output[None], label, sides, weights)))
    assert losses[0] == pytest.approx(losses[1], rel=0.35)
    empty = objects_of()
    label, sides = (torch.from_numpy(array)[None] for array in targets(empty, CELLS))
    assert float(loss_of(perfect(empty)[None], label, sides, weights)) < 1e-3


@pytest.mark.parametrize("mirrored", [False, True])
def test_boxes_move_along_with_an_augmented_picture(mirrored: bool) -> None:
    data = DataSet("x", "patch", ["none", "a"], [], "", "", mirrored=mirrored, photometric=False, cells=CELLS)
    pixels = np.zeros((240, 320, 3), np.uint8)
    objects = Objects(np.array([1, 1]), np.array([(0.3, 0.25, 0.45, 0.5), (0.6, 0.4, 0.65, 0.7)]), 320, 240)
    for channel, (x1, y1, x2, y2) in zip((0, 2), objects.boxes * [320, 240, 320, 240], strict=True):
        pixels[round(y1) : round(y2), round(x1) : round(x2), channel] = 255
    flips = set()
    for seed in range(16):
        moved, there = augment_objects(pixels, objects, data, np.random.default_rng(seed))
        assert moved.shape == pixels.shape
        assert len(there.boxes) == 2
        for channel, box in zip((0, 2), there.boxes, strict=True):
            rows, columns = np.nonzero(moved[..., channel] > 127)
            seen = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / [320, 240, 320, 240]
            assert np.abs(box - seen).max() < 0.012
        flips.add(tuple((there.boxes[0, :2] < there.boxes[1, :2]).tolist()))
    assert len(flips) == (4 if mirrored else 2)


def test_a_thing_that_a_copy_hardly_shows_is_no_longer_one() -> None:
    data = DataSet("x", "patch", ["none", "a"], [], "", "", photometric=False, cells=CELLS)
    objects = Objects(np.array([1, 1]), np.array([(0.0, 0.0, 0.03, 0.03), (0.4, 0.4, 0.6, 0.6)]), 320, 240)
    counts = {
        len(augment_objects(np.zeros((240, 320, 3), np.uint8), objects, data, np.random.default_rng(seed))[1].boxes)
        for seed in range(30)
    }
    assert counts == {1, 2}


class OnPixels(nn.Module):
    """A head with boxes on the colours of each cell, in quarters of it."""

    def __init__(self) -> None:
        super().__init__()
        self.net = HeadNet(HeadShape("patch", 3, (48,), hidden=32, window=3, step=1, boxes=True), dropout=0.1)

    def forward(self, kept: Tensor) -> Tensor:
        outputs: Tensor = self.net.from_condensed(functional.pixel_unshuffle(kept, 4))
        return outputs


def drawn(count: int, seed: int) -> tuple[Kept, list[Objects]]:
    """Red and blue rectangles on noise; pictures of two sizes."""
    rng = np.random.default_rng(seed)
    inputs, labels, sides, all_objects = [], [], [], []
    for number in range(count):
        width, height = (192, 128) if number % 3 else (128, 192)
        cells = Cells(192, 16)
        picture = rng.normal(0, 0.2, (height, width, 3)).astype(np.float32)
        boxes = []
        for index, left in enumerate(rng.permutation([4, width // 2 + 4])[: rng.integers(1, 3)]):
            x, y = left + rng.integers(0, 16), rng.integers(0, height - 60)
            w, h = rng.integers(24, width // 2 - 20), rng.integers(24, 60)
            cv2.rectangle(
                picture, (int(x), int(y)), (int(x + w) - 1, int(y + h) - 1), [(2, 0, 0), (0, 0, 2)][index], -1
            )
            boxes.append((x / width, y / height, (x + w) / width, (y + h) / height))
        objects = objects_of(*boxes, size=(width, height))
        label, distances = targets(objects, cells)
        inputs.append(functional.avg_pool2d(torch.from_numpy(picture).permute(2, 0, 1), 4))
        labels.append(torch.from_numpy(label))
        sides.append(torch.from_numpy(distances))
        all_objects.append(objects)
    return Kept([inputs], [labels], [sides]), all_objects


@pytest.fixture
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other take ten times as long where other work has the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_one_thread")
def test_training_learns_classes_and_boxes_together_on_pictures_of_different_sizes() -> None:
    torch.manual_seed(0)
    module, (train, _), (val, objects) = OnPixels(), drawn(60, 1), drawn(20, 2)
    history = fit(module, train, val, 3, Plan(epochs=25, lr=1e-2))
    assert history.val_loss[history.best] < 0.4 * history.val_loss[0]
    outputs = list(predict(module, val.inputs[0]))
    assert {tuple(output.shape) for output in outputs} == {(7, 8, 12), (7, 12, 8)}
    groups = [str(number) for number in range(20)]
    found = figures_of(outputs, objects, groups, Cells(192, 16), 3, 1.0, 0.5)
    assert found.recall > 0.8
    assert found.iou > 0.65
    assert found.f1_interval[0] <= found.f1 <= found.f1_interval[1]


def test_class_weights_are_taken_back_from_the_logits_and_leave_the_boxes_alone() -> None:
    torch.manual_seed(0)
    (train, _), (val, _) = drawn(9, 3), drawn(9, 4)
    biases = []
    for balanced in (True, False):
        torch.manual_seed(0)
        module = OnPixels()
        before = module.net.decide[-1].bias.detach().clone()  # type: ignore[union-attr, operator]
        fit(module, train, val, 3, Plan(epochs=1, lr=1e-12, weight_decay=0.0, balanced=balanced))
        biases.append(module.net.decide[-1].bias.detach() - before)  # type: ignore[operator]
    assert torch.allclose(biases[1], torch.zeros(7), atol=1e-6)
    assert (biases[0][:3].abs() > 0.1).all()
    assert torch.allclose(biases[0][3:], torch.zeros(4), atol=1e-6)


def test_each_labelled_box_is_found_once_and_only_by_its_class() -> None:
    objects = objects_of((0.1, 0.1, 0.3, 0.3), (0.5, 0.5, 0.9, 0.9))
    xyxy = np.array(
        [(0.1, 0.1, 0.3, 0.29), (0.1, 0.1, 0.3, 0.3), (0.5, 0.5, 0.9, 0.9), (0.7, 0.5, 0.95, 0.9)], np.float32
    )
    found = Boxes(xyxy, np.array([0.9, 0.8, 0.7, 0.6], np.float32), np.array([1, 1, 1, 2]))
    assert matched(found, objects)[0].round(2).tolist() == [0.95, 0, 0, 0]
    right = Boxes(xyxy, found.scores, np.array([1, 1, 2, 2]))
    assert matched(right, objects)[0].round(2).tolist() == [0.95, 0, 1, 0]
    assert matched(right, objects)[1].tolist() == [0, -1, 1, -1]


def test_average_precision_is_that_of_the_books() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6], np.float32)
    assert average_precision(scores, np.array([True, True, False, False]), 2) == 1
    assert average_precision(scores, np.array([False, True, True, False]), 4) == pytest.approx(2 / 3 * 2 / 4)
    assert average_precision(scores[:0], np.zeros(0, bool), 3) == 0


def test_a_perfect_head_has_perfect_figures_and_a_threshold_above_all_finds_nothing() -> None:
    many = [objects_of((0.1, 0.1, 0.3, 0.4), (0.5, 0.5, 0.9, 0.9)), objects_of(), objects_of((0.2, 0.2, 0.6, 0.7))]
    outputs = [perfect(objects) for objects in many]
    best = figures_of(outputs, many, ["a", "b", "c"], CELLS, 3, 1.0, 0.5)
    assert (best.precision, best.recall, best.f1, best.ap50, best.labelled) == (1, 1, 1, 1, 3)
    assert best.iou == pytest.approx(1)
    # Of an input of 320x256 px: 64x77, 128x102 and 128x128 px.
    assert best.by_size == (None, 1, 1)
    cold = figures_of([torch.cat([output[:3] / 4, output[3:]]) for output in outputs], many, ["a", "b", "c"], CELLS, 3,
                      1.0, 0.99)  # fmt: skip
    assert (cold.recall, cold.f1, cold.iou, cold.ap50) == (0, 0, 0, 1)


@pytest.mark.parametrize(("label", "left"), [(1, 1), (2, 2)])
def test_a_part_of_a_thing_is_not_told_again_but_another_class_before_it_is(label: int, left: int) -> None:
    probabilities, sides = np.zeros((3, 10, 10)), np.zeros((4, 10, 10))
    probabilities[0] = 1
    for place, own, reach in (((5, 5), 1, 4.0), ((3, 3), label, 1.0)):  # 8x8 cells, and 2x2 within
        probabilities[:, *place] = 0
        probabilities[own, *place] = 1
        sides[:, *place] = np.log(reach)
    assert len(found_boxes(probabilities, sides, 0.5).scores) == left


def test_the_surest_come_first_and_one_thing_comes_once() -> None:
    found = told(objects_of((0.1, 0.1, 0.5, 0.5), (0.6, 0.6, 0.9, 0.9)))
    assert len(found.scores) == 2
    assert all(one >= other for one, other in pairwise(found.scores))
