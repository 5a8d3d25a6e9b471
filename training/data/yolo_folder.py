"""Pictures with boxes in YOLO's folder layout: `images/…` and `labels/…` beside each other."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from shared.exceptions import InputError
from training.data.labelled import LabelledPicture, labelled, sound_box
from training.data.pictures import measure, pictures_below
from training.data.problems import Problems

# Class and box; with a score when a detector wrote it. Longer lines are outlines: class, then x, y of each corner.
_BOX_PARTS = (5, 6)


def read_folder(folder: Path, names: Sequence[str], problems: Problems) -> list[LabelledPicture]:
    """Every picture below `folder/images` with its labels from `folder/labels`; one without a file has no objects.

    Args:
        names: class names by number; a `data.yaml` in the folder has its own.

    Raises:
        InputError: no such layout, or no picture can be used.
    """
    images = folder / "images"
    if not images.is_dir():
        raise InputError(f"{folder}: has no folder images/; YOLO's layout is images/… and labels/… beside each other")
    own = own_names(folder)
    names = names if own is None else own
    paths = list(pictures_below(images))
    found = [item for path in paths if (item := _read(path, folder, names, problems))]
    if not found:
        raise InputError(f"{folder}: no picture can be used")
    known = {_label_file(path, folder) for path in paths}
    for file in sorted((folder / "labels").rglob("*.txt")):
        if file not in known and file.name != "classes.txt":  # some tools leave the class names among the labels
            problems.add(file, "has no picture")
    return found


def own_names(folder: Path) -> list[str] | None:
    """The class names in the folder's `data.yaml`; None without one.

    Raises:
        InputError: it has no list of names.
    """
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


def label_lines(item: LabelledPicture, names: Sequence[str]) -> str:
    """A label file's text: class, middle and size in 0..1; six digits are a 250th of a pixel at 4K."""
    middle, size = (item.boxes[:, :2] + item.boxes[:, 2:]) / 2, item.boxes[:, 2:] - item.boxes[:, :2]
    rows = zip(item.classes, middle, size, strict=True)
    return "".join(f"{names.index(name)} {x:.6f} {y:.6f} {w:.6f} {h:.6f}\n" for name, (x, y), (w, h) in rows)


def write_labels(pictures: Sequence[LabelledPicture], names: Sequence[str], out: Path) -> None:
    """`labels/…` and `data.yaml` for pictures that lie, or will lie, under their names in `out/images`."""
    for item in pictures:
        file = (out / "labels" / item.name).with_suffix(".txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(label_lines(item, names), encoding="utf-8")
    yolo = {"train": "images", "val": "images", "names": dict(enumerate(names))}
    (out / "data.yaml").write_text(yaml.safe_dump(yolo, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _label_file(path: Path, folder: Path) -> Path:
    return (folder / "labels" / path.relative_to(folder / "images")).with_suffix(".txt")


def _read(path: Path, folder: Path, names: Sequence[str], problems: Problems) -> LabelledPicture | None:
    size = measure(path)
    if isinstance(size, str):
        problems.add(path, size)
        return None
    file = _label_file(path, folder)
    try:
        lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    except (OSError, UnicodeDecodeError) as error:
        problems.add(file, f"cannot be read ({type(error).__name__})")
        return None
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        row = _row(line, names)
        if isinstance(row, str):
            problems.add(file, f"line {number}: {row}")
        else:
            rows.append(row)
    return labelled(path, path.relative_to(folder / "images").as_posix(), size, rows)


def _row(line: str, names: Sequence[str]) -> tuple[str, NDArray[np.float64]] | str:
    """Class and box, or what is wrong."""
    try:
        number, *values = (float(part) for part in line.split())
    except ValueError:
        return f"{line!r} is not class, x, y, width, height"
    if len(values) + 1 not in _BOX_PARTS and (len(values) < 6 or len(values) % 2):
        return f"{line!r} is not class, x, y, width, height"
    if not number.is_integer() or not 0 <= number < len(names):
        return f"class {number:g} is none of the {len(names)}"
    if len(values) + 1 in _BOX_PARTS:
        x, y, w, h = values[:4]
        box = sound_box(x - w / 2, y - h / 2, x + w / 2, y + h / 2)
    else:
        box = sound_box(min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2]))
    return box if isinstance(box, str) else (names[int(number)], box)
