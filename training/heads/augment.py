"""Augmented copies of training pictures: mirrored, shifted, lit, blurred and noisy otherwise."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from training.heads.dataset import DataSet, Objects, Pixels

# A thing of which a cut-out shows less than this share is no longer called one.
_LEFT = 0.25


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


def augment_objects(
    pixels: Pixels, objects: Objects, data: DataSet, rng: np.random.Generator
) -> tuple[Pixels, Objects]:
    """One random copy of a picture with boxes, which move along; its size stays."""
    for axis in (0, 1) if data.mirrored else (0,):
        if rng.random() < 0.5:
            pixels, objects = np.flip(pixels, 1 - axis), _mirrored(objects, axis)
    pixels, objects = _zoomed(pixels, objects, rng)
    return np.ascontiguousarray(_lit(pixels, rng) if data.photometric else pixels), objects


def _mirrored(objects: Objects, axis: int) -> Objects:
    """Left and right change sides (axis 0), or top and bottom (1)."""
    boxes = objects.boxes.copy()
    boxes[:, axis], boxes[:, axis + 2] = 1 - objects.boxes[:, axis + 2], 1 - objects.boxes[:, axis]
    return replace(objects, boxes=boxes)


def _zoomed(pixels: Pixels, objects: Objects, rng: np.random.Generator) -> tuple[Pixels, Objects]:
    """A part of the picture at the size of the whole."""
    height, width = pixels.shape[:2]
    top, left, h, w = _part(height, width, rng)
    part = cv2.resize(pixels[top : top + h, left : left + w], (width, height), interpolation=cv2.INTER_LINEAR)
    boxes = (objects.boxes * [width, height, width, height] - [left, top, left, top]) / [w, h, w, h]
    inside = boxes.clip(0, 1)
    areas, left_over = ((own[:, 2:] - own[:, :2]).prod(1) for own in (boxes, inside))
    kept = left_over > _LEFT * areas
    return part.astype(np.uint8, copy=False), replace(objects, classes=objects.classes[kept], boxes=inside[kept])


def _cropped(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """A part of the picture."""
    height, width = pixels.shape[:2]
    top, left, h, w = _part(height, width, rng)
    return pixels[top : top + h, left : left + w]


def _part(height: int, width: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Top, left, height and width of a part of at least 80 % of each side."""
    share = rng.uniform(0.8, 1.0)
    h, w = max(1, int(height * share)), max(1, int(width * share))
    return int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1)), h, w


def _lit(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    picture = pixels.astype(np.float32) * rng.uniform(0.7, 1.3, (1, 1, 3) if rng.random() < 0.3 else None)
    picture = np.ascontiguousarray(picture + rng.uniform(-15, 15), np.float32)
    if rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.0)).astype(np.float32, copy=False)
    if rng.random() < 0.3:
        picture = picture + rng.normal(0, rng.uniform(2, 7), picture.shape).astype(np.float32)
    return picture.clip(0, 255).astype(np.uint8)
