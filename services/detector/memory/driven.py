"""Where vehicles have driven: nothing lies there that stands up.

A camera of 5 frames/s sees a vehicle every 4 m at 80 km/h, so near the camera rows of the road lie between one sight
and the next. Who is seen on both sides of them has driven over them.
"""

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]

# A vehicle proves the road below the lower part of its box, and beside it as far as a car's door opens: nobody drives
# that close past a thing.
_FOOT, _ARM = 0.4, 0.4
# Two boxes are of one vehicle when each is the other's nearest, within so many of their sides, and when neither side
# has grown by more than this. Vehicles of one lane keep several times that distance at such a speed.
_REACH, _GROWTH = 1.0, 1.5
# Of the way between them so many places are taken; each is as deep as the foot.
_PLACES = 8


def feet(boxes: Rows) -> Rows:
    """(N, 4) of the boxes of vehicles: the part of each picture that covers the road it drives on, not the road behind
    it."""
    low = boxes.copy()
    low[:, 1] = low[:, 3] - _FOOT * (low[:, 3] - low[:, 1])
    wide = _ARM * (low[:, 2] - low[:, 0])
    return low + np.stack([-wide, np.zeros_like(wide), wide, np.zeros_like(wide)], axis=1)


def between(before: Rows, now: Rows) -> Rows:
    """(M, 4) boxes of the vehicles of two frames, a moment apart, on their way from the one to the other."""
    if not len(before) or not len(now):
        return np.zeros((0, 4))
    sides = np.stack([before[:, 2:] - before[:, :2]] * len(now), axis=1)
    others = np.stack([now[:, 2:] - now[:, :2]] * len(before), axis=0)
    apart = np.abs(_grounds(before)[:, None] - _grounds(now)) / np.maximum((sides + others) / 2, 1e-9)
    apart = apart.max(axis=2)
    grown = np.maximum(sides, others) / np.maximum(np.minimum(sides, others), 1e-9)
    row, column = np.arange(len(before)), apart.argmin(axis=1)
    same = (apart.argmin(axis=0)[column] == row) & (apart[row, column] <= _REACH)
    same &= grown[row, column].max(axis=1) <= _GROWTH
    share = np.linspace(0, 1, _PLACES)[:, None, None]
    way: Rows = before[same] + share * (now[column[same]] - before[same])
    return way.reshape(-1, 4)


def _grounds(boxes: Rows) -> Rows:
    """(N, 2) the middle of each lower edge."""
    return np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]], axis=1)
