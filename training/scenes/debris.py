"""Drawn things that the model has no name for: tyre, box, board, bag."""

from functools import cache

import cv2
import numpy as np

from training.scenes.cutouts import Cutout


def _finish(colour: np.ndarray, mask: np.ndarray) -> Cutout:
    grain = np.random.default_rng(5).normal(0, 6, mask.shape)[..., None]
    shade = np.linspace(1.1, 0.7, mask.shape[0])[:, None, None]
    alpha = cv2.GaussianBlur((mask > 0).astype(np.float32), (3, 3), 0)
    return Cutout(np.clip(colour * shade + grain, 0, 255).astype(np.uint8), np.asarray(alpha, np.float32))


@cache
def tyre() -> Cutout:
    """A tyre that lies on the road, seen from a slant."""
    colour, mask = np.full((80, 140, 3), 32.0), np.zeros((80, 140), np.uint8)
    cv2.ellipse(mask, (70, 40), (66, 36), 0, 0, 360, 255, -1)
    cv2.ellipse(colour, (70, 32), (34, 14), 0, 0, 360, (74, 74, 76), -1)
    return _finish(colour, mask)


@cache
def box() -> Cutout:
    """A cardboard box, two sides and its top."""
    colour, mask = np.full((110, 130, 3), 0.0), np.zeros((110, 130), np.uint8)
    for points, paint in (
        (((4, 34), (70, 48), (70, 106), (4, 86)), (150, 115, 75)),
        (((70, 48), (126, 30), (126, 82), (70, 106)), (118, 88, 56)),
        (((4, 34), (62, 18), (126, 30), (70, 48)), (186, 150, 104)),
    ):
        cv2.fillPoly(colour, [np.array(points)], paint)
        cv2.fillPoly(mask, [np.array(points)], 255)
    return _finish(colour, mask)


@cache
def board() -> Cutout:
    """A wooden board that lies flat."""
    colour, mask = np.full((40, 200, 3), (146.0, 120.0, 84.0)), np.zeros((40, 200), np.uint8)
    cv2.fillPoly(mask, [np.array(((4, 26), (150, 4), (196, 14), (50, 38)))], 255)
    return _finish(colour, mask)


@cache
def bag() -> Cutout:
    """A full dark rubbish bag with its knot."""
    colour, mask = np.full((110, 110, 3), (48.0, 50.0, 58.0)), np.zeros((110, 110), np.uint8)
    cv2.ellipse(mask, (55, 68), (48, 40), 0, 0, 360, 255, -1)
    cv2.fillPoly(mask, [np.array(((42, 34), (34, 4), (76, 4), (66, 34)))], 255)
    cv2.ellipse(colour, (40, 56), (16, 9), 30, 0, 360, (92, 94, 104), -1)
    return _finish(colour, mask)
