"""Vehicles of a real clip as cut-outs: blobs that differ from the clip's median and stand alone on a lane.

No detector chooses them, so that the benchmark does not stage only what its own detector finds easy.
"""

from functools import cache

import cv2
import numpy as np

from training.scenes.cutouts import Cutout
from training.scenes.freeze import _pictures, empty_road, foreground
from training.scenes.places import HIGHWAY, highway

_EVERY = 6
_NEAREST_ROW, _FARTHEST_ROW = 690, 420
# A passenger car is about 2 m wide; a blob far from it is two vehicles or a part of one.
_WIDTH = (1.6, 2.9)


@cache
def vehicles(split: str) -> list[tuple[Cutout, float]]:
    """Cut-outs with heights in metres: of the clip's first half for dev, of its second half for test."""
    place, background = highway(), empty_road(HIGHWAY)
    pictures = list(_pictures(HIGHWAY))
    half = len(pictures) // 2
    # Half a second at the joint belongs to neither, so that no vehicle is in both.
    chosen = pictures[: half - 60] if split == "dev" else pictures[half + 60 :]
    found = []
    for picture in chosen[::_EVERY]:
        mask = foreground(picture, background).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
        for label in range(1, count):
            x, y, w, h = (int(v) for v in stats[label, :4])
            scale = place.scale_of_row(y + h)
            alone = _FARTHEST_ROW < y + h < _NEAREST_ROW and x > 2 and x + w < 1278
            if not alone or not _WIDTH[0] < w / scale < _WIDTH[1] or not 1.2 < h / scale < 2.9 or x + w / 2 > 1000:
                continue
            found.append((_cut(picture, labels == label, (x, y, w, h)), h / scale))
    return found


def _cut(picture: np.ndarray, blob: np.ndarray, box: tuple[int, int, int, int]) -> Cutout:
    x, y, w, h = box
    outlines, _ = cv2.findContours(blob.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    mask = np.zeros(blob.shape, np.uint8)
    cv2.drawContours(mask, [cv2.convexHull(max(outlines, key=cv2.contourArea))], -1, 1, cv2.FILLED)
    soft = cv2.GaussianBlur(mask.astype(np.float32), (3, 3), 0)
    part = np.s_[y : y + h, x : x + w]
    return Cutout(np.ascontiguousarray(picture[part]), np.ascontiguousarray(soft[part]))
