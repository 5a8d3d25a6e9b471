"""The pictures that a detector trains on: own folders and drawn roads, as Ultralytics reads them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from shared.exceptions import InputError
from training.data.coco_split import held_out
from training.data.digest import digest_of_all
from training.data.drawing import draw_frames
from training.data.forms import read_boxes
from training.data.labelled import LabelledPicture
from training.data.problems import Problems
from training.data.split import coco_number, side_of
from training.data.trained import picture_digest, write_trained
from training.detector.classes import NEW, rows_for

# One drawn frame and one own picture in so many judge the training while it runs.
_VALIDATED = 12
_OWN_VALIDATED = 6
RECORD = "pictures.trained"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a detector is trained on.

    Attributes:
        folders: of labelled pictures, or COCO files.
        staged: drawn frames.
        repeat: how often own pictures are shown per epoch.
        seed: of the drawn frames.
    """

    folders: tuple[Path, ...]
    staged: int
    repeat: int
    seed: int

    def digest(self) -> str:
        """SHA-256 of the folders' contents, hex digits; of a COCO file its own, without the pictures that it names.

        Raises:
            InputError: a file cannot be read.
        """
        return digest_of_all(self.folders)


def is_held_out(path: Path) -> bool:
    """Pictures that no training sees: COCO's by `coco_split`, others as `wayside data split` has divided their folder.

    Without a split it is one in five by the digest of the name.

    Raises:
        InputError: a picture that the folder's split does not know.
    """
    stem = path.stem
    if (number := coco_number(stem)) is not None:
        return held_out(number)
    if (side := side_of(path)) is not None:
        return side == "test"
    return hashlib.sha256(stem.encode()).digest()[0] % 5 == 0


def read_all(folders: Sequence[Path], names: Sequence[str], problems: Problems) -> list[LabelledPicture]:
    """Every labelled picture of all folders, in any format with boxes; none that its split keeps from both sides."""
    found = [item for folder in folders for item in read_boxes(folder, problems, names).pictures]
    return [item for item in found if side_of(item.path) != "between"]


def write_dataset(recipe: Recipe, names: Sequence[str], out: Path, problems: Problems) -> Path:
    """Write pictures, labels, lists and the record of the pictures below `out`; nothing held out is among them.

    Args:
        names: of the start's rows, in order.

    Returns:
        the dataset's YAML file for Ultralytics; its names are the start's and those that the data have beside them.

    Raises:
        InputError: nothing is left to train on.
    """
    seen = [item for item in read_all(recipe.folders, names, problems) if not is_held_out(item.path)]
    if recipe.folders and not seen:
        raise InputError("every picture is held out for evaluation; give more pictures")
    rows = rows_for(names, [*(name for item in seen for name in item.classes), *(NEW if recipe.staged else ())])
    out = out.resolve()
    (out / "images").mkdir(parents=True, exist_ok=True)
    (out / "labels").mkdir(exist_ok=True)
    training: list[Path] = []
    judging: list[Path] = []
    for number, item in enumerate(seen):
        target = out / "images" / f"own-{number:06d}{item.path.suffix.lower()}"
        target.unlink(missing_ok=True)
        target.symlink_to(item.path.resolve())
        _write_labels(target, rows, item.classes, item.boxes)
        if number % _OWN_VALIDATED == 0 and len(seen) > _OWN_VALIDATED:
            judging.append(target)
        else:
            training += [target] * recipe.repeat
    drawn = _draw(recipe, seen, rows, out) if recipe.staged else []
    judging += drawn[::_VALIDATED]
    training += [path for index, path in enumerate(drawn) if index % _VALIDATED]
    if not training:
        raise InputError("nothing to train on; give --data FOLDER or --staged COUNT")
    judging = judging or training[:1]
    for name, paths in (("train", training), ("val", judging)):
        (out / f"{name}.txt").write_text("".join(f"{path}\n" for path in paths))
    write_trained(out / RECORD, [picture_digest(item.path) for item in seen])
    file = out / "data.yaml"
    lists = {"train": "train.txt", "val": "val.txt"}
    file.write_text(yaml.safe_dump({"path": str(out), **lists, "names": dict(enumerate(rows))}))
    return file


def _draw(recipe: Recipe, seen: Sequence[LabelledPicture], rows: Sequence[str], out: Path) -> list[Path]:
    frames = draw_frames(seen, recipe.staged, recipe.seed, out / "images")
    for path, labels in frames:
        _write_labels(path, rows, labels.classes, labels.boxes)
    return [path for path, _ in frames]


def _write_labels(picture: Path, rows: Sequence[str], classes: Sequence[str], boxes: np.ndarray) -> None:
    middle, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    lines = [
        f"{rows.index(name)} {x:.6f} {y:.6f} {w:.6f} {h:.6f}\n"
        for name, (x, y), (w, h) in zip(classes, middle, size, strict=True)
    ]
    file = picture.parent.parent / "labels" / f"{picture.stem}.txt"
    file.write_text("".join(lines))
