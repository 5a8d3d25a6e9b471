"""Figures of detectors: on held-out pictures, and for the registry those of the model card."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from services.detector.backends.network import load_network
from shared.exceptions import InputError
from training.data.labelled import LabelledPicture
from training.data.problems import Problems
from training.detector.classes import SHARED, own_class
from training.detector.dataset import is_held_out, read_all
from training.detector.evaluate import Precision, measure, read_pictures
from training.detector.rows import names_of
from training.models.promotion import Figure
from training.trust import trusted


def held_out(weights: Path, folders: Sequence[Path], console: Console) -> list[LabelledPicture]:
    """The pictures of folders that no `wayside train detector` trains on.

    Args:
        weights: name the classes by number where a folder has no `data.yaml`.

    Raises:
        InputError: there are none.
    """
    problems = Problems()
    found = read_all(folders, names_of(load_network(weights, trusted=trusted())), problems)
    problems.tell(console)
    held = [item for item in found if is_held_out(item.path)]
    if not any(item.classes for item in held):
        listed = ", ".join(map(str, folders))
        raise InputError(
            f"--data {listed}: of {len(found)} pictures none that is held out from training has labels; "
            "a folder's split.json says which are, else one in five by its name: give more pictures"
        )
    return held


def detector_figures(weights: Path, held: Sequence[LabelledPicture], imgsz: int) -> dict[str, Figure]:
    """Figures of one detector for a promotion.

    Raises:
        ModelError: the weights cannot be loaded.
    """
    found = measure(weights, read_pictures(held), imgsz)
    objects = Counter(own_class(name) for item in held for name in item.classes)
    figures: dict[str, Figure] = {}
    for name, value in figures_of(found, list(objects)).items():
        _, _, part = name.partition("/")
        if part in objects:
            figures[name] = Figure(value, "class", objects[part])
        else:
            figures[name] = Figure(value, "overall" if name == "map50_95" else "shown")
    return figures


def figures_of(found: Precision, classes: Sequence[str] = ()) -> dict[str, float]:
    """As the registry keeps them: `map50_95`, `map50`, and `map50_95/…` per class and size.

    Where none of COCO's classes occurs, the first two are over all classes that do.

    Args:
        classes: those that must be among them; one that was never found has 0.
    """
    per_class = {name: found.by_class.get(name, (0.0, 0.0)) for name in sorted({*classes, *found.by_class})}
    own = [row for name, row in per_class.items() if name in SHARED] or list(per_class.values())
    result = {f"map50{suffix}": _mean([row[index] for row in own]) for index, suffix in enumerate(("_95", ""))}
    result |= {f"map50_95/{name}": row[0] for name, row in per_class.items()}
    return result | {f"map50_95/{size}": value for size, value in _sizes(found).items()}


def _sizes(found: Precision) -> Mapping[str, float]:
    return {size: value for size, value in found.by_size.items() if value is not None}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
