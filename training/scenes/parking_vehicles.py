"""Vehicles of parking-overhead.mp4 as cut-outs: what stands out from the clip's median, seen from above.

No detector chooses them. The dev split has the clip's first vehicle, test the three others, as in `overhead`.
"""

from functools import cache

import cv2
import numpy as np

from training.scenes.canvas import Picture
from training.scenes.cutouts import Cutout
from training.scenes.footage import empty_road, pictures_of
from training.scenes.places import PARKING

# Split → (frame, column and row of a point on the vehicle) in which it is in the picture as a whole.
CHOSEN: dict[str, tuple[tuple[int, int, int], ...]] = {
    "dev": ((75, 345, 290), (77, 345, 250), (79, 350, 220), (81, 350, 190), (83, 350, 160)),
    "test": (
        (200, 200, 130), (204, 180, 180), (208, 170, 240), (208, 395, 300), (212, 390, 210), (216, 385, 150),
        (331, 220, 190), (334, 215, 250),
    ),
}  # fmt: skip
# Grey levels by which paint is brighter than the tarmac, or differs from its grey; a shadow does neither.
_DIFFERENCE, _COLOURED = 26, 18


@cache
def vehicles(split: str) -> list[Cutout]:
    """Cut-outs as they are in the clip: about upright, front or rear to the top."""
    background = empty_road(PARKING)
    wanted = {frame for frame, _, _ in CHOSEN[split]}
    pictures = {index: picture for index, picture in enumerate(pictures_of(PARKING)) if index in wanted}
    return [_cut(pictures[frame], background, (column, row)) for frame, column, row in CHOSEN[split]]


def _cut(picture: Picture, background: Picture, point: tuple[int, int]) -> Cutout:
    difference = picture.astype(np.int16) - background
    spread = difference.max(axis=2) - difference.min(axis=2)
    painted = (difference.max(axis=2) > _DIFFERENCE) | (spread > _COLOURED)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (21, 21))
    mask = cv2.morphologyEx(painted.astype(np.uint8), cv2.MORPH_CLOSE, disc)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    around = [outline for outline in outlines if cv2.pointPolygonTest(outline, point, False) >= 0]
    solid = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(solid, around, -1, 1, cv2.FILLED)
    solid = np.asarray(cv2.morphologyEx(solid, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8)), np.uint8)
    # A pixel less: the edge's own colour is half the tarmac's.
    solid = np.asarray(cv2.erode(solid, np.ones((3, 3), np.uint8)), np.uint8)
    x, y, width, height = cv2.boundingRect(solid)
    soft = np.asarray(cv2.GaussianBlur(solid.astype(np.float32), (3, 3), 0), np.float32)
    part = np.s_[y : y + height, x : x + width]
    return Cutout(np.ascontiguousarray(picture[part]), np.ascontiguousarray(soft[part]))
