"""Drawn things for training frames: cones, objects of any shape, and stains that are no objects.

Shapes are random on purpose (domain randomisation, Tobin et al., IROS 2017): what lies on a road may look like
anything. None of them is drawn like the benchmark's debris (training/scenes/debris.py).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.scenes.canvas import Picture
from training.scenes.cutouts import Cutout

Random = np.random.Generator


def cone(random: Random) -> Cutout:
    """A traffic cone with its foot and one or two white rings."""
    colour = np.empty((120, 84, 3), np.float32)
    colour[:] = np.array((235, 90, 30)) * random.uniform(0.7, 1.1) + random.normal(0, 12, 3)
    mask = np.zeros((120, 84), np.uint8)
    top, foot = int(random.integers(3, 7)), int(random.integers(26, 34))
    body = np.array([(42 - top, 4), (42 + top, 4), (42 + foot, 108), (42 - foot, 108)])
    cv2.fillPoly(mask, [body], 255)
    for begin in (34, 66)[: int(random.integers(1, 3))]:
        colour[begin : begin + int(random.integers(14, 22))] = random.uniform(200, 250)
    cv2.rectangle(mask, (42 - foot - 8, 106), (42 + foot + 8, 117), 255, -1)
    colour[106:] = (40, 40, 42) if random.random() < 0.6 else (200, 80, 30)
    shade = np.linspace(1.1, 0.7, 84)[None, :, None]
    return _soft(colour * shade, mask)


def shape(random: Random, texture: Picture) -> Cutout:
    """An object with a random outline, painted with a part of a picture or with one colour."""
    height, width = int(random.integers(50, 130)), int(random.integers(60, 180))
    mask = np.zeros((height, width), np.uint8)
    corners = int(random.integers(3, 9))
    angle = np.sort(random.uniform(0, 2 * np.pi, corners))
    reach = random.uniform(0.55, 1.0, corners)
    points = np.stack([width / 2 + width / 2 * reach * np.cos(angle), height / 2 + height / 2 * reach * np.sin(angle)])
    hull = (
        cv2.convexHull(points.T.round().astype(np.int32))
        if random.random() < 0.6
        else points.T.round().astype(np.int32)
    )
    cv2.fillPoly(mask, [hull], 255)
    if random.random() < 0.35:
        cv2.ellipse(mask, (width // 2, height // 2), (width // 3, height // 3), 0, 0, 360, 255, -1)
    if random.random() < 0.5:
        colour = np.empty((height, width, 3), np.float32)
        colour[:] = random.uniform(15, 235, 3) * random.uniform(0.4, 1.0)
    else:
        y, x = (int(random.integers(0, max(1, side - 40))) for side in texture.shape[:2])
        colour = cv2.resize(texture[y : y + 160, x : x + 200], (width, height)).astype(np.float32)
    shade = np.linspace(1.15, 0.65, height)[:, None, None]
    return _soft(colour * shade + random.normal(0, 5, (height, width, 1)), mask)


def stain(random: Random, picture: Picture, column: float, row: float, size: float) -> None:
    """Oil, water, a patch of paint or tar on the asphalt: flat, without shadow, drawn in place. It is no object."""
    wide, deep = max(2, round(size * random.uniform(0.5, 2.5))), max(1, round(size * random.uniform(0.1, 0.5)))
    cover = np.zeros(picture.shape[:2], np.float32)
    centre = (round(column), round(row))
    if random.random() < 0.6:
        cv2.ellipse(cover, centre, (wide, deep), float(random.uniform(-10, 10)), 0, 360, 1.0, -1)
    else:
        box = np.array([(-wide, -deep), (wide, -deep), (wide * 1.1, deep), (-wide * 1.1, deep)]) + centre
        cv2.fillPoly(cover, [box.round().astype(np.int32)], 1.0)
    x1, y1 = max(centre[0] - 2 * wide - 8, 0), max(centre[1] - 2 * deep - 8, 0)
    part = np.s_[y1 : centre[1] + 2 * deep + 8, x1 : centre[0] + 2 * wide + 8]
    region = picture[part]
    if region.size == 0:
        return
    soft = cv2.GaussianBlur(cover[part], (0, 0), max(0.6, deep * float(random.uniform(0.05, 0.4))))[..., None]
    factor = float(random.uniform(0.45, 0.85)) if random.random() < 0.7 else float(random.uniform(1.1, 1.6))
    region[:] = np.clip(region * (1 + (factor - 1) * soft), 0, 255).astype(np.uint8)


def _soft(colour: NDArray[np.floating], mask: NDArray[np.uint8]) -> Cutout:
    x, y, w, h = cv2.boundingRect(mask)
    alpha = cv2.GaussianBlur(mask.astype(np.float32) / 255, (3, 3), 0)[y : y + h, x : x + w]
    lit = np.clip(colour, 0, 255).astype(np.uint8)[y : y + h, x : x + w]
    return Cutout(np.ascontiguousarray(lit), np.ascontiguousarray(alpha))
