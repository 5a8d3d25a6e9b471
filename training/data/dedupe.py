"""Find near-duplicates in folders of labelled pictures, and set them aside with their labels."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.data.coco_file import find_files, picture_paths
from training.data.near import DISTANCE, duplicates, look_at
from training.data.pictures import pictures_below
from training.data.problems import Problems
from training.data.split import read_split
from training.data.voc_folder import places

# Folders that hold what judges a model, as others name them.
_TEST = frozenset({"test", "val", "valid", "validation"})


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A picture that shows what another shows.

    Attributes:
        across: they lie on different sides of the split.
    """

    dropped: Path
    kept: Path
    across: bool


def find_duplicates(folders: Sequence[Path], problems: Problems, distance: int = DISTANCE) -> list[Duplicate]:
    """Near-duplicates among the pictures of all folders.

    Of two the first by name is kept; but what tests a model stays, so that its figures can be compared.

    Raises:
        InputError: a folder's split cannot be read.
    """
    tests: dict[Path, bool] = {}
    for folder in folders:
        split = read_split(folder)
        sides = split.sides() if split else {}
        for path in pictures_below(folder):
            name = path.relative_to(folder)
            side = sides.get(name.as_posix())
            tests[path] = side == "test" if side else bool(_TEST & set(name.parts[:-1]))
    looked, good = look_at(sorted(tests, key=lambda path: (not tests[path], path)))
    for path in tests.keys() - set(good):
        problems.add(path, "cannot be decoded")
    pairs = [(good[dropped], good[kept]) for dropped, kept in duplicates(looked, distance)]
    return [Duplicate(dropped, kept, tests[dropped] != tests[kept]) for dropped, kept in pairs]


def set_aside(folder: Path, dropped: Sequence[Path]) -> Path:
    """Move these pictures of the folder and their labels to `FOLDER-duplicates`, under the same names.

    A COCO file is written anew without them; the old one lies beside the pictures.

    Raises:
        OSError: something cannot be moved.
    """
    whole = folder.resolve()
    aside = whole.with_name(f"{whole.name}-duplicates")
    for file in find_files(folder):
        _without(file, set(dropped), aside / file.relative_to(folder))
    for path in dropped:
        for part in (path, *_labels_of(path, folder)):
            target = aside / part.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(part, target)
    return aside


def _labels_of(path: Path, folder: Path) -> list[Path]:
    """Its file of labels in YOLO's or Pascal VOC's layout, where there is one."""
    notes, images = places(folder)
    candidates = [path.with_suffix(".xml")]
    if path.is_relative_to(folder / "images"):
        candidates.append((folder / "labels" / path.relative_to(folder / "images")).with_suffix(".txt"))
    if path.is_relative_to(images):
        candidates.append((notes / path.relative_to(images)).with_suffix(".xml"))
    return [file for file in dict.fromkeys(candidates) if file.is_file()]


def _without(file: Path, dropped: set[Path], old: Path) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    gone = {number for number, path in picture_paths(file, content["images"]).items() if path in dropped}
    if not gone:
        return
    if not old.exists():
        old.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, old)
    content["images"] = [row for row in content["images"] if row.get("id") not in gone]
    content["annotations"] = [row for row in content["annotations"] if row.get("image_id") not in gone]
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    partial.replace(file)
