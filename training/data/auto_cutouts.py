"""Cut-outs of every labelled object that stands free in a picture, found by GrabCut without a person's help.

For training only: some edges are wrong, which a detector learns to overlook. The benchmark's cut-outs were chosen by
eye (training/scenes/coco_cutouts.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.scenes.cutouts import Cutout

_LEAST, _HEIGHT, _MARGIN = 36, 200, 0.12
# A mask that fills less of its box is a splinter, one that fills more is the box itself.
_FILL = (0.22, 0.93)


@dataclass(frozen=True, eq=False)
class Labelled:
    """A cut-out and its class."""

    label: str
    cutout: Cutout


def cut_all(pictures: Sequence[tuple[Path, list[tuple[str, NDArray[np.float64]]]]]) -> Iterator[Labelled]:
    """Cut what stands free.

    Args:
        pictures: path and its objects: class and x1, y1, x2, y2 in 0..1.
    """
    for path, objects in pictures:
        picture = cv2.imread(str(path))
        if picture is None:
            continue  # the data check has named it
        height, width = picture.shape[:2]
        boxes = np.array([box for _, box in objects]).reshape(-1, 4) * [width, height, width, height]
        for index, (label, _) in enumerate(objects):
            if _free(boxes, index, width, height):
                cutout = _cut(np.asarray(picture, np.uint8), boxes[index])
                if cutout is not None:
                    yield Labelled(label, cutout)


def _free(boxes: NDArray[np.float64], index: int, width: int, height: int) -> bool:
    """Large enough, whole, and hardly covered by another box."""
    box = boxes[index]
    size = box[2:] - box[:2]
    if size.min() < _LEAST / 2 or size.max() < _LEAST or size.prod() > 0.7 * width * height:
        return False
    if box[0] < 3 or box[1] < 3 or box[2] > width - 3 or box[3] > height - 3:
        return False
    others = np.delete(boxes, index, axis=0)
    overlap = np.minimum(others[:, 2:], box[2:]) - np.maximum(others[:, :2], box[:2])
    covered = np.clip(overlap, 0, None).prod(axis=1) / size.prod()
    return bool(covered.max(initial=0.0) < 0.25)


def _cut(picture: NDArray[np.uint8], box: NDArray[np.float64]) -> Cutout | None:
    margin = _MARGIN * (box[2:] - box[:2]) + 4
    left, top = np.maximum(box[:2] - margin, 0).astype(int)
    right, bottom = np.minimum(box[2:] + margin, picture.shape[1::-1]).astype(int)
    crop = picture[top:bottom, left:right]
    scale = _HEIGHT / crop.shape[0]
    crop = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)  # type: ignore[assignment]
    x1, y1, x2, y2 = ((box - [left, top, left, top]) * scale).round().astype(int)
    cv2.setRNGSeed(1)
    mask = np.zeros(crop.shape[:2], np.uint8)
    cv2.grabCut(crop, mask, (x1, y1, x2 - x1, y2 - y1), np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_RECT)
    found = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(found)
    if count < 2:
        return None
    found = (labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8)
    x, y, w, h = cv2.boundingRect(found)
    # The largest part must span the labelled box, else GrabCut has taken the background for the thing.
    whole = w > 0.75 * (x2 - x1) and h > 0.8 * (y2 - y1)
    if not whole or not _FILL[0] < found[y : y + h, x : x + w].mean() < _FILL[1]:
        return None
    soft = cv2.GaussianBlur(cv2.erode(found, np.ones((3, 3), np.uint8)).astype(np.float32), (3, 3), 0)
    part = np.s_[y : y + h, x : x + w]
    colour = cv2.cvtColor(crop, cv2.COLOR_BGR2RGB)
    return Cutout(np.ascontiguousarray(colour[part], np.uint8), np.ascontiguousarray(soft[part], np.float32))
