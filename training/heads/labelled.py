"""Pictures with labelled boxes, in any format that has them, as a question for a head: what is where?"""

from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np

from shared.exceptions import InputError
from training.data.forms import form_of, read_boxes
from training.data.labelled import LabelledPicture
from training.data.problems import Problems
from training.data.split import grouped, side_of
from training.heads.cells import Cells
from training.heads.dataset import SPLITS, DataSet, Objects, Picture, Split, load_checked, split_of
from training.heads.targets import targets

# Fewer of a class, pictures or boxes, cannot be split in three and judged.
_LEAST = 12
# The finest grid of the heads' features, pixels of the input.
_SIDE = 16
# What is kept of a copy takes 3 MB with all candidates; so many copies of training pictures are made.
_COPIES = 1500
_MOST_VARIANTS = 4


def is_labelled(source: Path) -> bool:
    """Whether a folder, or a COCO file, holds pictures with boxes."""
    try:
        return form_of(source) != "folders"
    except InputError:
        return False


def read_labelled(name: str, source: Path, problems: Problems, *, imgsz: int, licence: str = "not stated") -> DataSet:
    """Read a folder in YOLO's, COCO's or Pascal VOC's layout; the normal state is that nothing is labelled.

    What `wayside data split` has held out is the test split; what it keeps from both sides is left out. Without it
    folders `train` and `test` decide, else a hash, of all pictures that one camera took in one go together.

    Args:
        imgsz: longer side of the input that the cells belong to, pixels.

    Raises:
        InputError: too little can be used; lists every problem. Or a picture that the folder's split does not know.
    """
    read = read_boxes(source, problems).pictures
    items = [item for item in read if side_of(item.path) != "between"]
    splits = _splits(items)
    counts = Counter(label for item in items for label in item.classes)
    found = [label for label in sorted(counts) if _usable(label, items, splits, source, problems)]
    if not found or len(items) < _LEAST:
        raise problems.stop(
            f"--data {source}: a head with boxes needs {_LEAST} usable pictures, here {len(items)}, and a class with "
            f"{_LEAST} boxes, some of them in each split"
        )
    classes = ["none" if "none" not in found else "nothing", *found]
    cells = Cells(imgsz, _SIDE)
    pictures = [_picture(item, *splits[item.name], classes, cells) for item in items]
    training = sum(picture.split == "train" for picture in pictures)
    result = DataSet(
        name, "patch", classes, pictures, f"pictures with boxes in {source.name}", licence,
        [
            f"cells of {_SIDE} px of an input of {imgsz} px; {classes[0]}: no box; cells near the edge of a box are "
            "not asked for a class",
            *(f"{counts[label]} boxes of {label}" for label in found),
            *problems.lines(),
        ],
        variants=min(_MOST_VARIANTS, max(1, _COPIES // max(1, training) - 1)), cells=cells,
    )  # fmt: skip
    if empty := [key for key, count in result.counts().items() if not count]:
        raise problems.stop(f"--data {source}: no boxes for {', '.join(empty)}; add pictures")
    return result


def _usable(
    label: str, items: list[LabelledPicture], splits: dict[str, tuple[str, Split]], source: Path, problems: Problems
) -> bool:
    """Whether a class has enough boxes; what it lacks is noted."""
    counts = Counter(splits[item.name][1] for item in items for own in item.classes if own == label)
    lacking = [split for split in SPLITS if not counts[split]]
    if counts.total() < _LEAST:
        problems.add(source, f"class {label} with {counts.total()} boxes, {_LEAST} are needed; left out")
    elif lacking:
        problems.add(source, f"class {label} without a box in {' and '.join(lacking)}; left out")
    return counts.total() >= _LEAST and not lacking


def _picture(item: LabelledPicture, group: str, split: Split, classes: list[str], cells: Cells) -> Picture:
    """What is labelled with a class that was left out is nothing."""
    kept = [index for index, label in enumerate(item.classes) if label in classes[1:]]
    numbers = np.array([classes.index(item.classes[index]) for index in kept], np.int64)
    objects = Objects(numbers, item.boxes[kept], item.width, item.height)
    load, label = partial(load_checked, item.path), targets(objects, cells)[0]
    return Picture(item.name, group, split, load, label, item.path, objects)


def _splits(items: list[LabelledPicture]) -> dict[str, tuple[str, Split]]:
    """Group and split of each picture, by its name."""
    sides = {item.name: side_of(item.path) for item in items}
    tops = {name.partition("/")[0] for name in sides}
    given = {"train", "test"} <= tops <= set(SPLITS)
    result: dict[str, tuple[str, Split]] = {}
    for names in grouped(sorted(sides)):
        for name in names:
            top = name.partition("/")[0]
            if sides[name] is not None:
                split = "test" if sides[name] == "test" else split_of(names[0], test=0)
            elif not given:
                split = split_of(names[0])
            elif top == "train" and "val" not in tops:
                split = split_of(names[0], test=0)
            else:
                split = next(known for known in SPLITS if known == top)
            result[name] = names[0], split
    return result
