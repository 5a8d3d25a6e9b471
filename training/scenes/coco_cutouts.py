"""People, animals and things for staged scenes, cut at run time from labelled COCO pictures.

The objects were chosen by eye: whole, and cleanly separated by GrabCut (Rother et al., SIGGRAPH 2004) inside their
labelled box, where needed with strokes that a person drew on object and background. No picture is in both splits.
"""

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.exceptions import InputError
from training.scenes.coco_strokes import GREEN, INSIDE, OUTLINE, OUTSIDE, Stroke
from training.scenes.cutouts import Cutout

_FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "coco256"
_MARGIN, _HEIGHT = 20, 240

# Split → kind → (picture, line of its label file, height in metres).
CHOSEN: dict[str, dict[str, tuple[tuple[int, int, float], ...]]] = {
    "dev": {
        "person": (
            (192, 3, 1.85), (315, 11, 1.7), (315, 12, 1.7), (6471, 0, 1.85), (8211, 3, 1.7), (11197, 3, 1.75),
            (12639, 10, 1.75), (488, 8, 1.6), (625, 0, 1.8), (7088, 2, 1.05), (12639, 14, 1.6), (5586, 0, 1.75),
        ),
        "animal": ((307, 0, 0.6), (5992, 3, 0.9), (154, 1, 1.4), (312, 1, 2.8)),
        "bird": ((143, 1, 0.4), (143, 2, 0.4), (143, 5, 0.4)),
        "thing": ((138, 0, 1.5), (86, 2, 0.45), (49, 5, 0.5), (643, 0, 0.45), (4495, 2, 1.1)),
    },
    "test": {
        "person": (
            (241, 3, 1.85), (572, 0, 1.8), (11511, 0, 1.65), (569, 0, 1.65), (2006, 2, 1.8), (7511, 0, 1.8),
            (12280, 0, 1.75), (531, 1, 1.7), (1000, 3, 1.35), (431, 1, 1.75), (564, 0, 1.75),
        ),
        "animal": ((650, 0, 0.35), (502, 0, 1.1), (11760, 1, 1.6), (11760, 2, 1.6)),
        "bird": ((520, 0, 0.45), (520, 4, 0.45), (520, 7, 0.45)),
        "thing": ((11511, 4, 0.4), (11511, 5, 0.5), (595, 0, 0.6), (491, 0, 0.5)),
    },
}  # fmt: skip


def chosen(split: str, kind: str) -> list[tuple[Cutout, float]]:
    """The cut-outs of one kind and their heights in metres.

    Raises:
        InputError: the COCO pictures are not there.
    """
    return [(_cut(picture, line), metres) for picture, line, metres in CHOSEN[split][kind]]


def class_number(picture: int, line: int) -> int:
    """COCO's number of a chosen object's class."""
    rows = (_FOLDER / "labels" / "train" / f"{picture:012d}.txt").read_text().splitlines()
    return int(rows[line].split()[0])


@cache
def _cut(number: int, line: int) -> Cutout:
    path = _FOLDER / "images" / "train" / f"{number:012d}.jpg"
    picture = cv2.imread(str(path))
    if picture is None:
        raise InputError(f"{path}: cannot be read; staged scenes need the COCO pictures of the shared folder")
    rows = (_FOLDER / "labels" / "train" / f"{number:012d}.txt").read_text().splitlines()
    x, y, w, h = (float(part) for part in rows[line].split()[1:5])
    height, width = picture.shape[:2]
    box = np.array([(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height])
    left, top = np.maximum(box[:2] - _MARGIN, 0).astype(int)
    right, bottom = np.minimum(box[2:] + _MARGIN, (width, height)).astype(int)
    crop = picture[top:bottom, left:right]
    scale = _HEIGHT / crop.shape[0]
    # Small ones are enlarged, so that GrabCut has pixels to work on.
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    crop = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=how)
    inner = np.array([box[0] - left, box[1] - top, box[2] - left, box[3] - top]) * scale
    mask = _mask(np.asarray(crop, np.uint8), inner, (number, line))
    if (number, line) in GREEN:
        crop[..., 1] = np.minimum(crop[..., 1], np.maximum(crop[..., 0], crop[..., 2]))
    # One pixel is taken off the edge, where the old background shines through.
    soft = cv2.GaussianBlur(cv2.erode(mask, np.ones((3, 3), np.uint8)).astype(np.float32), (3, 3), 0)
    x0, y0, w0, h0 = cv2.boundingRect(mask)
    part = np.s_[y0 : y0 + h0, x0 : x0 + w0]
    return Cutout(np.ascontiguousarray(cv2.cvtColor(crop, cv2.COLOR_BGR2RGB)[part]), np.asarray(soft[part], np.float32))


def _mask(crop: NDArray[np.uint8], box: NDArray[np.float64], key: tuple[int, int]) -> NDArray[np.uint8]:
    """1 where the object is."""
    size = box[2:] - box[:2]

    def points(stroke: Stroke) -> NDArray[np.int32]:
        return (box[:2] + np.array(stroke) / 10 * size).round().astype(np.int32)

    mask = np.zeros(crop.shape[:2], np.uint8)
    if key in OUTLINE:
        cv2.fillPoly(mask, [points(OUTLINE[key])], 1)
        return mask
    x1, y1, x2, y2 = box.round().astype(int)
    mask[y1:y2, x1:x2] = cv2.GC_PR_FGD
    thick = max(3, round(0.03 * float(size.min() + size.max())))
    for table, value in ((INSIDE, cv2.GC_FGD), (OUTSIDE, cv2.GC_BGD)):
        for stroke in table.get(key, ()):
            cv2.polylines(mask, [points(stroke)], isClosed=False, color=value, thickness=thick)
    cv2.setRNGSeed(1)
    whole = (0, 0, 1, 1)  # not used: the mask says where to begin
    cv2.grabCut(crop, mask, whole, np.zeros((1, 65)), np.zeros((1, 65)), 6, cv2.GC_INIT_WITH_MASK)
    found = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(found)
    largest = (labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8)
    return _without_holes(largest)


def _without_holes(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Specks inside (eyes, buttons) are filled; a gap between legs stays open."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(1 - mask, connectivity=4)
    for label in range(1, count):
        if stats[label, cv2.CC_STAT_AREA] < 0.015 * mask.sum():
            mask[labels == label] = 1
    return mask
