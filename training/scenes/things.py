"""Things drawn from scratch: what has fallen onto the road."""

from functools import cache

import cv2
import numpy as np

from training.scenes.cutouts import Cutout

_SIDE = 160
_LIGHT = np.array([-0.5, -0.7, 0.5]) / np.linalg.norm([-0.5, -0.7, 0.5])


@cache
def ball(colour: tuple[int, int, int] = (190, 220, 40)) -> Cutout:
    """A large ball, lit from the upper left.

    YOLO11n was seen to call it "sports ball" with 0.6 to 0.9 from 40 px height on; drawn suitcases, chairs and
    boxes it does not recognise at all.
    """
    axis = (np.arange(_SIDE) + 0.5) / (_SIDE / 2) - 1
    x, y = np.meshgrid(axis, axis)
    inside = x**2 + y**2 < 0.95
    z = np.sqrt(np.clip(1 - x**2 - y**2, 0, 1))
    lit = np.clip(x * _LIGHT[0] + y * _LIGHT[1] + z * _LIGHT[2], 0, 1)
    shade = (0.45 + 0.55 * lit)[..., None] * np.array(colour) + (0.5 * lit**20)[..., None] * 255
    alpha = cv2.GaussianBlur(inside.astype(np.float32), (5, 5), 0)
    return Cutout(np.clip(shade, 0, 255).astype(np.uint8), np.asarray(alpha, np.float32))
