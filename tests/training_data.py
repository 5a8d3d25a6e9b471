"""Tiny data sets: one that a detector learns in seconds, one for a head; and drawn frames compared."""

from pathlib import Path

import cv2
import numpy as np

from training.data.roadside import Labels
from training.scenes.canvas import Picture


def write_squares(folder: Path, count: int = 40) -> Path:
    """Bright squares on grey, as cones, in YOLO's layout."""
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    (folder / "data.yaml").write_text("names: [cone]\n")
    random = np.random.default_rng(1)
    for number in range(count):
        picture = random.integers(80, 120, (160, 160, 3), np.uint8)
        x, y = random.integers(20, 110, 2).tolist()
        cv2.rectangle(picture, (x, y), (x + 30, y + 30), (30, 120, 240), -1)
        cv2.imwrite(str(folder / "images" / f"{number}.jpg"), picture)
        label = f"0 {(x + 15) / 160} {(y + 15) / 160} {30 / 160} {30 / 160}\n"
        (folder / "labels" / f"{number}.txt").write_text(label)
    return folder


def draw_stripes(folder: Path, count: int) -> None:
    """Pictures with stripes and without, one sub-folder each."""
    rng = np.random.default_rng(0)
    for label in ("stripes", "empty"):
        (folder / label).mkdir(parents=True)
        for number in range(count):
            picture = rng.integers(60, 120, (96, 128, 3)).astype(np.uint8)
            if label == "stripes":
                picture[:, :: int(rng.integers(8, 20))] = 255
            cv2.imwrite(str(folder / label / f"{number}.png"), picture)


def assert_same_frame(one: tuple[Picture, Labels, int], other: tuple[Picture, Labels, int]) -> None:
    """Of two drawn frames: picture, labels and JPEG quality."""
    (picture, labels, quality), (again, same, equal) = one, other
    assert np.array_equal(picture, again)
    assert labels.classes == same.classes
    assert np.array_equal(labels.boxes, same.boxes)
    assert quality == equal
