"""A folder of pictures, one sub-folder per class: the form of any image-classification question."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from shared.exceptions import InputError
from training.data.pictures import SUFFIXES, is_picture
from training.data.problems import Problems
from training.data.split import side_of
from training.heads.dataset import SPLITS, DataSet, Picture, Split, load_checked, read_picture, split_of

# Fewer examples of a class than this cannot be split in three and judged.
_LEAST = 12
# What a normal state is called, so that it becomes the first class whatever the alphabet says.
_NORMAL = ("clear", "empty", "intact", "no", "normal", "ok")


def read_folder(name: str, folder: Path, problems: Problems, *, licence: str = "not stated") -> DataSet:
    """Read `folder/CLASS/**/picture`, or `folder/train|val|test/CLASS/**/picture`.

    What `wayside data split` has held out is the test split; what it keeps from both sides is left out.

    Raises:
        InputError: no such folder, or fewer than two usable classes; lists every problem. Or a picture that the
            folder's split does not know.
    """
    if not folder.is_dir():
        raise InputError(f"--data {folder}: no such folder; it needs one sub-folder with pictures per class")
    given: list[tuple[Path, Split | None]] = [(folder / split, split) for split in SPLITS if (folder / split).is_dir()]
    roots = given if {split for _, split in given} >= {"train", "test"} else [(folder, None)]
    rows: list[tuple[Path, str, Split]] = []
    names = sorted({item.name for root, _ in roots for item in root.iterdir() if item.is_dir()}, key=_order)
    for root, split in roots:
        for label in names:
            usable = (path for path in _usable(root / label, problems) if side_of(path) != "between")
            rows += [(path, label, split or _divided(path, label)) for path in usable]
    per_class = {label: sum(row[1] == label for row in rows) for label in names}
    for label, count in per_class.items():
        if count < _LEAST:
            what = "empty class" if not count else f"class with {count} usable pictures, {_LEAST} are needed"
            problems.add(folder / label, f"{what}; left out")
    classes = [label for label in names if per_class[label] >= _LEAST]
    if len(classes) < 2:
        raise problems.stop(f"--data {folder}: a head needs two classes with {_LEAST} usable pictures each")
    pictures = [
        Picture(
            str(path.relative_to(folder)), str(path.relative_to(folder)), split,
            partial(load_checked, path), np.array(classes.index(label)), path,
        )
        for path, label, split in rows if label in classes
    ]  # fmt: skip
    result = DataSet(name, "image", classes, pictures, f"pictures in {folder.name}/", licence)
    empty = [key for key, count in result.counts().items() if not count]
    if not empty:
        return result
    if roots == given and any(key.startswith("val/") for key in empty) and not any("test/" in key for key in empty):
        pictures = [_carve(picture) for picture in pictures]
        result = DataSet(name, "image", classes, pictures, f"pictures in {folder.name}/", licence)
        empty = [key for key, count in result.counts().items() if not count]
    if empty:
        raise problems.stop(f"--data {folder}: no pictures for {', '.join(empty)}; add some")
    return result


def _divided(path: Path, label: str) -> Split:
    """As the folder's split says, which knows no validation; else by the name."""
    side = side_of(path)
    if side == "test":
        return "test"
    return split_of(f"{label}/{path.name}") if side is None else split_of(f"{label}/{path.name}", test=0)


def _carve(picture: Picture) -> Picture:
    """Takes validation pictures from the training half, where a folder has none."""
    if picture.split == "train" and split_of(picture.group, val=0.2, test=0) == "val":
        return replace(picture, split="val")
    return picture


def _order(name: str) -> tuple[bool, str]:
    return name.lower() not in _NORMAL, name


def _usable(folder: Path, problems: Problems) -> list[Path]:
    """The pictures that can be decoded; the others are named."""
    good = []
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        if not path.is_file():
            continue
        if not is_picture(path):
            problems.add(path, f"is no picture ({', '.join(sorted(SUFFIXES))}); left out")
        elif read_picture(path) is None:
            problems.add(path, "corrupt picture; left out")
        else:
            good.append(path)
    return good
