"""What a head is trained on: pictures with a class each, or with a grid of classes; split by where they come from."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from services.detector.heads.net import HeadKind
from training.data.problems import Problems
from training.heads.cells import Cells

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
Pixels = NDArray[np.uint8]
IGNORED = -1


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """What is labelled on a picture.

    Attributes:
        classes: (M,) indices into the data set's classes.
        boxes: (M, 4) x1, y1, x2, y2 in 0..1 of the picture.
        width, height: of the picture, pixels.
    """

    classes: NDArray[np.int64]
    boxes: NDArray[np.float64]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture.

    Attributes:
        name: as it is told in reports.
        group: what it was made from; a group lies in one split only, and intervals resample groups.
        load: gives (H, W, 3) uint8 RGB.
        label: () int64 class, or (gh, gw) int64 with `IGNORED` where nothing is asked.
        source: the file that it was read or made from; None of a clip's frame.
        objects: what the grid of labels was made from; None where there are no boxes.
    """

    name: str
    group: str
    split: Split
    load: Callable[[], Pixels]
    label: NDArray[np.int64]
    source: Path | None = None
    objects: Objects | None = None


@dataclass(frozen=True, slots=True)
class DataSet:
    """Pictures of all splits.

    Attributes:
        classes: the first is the normal state.
        variants: augmented copies of each training picture beside itself.
        mirrored: whether a picture upside down is still a picture of its class.
        photometric: whether augmentation may change light, sharpness and noise: not where these are the question.
        cells: the grid of a data set with boxes, in which every picture has objects; None of any other.
    """

    name: str
    kind: HeadKind
    classes: list[str]
    pictures: list[Picture]
    source: str
    licence: str
    notes: list[str] = field(default_factory=list)
    variants: int = 4
    mirrored: bool = False
    photometric: bool = True
    cells: Cells | None = None

    def of(self, split: Split) -> list[Picture]:
        """The pictures of a split."""
        return [picture for picture in self.pictures if picture.split == split]

    def counts(self) -> dict[str, int]:
        """Examples (cells of a grid count each) per split and class, such as `train/intact`."""
        result: dict[str, int] = {}
        for split in SPLITS:
            labels = np.concatenate([np.ravel(picture.label) for picture in self.of(split)] or [np.empty(0, np.int64)])
            for index, name in enumerate(self.classes):
                result[f"{split}/{name}"] = int((labels == index).sum())
        return result


def split_of(group: str, *, val: float = 0.15, test: float = 0.25) -> Split:
    """The split that a group falls into by its SHA-256: the same on every computer, whatever else is there."""
    share = int.from_bytes(hashlib.sha256(group.encode()).digest()[:4]) / 2**32
    return "test" if share < test else "val" if share < test + val else "train"


def read_picture(path: Path) -> Pixels | None:
    """(H, W, 3) uint8 RGB; None when it cannot be decoded."""
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError:
        return None
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if data.size else None
    return None if picture is None else picture.astype(np.uint8, copy=False)


def load_checked(path: Path) -> Pixels:
    """As `read_picture`, of a file that was readable before."""
    picture = read_picture(path)
    if picture is None:
        raise Problems().stop(f"{path}: has become unreadable while the training ran")
    return picture
