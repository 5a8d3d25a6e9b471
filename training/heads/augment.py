"""Augmented copies of training pictures: mirrored, shifted, lit, blurred and noisy otherwise."""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.heads.dataset import DataSet, Pixels


def augment(
    pixels: Pixels, label: NDArray[np.int64], data: DataSet, rng: np.random.Generator
) -> tuple[Pixels, NDArray[np.int64]]:
    """One random copy with its label; of a grid of labels the cells move along.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        label: () or (gh, gw).
    """
    if rng.random() < 0.5:
        pixels, label = pixels[:, ::-1], label[:, ::-1] if label.ndim else label
    if data.mirrored and rng.random() < 0.5:
        pixels, label = pixels[::-1], label[::-1] if label.ndim else label
    if not label.ndim:
        pixels = _cropped(pixels, rng)
    if data.photometric:
        pixels = _lit(pixels, rng)
    return np.ascontiguousarray(pixels), label.copy()


def _cropped(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """A part of at least 80 % of each side."""
    height, width = pixels.shape[:2]
    share = rng.uniform(0.8, 1.0)
    h, w = max(1, int(height * share)), max(1, int(width * share))
    top, left = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    return pixels[top : top + h, left : left + w]


def _lit(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    picture = pixels.astype(np.float32) * rng.uniform(0.7, 1.3, (1, 1, 3) if rng.random() < 0.3 else None)
    picture = np.ascontiguousarray(picture + rng.uniform(-15, 15), np.float32)
    if rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.0)).astype(np.float32, copy=False)
    if rng.random() < 0.3:
        picture = picture + rng.normal(0, rng.uniform(2, 7), picture.shape).astype(np.float32)
    return picture.clip(0, 255).astype(np.uint8)
