"""Asking the heads: from the feature maps of one pass to one answer per picture and head."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from services.detector.backends.base import Inner
from services.detector.backends.onednn import use_onednn
from services.detector.heads.boxes import GridPlace, found_boxes
from services.detector.heads.decision import decided
from services.detector.heads.find import Head
from services.detector.heads.net import HeadNet
from shared.heads import MOST_COLUMNS, MOST_ROWS, HeadBox, HeadGrid, HeadResult

Part = tuple[int, int, int, int]
"""Left, top, right, bottom, pixels of the input."""


class Panel:
    """The heads of one model.

    Attributes:
        layers: whose outputs they take.
    """

    def __init__(self, heads: Sequence[Head], device: torch.device) -> None:
        self._heads = [(head, head.net.to(device).eval()) for head in heads]
        self.layers = sorted({layer for head in heads for layer in head.spec.layers})
        # On a CPU a picture's answer must not depend, in its last bits, on how many others share the batch. Pooling and
        # oneDNN's convolutions (ADR 5) do not; a product of matrices may. A GPU would wait for each small kernel.
        self._exact = device.type == "cpu"
        if self._exact:
            for _, net in self._heads:
                use_onednn(net)

    @torch.inference_mode()
    def ask(
        self, maps: Mapping[int, Tensor], shape: tuple[int, int], inner: Sequence[Inner | None]
    ) -> list[tuple[HeadResult, ...]]:
        """One entry per picture, each with one answer per head.

        Args:
            maps: layer → (N, C, h, w), on the heads' device, in any floating type.
            shape: (height, width) of the input.
            inner: per picture, where it lies in the input: what lies outside is padding, and no head sees it. Pictures
                that have None are not judged.
        """
        answers: list[tuple[HeadResult, ...]] = [()] * len(inner)
        for where, pictures in self._groups(inner):
            columns = [self._answers(head, net, maps, shape, where, pictures) for head, net in self._heads]
            for index, *results in zip(pictures, *columns, strict=True):
                answers[index] = tuple(results)
        return answers

    def _groups(self, inner: Sequence[Inner | None]) -> list[tuple[Inner, list[int]]]:
        """Pictures that are cut alike and so can go together."""
        groups: defaultdict[Inner, list[int]] = defaultdict(list)
        for index, where in enumerate(inner):
            if where is not None:
                groups[where].append(index)
        return list(groups.items())

    def _answers(
        self, head: Head, net: HeadNet, maps: Mapping[int, Tensor], shape: tuple[int, int], inner: Inner,
        pictures: list[int],
    ) -> list[HeadResult]:  # fmt: skip
        features = [maps[layer] for layer in head.spec.layers]
        part = seen_part(inner, shape, [feature.shape[2] for feature in features])
        seen = [cut(feature, part, shape) for feature in features]
        if len(pictures) < len(features[0]):
            seen = [feature[pictures] for feature in seen]
        if head.spec.kind == "image":
            return [_result(head, row) for row in self._image_probabilities(net, seen).cpu().numpy()]
        probabilities, sides = net.answers(seen)
        boxes = _boxes(head, probabilities, sides, part, inner) if sides is not None else [None] * len(pictures)
        box = _box(part, inner)
        patches = _coarse(probabilities).cpu().numpy()
        return [_patch_result(head, one, box, found) for one, found in zip(patches, boxes, strict=True)]

    def _image_probabilities(self, net: HeadNet, maps: Sequence[Tensor]) -> Tensor:
        if self._exact:
            return torch.cat(
                [net.probabilities([feature[row : row + 1] for feature in maps]) for row in range(len(maps[0]))]
            )
        return net.probabilities(maps)


def seen_part(inner: Inner, shape: tuple[int, int], heights: Sequence[int]) -> Part:
    """The largest part of the input that holds no padding and cuts no cell of any map.

    Where a picture is smaller than one cell of the coarsest map, the cells that it touches are seen with their padding.

    Args:
        shape: (height, width) of the input.
        heights: of the maps, cells.
    """
    cell = max(shape[0] // height for height in heights)
    left, top, width, height = inner
    x1, x2 = _whole_cells(left, left + width, cell, shape[1])
    y1, y2 = _whole_cells(top, top + height, cell, shape[0])
    return x1, y1, x2, y2


def _whole_cells(start: int, end: int, cell: int, length: int) -> tuple[int, int]:
    first, last = -(-start // cell) * cell, end // cell * cell
    if first < last:
        return first, last
    return start // cell * cell, min(-(-end // cell) * cell, length)


def cut(feature: Tensor, part: Part, shape: tuple[int, int]) -> Tensor:
    """The cells of a map, (N, C, h, w), that lie in a part of an input of this shape."""
    x1, y1, x2, y2 = part
    cell_y, cell_x = shape[0] // feature.shape[2], shape[1] // feature.shape[3]
    return feature[:, :, y1 // cell_y : y2 // cell_y, x1 // cell_x : x2 // cell_x]


def _box(part: Part, inner: Inner) -> tuple[float, float, float, float]:
    """A part of the input as 0..1 of the picture."""
    left, top, width, height = inner
    x1, y1, x2, y2 = part
    sides = (x1 - left) / width, (y1 - top) / height, (x2 - left) / width, (y2 - top) / height
    a, b, c, d = (round(min(max(side, 0.0), 1.0), 5) for side in sides)
    return a, b, c, d


def _boxes(head: Head, probabilities: Tensor, sides: Tensor, part: Part, inner: Inner) -> list[list[HeadBox] | None]:
    """Of each picture what was found, from (N, K, rows, columns) and (N, 4, rows, columns)."""
    place = GridPlace(part, inner, probabilities.shape[2], probabilities.shape[3])
    result: list[list[HeadBox] | None] = []
    for own, raw in zip(probabilities.cpu().numpy(), sides.cpu().numpy(), strict=True):
        found = found_boxes(own, raw, head.spec.threshold)
        rows = zip(place.to_picture(found.xyxy).round(5).tolist(), found.scores, found.classes, strict=True)
        result.append(
            [
                HeadBox(label=head.spec.classes[label], score=_unit(score), box=(x1, y1, x2, y2))
                for (x1, y1, x2, y2), score, label in rows
                if x1 < x2 and y1 < y2
            ]
        )
    return result


def _coarse(probabilities: Tensor) -> Tensor:
    """(N, K, h, w), made coarser so that a message can hold it: of patches that become one the worst counts."""
    rows, columns = probabilities.shape[2:]
    factor = math.ceil(max(rows / MOST_ROWS, columns / MOST_COLUMNS))
    if factor == 1:
        return probabilities
    normal = probabilities[:, :1]
    size = math.ceil(rows / factor), math.ceil(columns / factor)
    _, worst = functional.adaptive_max_pool2d(1 - normal, size, return_indices=True)
    flat = probabilities.flatten(2)
    chosen: Tensor = flat.gather(2, worst.flatten(2).expand(-1, flat.shape[1], -1))
    return chosen.view(*flat.shape[:2], *size)


def _patch_result(
    head: Head, probabilities: np.ndarray, box: tuple[float, float, float, float], boxes: list[HeadBox] | None
) -> HeadResult:
    """From (K, rows, columns)."""
    wrong = 1 - probabilities[0]
    worst = probabilities.reshape(len(probabilities), -1)[:, int(wrong.argmax())]
    grid = HeadGrid.of(wrong.clip(0, 1), threshold=head.spec.threshold, box=box)
    return _result(head, worst, grid, boxes)


def _unit(probability: float) -> float:
    return round(min(max(float(probability), 0.0), 1.0), 4)


def _result(
    head: Head, probabilities: np.ndarray, grid: HeadGrid | None = None, boxes: list[HeadBox] | None = None
) -> HeadResult:
    """From (K,)."""
    values = [_unit(value) for value in probabilities]
    label = int(decided(probabilities, head.spec.threshold))
    classes = head.spec.classes
    return HeadResult(
        name=head.spec.name, version=head.version, label=classes[label], score=values[label],
        probabilities=dict(zip(classes, values, strict=True)), grid=grid, boxes=boxes,
    )  # fmt: skip
