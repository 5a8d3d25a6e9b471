"""Drawn things that the model has no name for: tyre, box, board, bag. Colour, size and turn differ by seed."""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.scenes.cutouts import Cutout

Drawn = tuple[NDArray[np.float64], NDArray[np.uint8]]


def debris(random: np.random.Generator) -> tuple[Cutout, float]:
    """One of them and its height in metres."""
    draw, metres = ((_tyre, 0.6), (_box, 0.6), (_board, 0.35), (_bag, 0.6))[int(random.integers(4))]
    colour, mask = draw(random)
    cutout = _finish(random, colour, mask)
    return (cutout.mirrored() if random.random() < 0.5 else cutout), metres * float(random.uniform(0.8, 1.25))


def _finish(random: np.random.Generator, colour: NDArray[np.float64], mask: NDArray[np.uint8]) -> Cutout:
    """Turned a little, lit from above, with grain, cut to its outline."""
    height, width = mask.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(random.uniform(-12, 12)), 0.9)
    colour = cv2.warpAffine(colour, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)  # type: ignore[assignment]
    mask = cv2.warpAffine(mask, turn, (width, height))  # type: ignore[assignment]
    grain = random.normal(0, 6, mask.shape)[..., None]
    shade = np.linspace(1.1, 0.7, height)[:, None, None]
    alpha = cv2.GaussianBlur((mask > 127).astype(np.float32), (3, 3), 0)
    x, y, w, h = cv2.boundingRect((mask > 127).astype(np.uint8))
    part = np.s_[y : y + h, x : x + w]
    lit = np.clip(colour * shade * random.uniform(0.8, 1.15) + grain, 0, 255).astype(np.uint8)
    return Cutout(np.ascontiguousarray(lit[part]), np.ascontiguousarray(alpha[part], np.float32))


def _tyre(random: np.random.Generator) -> Drawn:
    """A tyre that lies on the road, seen from a slant."""
    colour, mask = np.full((80, 140, 3), float(random.uniform(26, 48))), np.zeros((80, 140), np.uint8)
    cv2.ellipse(mask, (70, 40), (66, int(random.integers(28, 38))), 0, 0, 360, 255, -1)
    inner = (int(random.integers(28, 42)), int(random.integers(10, 18)))
    cv2.ellipse(colour, (70, 32), inner, 0, 0, 360, (74, 74, 76), -1)
    return colour, mask


def _box(random: np.random.Generator) -> Drawn:
    """A cardboard or plastic box, two sides and its top."""
    colour, mask = np.full((110, 130, 3), 0.0), np.zeros((110, 130), np.uint8)
    paint = np.array(((186, 150, 104), (205, 200, 190), (70, 90, 140), (150, 60, 50))[int(random.integers(4))], float)
    lift, edge = int(random.integers(-12, 10)), int(random.integers(50, 84))
    for points, light in (
        (((4, 34 + lift), (edge, 48 + lift), (edge, 106), (4, 86)), 0.8),
        (((edge, 48 + lift), (126, 30 + lift), (126, 82), (edge, 106)), 0.62),
        (((4, 34 + lift), (edge - 8, 18 + lift), (126, 30 + lift), (edge, 48 + lift)), 1.0),
    ):
        cv2.fillPoly(colour, [np.array(points)], (paint * light).tolist())
        cv2.fillPoly(mask, [np.array(points)], 255)
    return colour, mask


def _board(random: np.random.Generator) -> Drawn:
    """A wooden board or a metal sheet that lies flat."""
    paint = ((146.0, 120.0, 84.0), (172.0, 158.0, 130.0), (120.0, 124.0, 130.0))[int(random.integers(3))]
    colour, mask = np.full((60, 200, 3), paint), np.zeros((60, 200), np.uint8)
    depth = int(random.integers(0, 14))
    cv2.fillPoly(mask, [np.array(((4, 36), (150, 12 - depth // 2), (196, 22), (50, 46 + depth)))], 255)
    return colour, mask


def _bag(random: np.random.Generator) -> Drawn:
    """A full rubbish bag with its knot."""
    paint = ((48.0, 50.0, 58.0), (40.0, 40.0, 42.0), (60.0, 80.0, 130.0), (190.0, 190.0, 186.0))[
        int(random.integers(4))
    ]
    colour, mask = np.full((110, 110, 3), paint), np.zeros((110, 110), np.uint8)
    cv2.ellipse(mask, (55, 68), (48, int(random.integers(32, 41))), 0, 0, 360, 255, -1)
    cv2.fillPoly(mask, [np.array(((42, 34), (34, 4), (76, 4), (66, 34)))], 255)
    shine = tuple(min(255.0, value + 44) for value in paint)
    cv2.ellipse(colour, (int(random.integers(32, 70)), 56), (16, 9), 30, 0, 360, shine, -1)
    return colour, mask
