"""The aircraft and the vehicles of the stand, cut from labelled COCO pictures; all were chosen by eye as whole ones."""

from functools import cache

import cv2
import numpy as np

from training.scenes.coco_cutouts import _cut
from training.scenes.cutouts import Cutout

# Metres to the top of the fin of a Boeing 737-300 (33 m long), to the roofs of a bus and of a pick-up.
AIRCRAFT_M, BUS_M, PICKUP_M = 11.1, 3.0, 1.95

# What GrabCut leaves of the field behind the wheels, as outlines in 0..1 of the cut-out.
_NOT_AIRCRAFT = (
    ((0.0, 0.77), (0.16, 0.8), (0.2, 0.875), (0.43, 0.895), (0.43, 1.0), (0.0, 1.0)),
    ((0.56, 0.9), (0.62, 0.92), (0.86, 0.85), (1.0, 0.7), (1.0, 1.0), (0.9, 1.0), (0.9, 0.93), (0.86, 0.93),
     (0.86, 1.0), (0.56, 1.0)),
)  # fmt: skip


@cache
def aircraft() -> Cutout:
    """An airliner from its right side, nose to the right.

    Raises:
        InputError: the COCO pictures are not there.
    """
    whole = _cut(5477, 0)
    keep = np.ones(whole.alpha.shape, np.uint8)
    size = np.array(keep.shape[::-1])
    for outline in _NOT_AIRCRAFT:
        cv2.fillPoly(keep, [(np.array(outline) * size).round().astype(np.int32)], 0)
    return Cutout(whole.colour, np.asarray(whole.alpha * keep, np.float32))


@cache
def bus() -> Cutout:
    """A yellow bus, its front to the left."""
    return _cut(471, 0)


@cache
def pickup() -> Cutout:
    """A red pick-up, its front to the left."""
    return _cut(9769, 4)
