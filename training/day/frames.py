"""How a change is said: what it does to each picture since it began, and small parts of many."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from training.scenes.canvas import Picture
from training.scenes.scene import Scene

# A picture, seconds since the change began, the number of the frame. Lengths in pixels are those of a picture that is
# 1280 wide.
Change = Callable[[Picture, float, int], Picture]
Make = Callable[[Scene], Change]
Floats = NDArray[np.float32]
_SHIFT = 61


def clipped(values: NDArray[np.floating]) -> Picture:
    """As a picture."""
    return np.asarray(np.clip(values, 0, 255), np.uint8)


def random_of(scene: Scene) -> np.random.Generator:
    """The scene's own random numbers, the same each time."""
    return np.random.default_rng([11, scene.split == "test", scene.seed])


def grain(picture: Picture, level: float, index: int) -> Floats:
    """(H, W, 1) noise of a sensor in the dark, grey levels, another on each frame."""
    height, width = picture.shape[:2]
    y, x = index * 37 % _SHIFT, index * 53 % _SHIFT
    return np.asarray(_noise(height, width)[y : y + height, x : x + width, None] * np.float32(level), np.float32)


@lru_cache(maxsize=4)
def _noise(height: int, width: int) -> Floats:
    half = np.random.default_rng(0).standard_normal(((height + _SHIFT) // 2 + 1, (width + _SHIFT) // 2 + 1))
    return np.asarray(half.astype(np.float32).repeat(2, axis=0).repeat(2, axis=1))


def softened(values: NDArray[Any], sigma: float) -> Floats:
    """Blurred."""
    return np.asarray(cv2.GaussianBlur(values.astype(np.float32), (0, 0), sigma), np.float32)


def patchy(random: np.random.Generator, rows: int, columns: int, height: int, width: int) -> Floats:
    """(H, W) 0..1, smooth from patch to patch."""
    coarse = random.uniform(0, 1, (rows, columns)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
