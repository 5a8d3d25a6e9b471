"""The model card: what a detector is, what it was trained on, and how it does on what it never saw."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from services.detector.backends.network import load_network
from services.detector.model_file import ModelSpec
from services.detector.weights import version_of
from training.bench.machine import describe
from training.data.auto_cutouts import Labelled, cut_all
from training.data.overhead import Overhead
from training.data.problems import Problems
from training.data.roadside import Labels, Roadside
from training.data.trained import fresh, read_trained, record_of
from training.detector.classes import CLASSES, NAMES
from training.detector.dataset import Recipe, is_held_out, read_all
from training.detector.evaluate import Precision, measure, read_pictures
from training.detector.rows import names_of
from training.scenes.canvas import Picture
from training.trust import trusted

_STAGED, _ABOVE, _SEED = 400, 200, 20_000


@dataclass(frozen=True, slots=True)
class Card:
    """A model card.

    Attributes:
        tables: in Markdown.
        precision: of the model, on held-out pictures where there are some, else on drawn frames.
    """

    file: Path
    tables: str
    precision: Precision | None


def write_card(target: Path, spec: ModelSpec, start: Path, recipe: Recipe, imgsz: int) -> Card:
    """Measure the model beside its start and write `<model>.md`."""
    network = load_network(start, trusted=trusted())
    names = names_of(network)
    held = [item for item in read_all(recipe.folders, names, Problems()) if is_held_out(item.path)]
    # A split made since an earlier training holds out what the start has seen.
    held = fresh(held, lambda item: item.path, read_trained(record_of(target)) or ())
    tables = []
    precision = None
    if held:
        pair = [measure(weights, read_pictures(held), imgsz) for weights in (start, target)]
        precision = pair[1]
        tables += [
            "Pictures that training never saw (held out by `training/data/coco_split.py`):",
            "",
            *_table(*pair),
            "",
        ]
    if recipe.staged:
        found = list(cut_all([(item.path, item.objects) for item in held]))
        pair = [measure(weights, _staged(found), imgsz) for weights in (start, target)]
        precision = precision or pair[1]
        text = "Staged road frames with the vehicles, people, animals, things and roads of the benchmark's test split:"
        tables += [text, "", *_table(*pair), ""]
        pair = [measure(weights, _above(), imgsz) for weights in (start, target)]
        text = "Frames seen from above (`training/data/overhead.py`), half of the vehicles those of the test split:"
        tables += [text, "", *_table(*pair), ""]
    figures = "\n".join(tables)
    card = target.with_suffix(".md")
    card.write_text(_text(target, spec, recipe, figures), encoding="utf-8")
    return Card(card, figures, precision)


def _staged(found: list[Labelled]) -> Iterator[tuple[Picture, Labels]]:
    roadside = Roadside(found, _SEED, "test")
    for _ in range(_STAGED):
        picture, labels, _ = roadside.frame()
        yield picture, labels


def _above() -> Iterator[tuple[Picture, Labels]]:
    overhead = Overhead(_SEED, "test")
    for _ in range(_ABOVE):
        picture, labels, _ = overhead.frame()
        yield picture, labels


def _table(before: Precision, after: Precision) -> list[str]:
    lines = [f"| {before.pictures} pictures | start | own | change |", "| --- | --: | --: | --: |"]
    rows: list[tuple[str, float | None, float | None]] = [
        ("mAP50-95, shared classes", before.shared, after.shared),
        ("mAP50, shared classes", before.shared50, after.shared50),
    ]
    rows += [(f"mAP50-95, {size}", before.by_size[size], after.by_size[size]) for size in after.by_size]
    rows += [
        (f"{name}, mAP50-95", (before.by_class.get(name) or (0.0,))[0], after.by_class[name][0])
        for name in NAMES
        if name in after.by_class
    ]
    return lines + [
        f"| {name} | {first:.3f} | {last:.3f} | {last - first:+.3f} |"
        for name, first, last in rows
        if first is not None and last is not None
    ]


def _text(target: Path, spec: ModelSpec, recipe: Recipe, figures: str) -> str:
    united = "\n".join(f"| `{name}` | {', '.join(classes) or '-'} |" for name, classes in CLASSES.items())
    folders = ", ".join(f"`{folder.name}`" for folder in recipe.folders) or "none"
    return f"""# {spec.name}

`{version_of(target)}`: YOLO11n that publishes {len(set(spec.classes))} classes, started from `{spec.start}`.

    {spec.command}

made this file, the numbers below and this card ({describe()}).

| class | of COCO |
| --- | --- |
{united}

It has {len(spec.rows)} rows, COCO's 80 among them, and publishes the class of the best. `object` also has COCO's
other classes, and drawn things of any shape.

## Data

Folders {folders} without what is held out, and {recipe.staged} drawn frames. Most show roads
(`training/data/roadside.py`): cut-outs of those pictures, vehicles of the first half of highway.mp4, drawn cones and
objects. One in five is seen from above (`training/data/overhead.py`): drawn vehicles and the first vehicle of
parking-overhead.mp4 on drawn ground.

## Figures

{figures}
## Limits

People, animals and things on roads were learned from few hundred cut-outs on drawn roads; real footage of them was not
at hand. Retrain on your own cameras: [docs/training.md](../docs/training.md).

## Licence

AGPL-3.0, as Ultralytics's YOLO11 that it starts from.
"""
