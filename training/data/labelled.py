"""Labelled pictures, whatever format they came in, and what a sound label is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Form = Literal["yolo", "coco", "voc", "folders"]
# A label may reach beyond the picture by this share of its sides: tools round, and some count pixels from 1.
_BEYOND = 0.01


@dataclass(frozen=True, eq=False)
class LabelledPicture:
    """One picture and what is on it.

    Attributes:
        name: the path below the format's folder of pictures, with `/`.
        width: pixels, turned upright as the picture's Exif data say.
        height: likewise.
        classes: by name.
        boxes: (N, 4) x1, y1, x2, y2 in 0..1.
    """

    path: Path
    name: str
    width: int
    height: int
    classes: list[str]
    boxes: NDArray[np.float64]

    @property
    def objects(self) -> list[tuple[str, NDArray[np.float64]]]:
        """Class and box of each."""
        return list(zip(self.classes, self.boxes, strict=True))


@dataclass(frozen=True, eq=False)
class LabelledSet:
    """All usable pictures of one folder.

    Attributes:
        names: its classes in its own order, those without a box too.
    """

    form: Form
    names: list[str]
    pictures: list[LabelledPicture]


def sound_box(x1: float, y1: float, x2: float, y2: float) -> NDArray[np.float64] | str:
    """The box within the picture, or what is wrong with it; corners in 0..1."""
    box = np.array([x1, y1, x2, y2], np.float64)
    if not np.isfinite(box).all() or x2 <= x1 or y2 <= y1:
        return "the box has no size"
    inside = np.clip(box, 0, 1)
    if box.min() < -_BEYOND or box.max() > 1 + _BEYOND or (inside[2:] <= inside[:2]).any():
        return "the box lies outside the picture"
    return inside


def labelled(
    path: Path, name: str, size: tuple[int, int], rows: list[tuple[str, NDArray[np.float64]]]
) -> LabelledPicture:
    """A picture from its size (width, height) and its objects."""
    boxes = np.array([box for _, box in rows], np.float64).reshape(-1, 4)
    return LabelledPicture(path, name, *size, [label for label, _ in rows], boxes)
