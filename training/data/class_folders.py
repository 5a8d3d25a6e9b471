"""Pictures in one sub-folder per class, as heads are trained on: read, and cut from labelled pictures."""

import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.labelled import LabelledPicture, labelled
from training.data.pictures import is_picture, measure, pictures_below
from training.data.problems import Problems

# Around a box, share of its longer side: a thing is judged by where it stands as well.
MARGIN = 0.25
_WHOLE = np.array([0.0, 0.0, 1.0, 1.0])


def class_names(folder: Path) -> list[str]:
    """The sub-folders; hidden ones are no classes."""
    return sorted(item.name for item in folder.iterdir() if item.is_dir() and not item.name.startswith("."))


def read_class_folders(folder: Path, problems: Problems) -> tuple[list[LabelledPicture], list[str]]:
    """Every picture with its folder's name as class; its box is the whole picture.

    Raises:
        InputError: no picture can be used.
    """
    found, names = [], class_names(folder)
    for label in names:
        for path in pictures_below(folder / label):
            size = measure(path)
            if isinstance(size, str):
                problems.add(path, size)
            else:
                found.append(labelled(path, path.relative_to(folder).as_posix(), size, [(label, _WHOLE)]))
    if not found:
        raise problems.stop(f"{folder}: no picture can be used")
    return found, names


def looks_like(folder: Path) -> bool:
    """Whether some sub-folder holds pictures."""
    return any(is_picture(path) for label in class_names(folder) for path in (folder / label).rglob("*"))


def crop(picture: NDArray[np.uint8], box: NDArray[np.float64], margin: float = MARGIN) -> NDArray[np.uint8]:
    """The part of an (H, W, 3) picture around a box in 0..1, as square as the picture's edges allow."""
    height, width = picture.shape[:2]
    corners = box * [width, height, width, height]
    middle, half = (corners[:2] + corners[2:]) / 2, (corners[2:] - corners[:2]).max() * (0.5 + margin)
    left, top = np.maximum(np.floor(middle - half), 0).astype(int)
    right, bottom = np.minimum(np.ceil(middle + half), [width, height]).astype(int)
    return picture[top:bottom, left:right]


def write_crops(pictures: Sequence[LabelledPicture], out: Path) -> int:
    """Each object as `out/CLASS/NAME-NUMBER.jpg`; returns how many."""
    count = 0
    for item in pictures:
        whole = cv2.imread(str(item.path))
        assert whole is not None  # the check has seen it
        for number, (label, box) in enumerate(item.objects, 1):
            stem = Path(item.name).with_suffix("").as_posix().replace("/", "-")
            file = out / folder_name(label) / f"{stem}-{number}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(file), crop(np.asarray(whole, np.uint8), box), [cv2.IMWRITE_JPEG_QUALITY, 95])
            count += 1
    return count


def folder_name(label: str) -> str:
    """A class as the name of a folder.

    Example:
        >>> folder_name("traffic light"), folder_name("../car")
        ('traffic light', 'car')
    """
    return re.sub(r"[^\w .-]+", "-", label).strip("-. ") or "unnamed"
