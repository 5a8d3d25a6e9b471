"""Pictures with boxes in YOLO's folder layout, checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from shared.exceptions import InputError
from training.data.pictures import pictures_below
from training.data.problems import Problems


@dataclass(frozen=True, eq=False)
class LabelledPicture:
    """Attributes: classes by name, boxes (N, 4) x1, y1, x2, y2 in 0..1."""

    path: Path
    classes: list[str]
    boxes: NDArray[np.float64]

    @property
    def objects(self) -> list[tuple[str, NDArray[np.float64]]]:
        """Class and box of each."""
        return list(zip(self.classes, self.boxes, strict=True))


def read_folder(folder: Path, names: Sequence[str], problems: Problems) -> list[LabelledPicture]:
    """Every picture below `folder/images` with its labels from `folder/labels`.

    Args:
        names: class names by number; a `data.yaml` in the folder has its own.

    Raises:
        InputError: no such layout, or no picture can be used.
    """
    images = folder / "images"
    if not images.is_dir():
        raise InputError(f"{folder}: has no folder images/; YOLO's layout is images/… and labels/… beside each other")
    names = _own_names(folder) or names
    found = [item for path in pictures_below(images) if (item := _read(path, folder, names, problems))]
    if not found:
        raise InputError(f"{folder}: no picture can be used")
    return found


def _own_names(folder: Path) -> list[str] | None:
    file = folder / "data.yaml"
    if not file.is_file():
        return None
    try:
        names = yaml.safe_load(file.read_text(encoding="utf-8"))["names"]
        return [str(names[index]) for index in range(len(names))]
    except (yaml.YAMLError, OSError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise InputError(
            f"{file}: field names: cannot be read ({type(error).__name__}); a list of class names"
        ) from None


def _read(path: Path, folder: Path, names: Sequence[str], problems: Problems) -> LabelledPicture | None:
    if cv2.imread(str(path), cv2.IMREAD_REDUCED_GRAYSCALE_8) is None:
        problems.add(path, "cannot be decoded")
        return None
    file = (folder / "labels" / path.relative_to(folder / "images")).with_suffix(".txt")
    classes, boxes = [], []
    try:
        lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    except (OSError, UnicodeDecodeError) as error:
        problems.add(file, f"cannot be read ({type(error).__name__})")
        return None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        row = _row(line, names)
        if isinstance(row, str):
            problems.add(file, f"line {number}: {row}")
            continue
        classes.append(row[0])
        boxes.append(row[1])
    return LabelledPicture(path, classes, np.array(boxes, np.float64).reshape(-1, 4))


def _row(line: str, names: Sequence[str]) -> tuple[str, NDArray[np.float64]] | str:
    """Class and box, or what is wrong."""
    try:
        number, x, y, w, h = (float(part) for part in line.split()[:5])
    except ValueError:
        return f"{line!r} is not class, x, y, width, height"
    if not number.is_integer() or not 0 <= number < len(names):
        return f"class {number:g} is none of the {len(names)}"
    box = np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
    if not np.isfinite(box).all() or w <= 0 or h <= 0:
        return "the box has no size"
    if box.min() < -0.01 or box.max() > 1.01:
        return "the box lies outside the picture"
    return names[int(number)], np.clip(box, 0, 1)
