"""Vehicles of a real clip as cut-outs: they stand out from the clip's median and were chosen by eye as whole ones.

No detector chooses them, so that the benchmark does not stage only what its own detector finds easy. GrabCut takes
the asphalt around them away; all face the camera, as the clip's traffic does.
"""

from functools import cache
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray

from training.scenes.canvas import Picture
from training.scenes.cutouts import Cutout
from training.scenes.footage import empty_road, foreground, pictures_of
from training.scenes.places import HIGHWAY, highway

# Split → (frame, column and row of a point on the vehicle): of the clip's first half for dev, of its second for test.
# Two seconds at the joint belong to neither, so that no vehicle is in both. One picture of each vehicle, the nearest.
CHOSEN: dict[str, tuple[tuple[int, int, int], ...]] = {
    "dev": (
        (6, 319, 597), (33, 547, 569), (45, 304, 581), (57, 576, 566), (87, 777, 556), (108, 342, 539), (108, 817, 598),
        (159, 789, 598), (162, 560, 557),
    ),
    "test": (
        (300, 829, 590), (307, 578, 605), (337, 704, 618), (357, 550, 552), (369, 337, 563), (390, 366, 561),
        (423, 549, 583), (429, 302, 603),
    ),
}  # fmt: skip


@cache
def vehicles(split: str, mirror: bool = False) -> list[tuple[Cutout, float]]:
    """Cut-outs with heights in metres; mirrored for a mirrored view, whose light comes from the other side."""
    if mirror:
        return [(cutout.mirrored(), metres) for cutout, metres in vehicles(split)]
    place, background = highway(), empty_road(HIGHWAY)
    wanted: dict[int, list[tuple[int, int]]] = {}
    for frame, column, row in CHOSEN[split]:
        wanted.setdefault(frame, []).append((column, row))
    found = []
    for frame, picture in enumerate(islice(pictures_of(HIGHWAY), max(wanted) + 1)):
        if frame not in wanted:
            continue
        _, labels, stats, _ = cv2.connectedComponentsWithStats(foreground(picture, background).astype(np.uint8))
        for column, row in wanted[frame]:
            label = int(labels[row, column])
            x, y, w, h = (int(v) for v in stats[label, :4])
            cutout, foot = _cut(picture, background, labels == label, (x, y, w, h), column)
            found.append((cutout, cutout.alpha.shape[0] / place.scale_of_row(foot)))
    return found


def _cut(
    picture: Picture, background: Picture, blob: NDArray[np.bool_], box: tuple[int, int, int, int], column: int
) -> tuple[Cutout, int]:
    """The cut-out and the row of its lower edge."""
    x, y, w, h = box
    margin = 8
    x1, y1 = max(x - margin, 0), max(y - margin, 0)
    part = np.s_[y1 : y + h + margin, x1 : x + w + margin]
    outlines, _ = cv2.findContours(blob[part].astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    hull = np.zeros(picture[part].shape[:2], np.uint8)
    cv2.drawContours(hull, [cv2.convexHull(max(outlines, key=cv2.contourArea))], -1, 1, cv2.FILLED)
    difference = cv2.absdiff(picture[part], background[part])
    spread = difference.max(axis=2).astype(int) - difference.min(axis=2)
    mask = np.where(hull > 0, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    # Asphalt in the car's shadow is darker than the median, evenly in all channels.
    darker = background[part].astype(int).min(axis=2) > picture[part].max(axis=2)
    mask[(hull > 0) & (difference.max(axis=2) < 14)] = cv2.GC_PR_BGD
    mask[(hull > 0) & darker & (spread < 10) & (difference.max(axis=2) < 60)] = cv2.GC_PR_BGD
    rows, columns = np.indices(hull.shape)
    middle = columns - (column - x1), rows - (y - y1) - h / 2
    # Surely the vehicle: its bonnet and, narrower towards the roof, its windscreen.
    half = w * (0.34 - 0.14 * np.clip(-middle[1] / (0.34 * h), 0, 1))
    core = (np.abs(middle[0]) < half) & (np.abs(middle[1]) < 0.34 * h)
    mask[core] = cv2.GC_FGD
    cv2.setRNGSeed(1)
    whole = (0, 0, 1, 1)  # not used: the mask says where to begin
    cv2.grabCut(picture[part], mask, whole, np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    found = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    outlines, _ = cv2.findContours(found, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    solid = np.zeros_like(found)
    cv2.drawContours(solid, [max(outlines, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    solid = np.asarray(cv2.morphologyEx(solid, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)), np.uint8)
    soft = cv2.GaussianBlur(solid.astype(np.float32), (3, 3), 0)
    left, top, width, height = cv2.boundingRect(solid)
    inner = np.s_[top : top + height, left : left + width]
    return Cutout(np.ascontiguousarray(picture[part][inner]), np.ascontiguousarray(soft[inner])), y1 + top + height
