"""The empty apron, seen from the roof of a terminal: sky, field, concrete slabs, the stand's lines."""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.scenes.canvas import Picture, _texture
from training.scenes.ground import GroundCamera

CAMERA = GroundCamera(width=960, height=540, focal=825.0, horizon=112.0, elevation=12.0)
# The stand on the ground, metres: left, right, near, far.
STAND = (-26.0, 26.0, 33.0, 88.0)
_NEAR, _FAR, _SIDE = 20.0, 160.0, 120.0
_SLAB = 7.5


def apron(seed: int) -> Picture:
    """(H, W, 3) uint8 RGB; the same seed gives the same bytes."""
    random = np.random.default_rng(seed)
    picture = np.empty((CAMERA.height, CAMERA.width, 3), np.uint8)
    top = round(CAMERA.horizon)
    fall = np.linspace(0, 1, top)[:, None, None]
    picture[:top] = ((1 - fall) * (140, 172, 210) + fall * (208, 217, 226)).astype(np.uint8)
    picture[top:] = _texture(random, (CAMERA.height - top, CAMERA.width), (104, 120, 74), 10)
    concrete = _texture(random, picture.shape[:2], (150, 149, 145), 7)
    paved = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(paved, [_outline(-_SIDE, _SIDE, _NEAR, _FAR)], 255)
    picture[paved > 0] = concrete[paved > 0]
    for x in np.arange(-_SIDE, _SIDE, _SLAB):
        _line(picture, (x, _NEAR), (x, _FAR), (134, 133, 130))
    for z in np.arange(_NEAR, _FAR, _SLAB):
        _line(picture, (-_SIDE, z), (_SIDE, z), (134, 133, 130))
    # Across the whole apron: a line that ends beside the aircraft is taken by the detector for a part of it.
    for z, colour in ((STAND[2], (178, 60, 52)), (STAND[3], (178, 60, 52)), (73.0, (206, 196, 160))):
        _line(picture, (-_SIDE, z), (_SIDE, z), colour, 3)
    return np.asarray(cv2.GaussianBlur(picture, (3, 3), 0), np.uint8)


def stand_polygon() -> list[tuple[float, float]]:
    """The stand in 0..1 of the picture."""
    left, right, near, far = STAND
    corners = ((left, near), (left, far), (right, far), (right, near))
    found = [CAMERA.normalised(*corner) for corner in corners]
    return [(round(u, 4), round(v, 4)) for u, v in found]


def _outline(left: float, right: float, near: float, far: float) -> NDArray[np.int32]:
    corners = [CAMERA.project(*point) for point in ((left, near), (left, far), (right, far), (right, near))]
    return np.array(corners).round().astype(np.int32)


def _line(
    picture: Picture,
    begin: tuple[float, float],
    end: tuple[float, float],
    colour: tuple[int, int, int],
    thickness: int = 1,
) -> None:
    first, second = (tuple(round(part) for part in CAMERA.project(*point)) for point in (begin, end))
    cv2.line(picture, first, second, colour, thickness, cv2.LINE_AA)
