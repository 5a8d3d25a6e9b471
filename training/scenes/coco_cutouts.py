"""People, animals and luggage for staged scenes, cut at run time from labelled COCO pictures.

The objects were chosen by eye: whole, unoccluded and cleanly separated by GrabCut (Rother et al., SIGGRAPH 2004)
inside their labelled box. Pictures of the dev split do not appear in the test split.
"""

from functools import cache
from pathlib import Path

import cv2
import numpy as np

from shared.exceptions import InputError
from training.scenes.cutouts import Cutout

_FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "coco256"
_MARGIN, _HEIGHT = 20, 240

# Split → kind → (picture, line of its label file, height in metres).
CHOSEN: dict[str, dict[str, tuple[tuple[int, int, float], ...]]] = {
    "dev": {
        "person": ((192, 3, 1.85), (315, 11, 1.7), (6471, 0, 1.85), (11197, 3, 1.75)),
        "animal": ((307, 0, 0.6), (5992, 3, 0.9)),
        "bird": ((143, 1, 0.4), (143, 2, 0.4)),
        "luggage": (),
    },
    "test": {
        "person": ((241, 3, 1.85), (572, 0, 1.8), (1490, 0, 1.8), (11511, 0, 1.65)),
        "animal": ((650, 0, 0.4), (502, 0, 1.1), (7108, 0, 2.6)),
        "bird": ((143, 5, 0.4), (143, 7, 0.4)),
        "luggage": ((11511, 4, 0.5),),
    },
}


def chosen(split: str, kind: str) -> list[tuple[Cutout, float]]:
    """The cut-outs of one kind and their heights in metres.

    Raises:
        InputError: the COCO pictures are not there.
    """
    return [(_cut(picture, line), metres) for picture, line, metres in CHOSEN[split][kind]]


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
    scale = min(1.0, _HEIGHT / crop.shape[0])
    crop = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    inner = tuple(int(v * scale) for v in (box[0] - left, box[1] - top, box[2] - box[0], box[3] - box[1]))
    mask = np.zeros(crop.shape[:2], np.uint8)
    cv2.setRNGSeed(1)
    cv2.grabCut(crop, mask, inner, np.zeros((1, 65)), np.zeros((1, 65)), 6, cv2.GC_INIT_WITH_RECT)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8))
    largest = (labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8)
    # One pixel is taken off the edge, where the old background shines through.
    soft = cv2.GaussianBlur(cv2.erode(largest, np.ones((3, 3), np.uint8)).astype(np.float32), (3, 3), 0)
    x0, y0, w0, h0 = cv2.boundingRect(largest)
    part = np.s_[y0 : y0 + h0, x0 : x0 + w0]
    return Cutout(np.ascontiguousarray(cv2.cvtColor(crop, cv2.COLOR_BGR2RGB)[part]), np.asarray(soft[part], np.float32))
