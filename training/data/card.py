"""The data card: what a folder of labelled pictures holds, how it was divided, and what is wrong with it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from shared.clock import NS
from training.data.capture import capture_of
from training.data.dedupe import find_duplicates
from training.data.digest import CARD, digest_of
from training.data.forms import read_set
from training.data.labelled import LabelledPicture, LabelledSet
from training.data.problems import Problems
from training.data.split import Split, read_split

# COCO's own bounds of small, medium and large objects: square pixels.
_SMALL, _LARGE = 32**2, 96**2
_FORMS = {"yolo": "YOLO", "coco": "COCO", "voc": "Pascal VOC", "folders": "one sub-folder per class"}
_SHOWN = 20


def write_card(folder: Path, problems: Problems, *, licence: str, command: str, names: Sequence[str] = ()) -> Path:
    """Examine the folder and write its `data-card.md`.

    Args:
        command: as it was typed.
        names: see `read_set`.

    Raises:
        InputError: nothing can be read, or the split cannot.
    """
    found = read_set(folder, problems, names)
    split = read_split(folder)
    duplicates = find_duplicates([folder], Problems())  # those that cannot be decoded are among the problems already
    lines = [
        f"# {folder.resolve().name}",
        "",
        f"    {command}",
        "",
        "made this card.",
        "",
        *_table(("", ""), _overview(folder, found, licence), "--- | ---"),
        "",
        "## Classes",
        "",
        *_classes(folder, found, split),
        "",
        "## Cameras and hours",
        "",
        *_hours(found.pictures),
        "",
        "## Split",
        "",
        _split(folder, found, split),
        "",
        "## Near-duplicates",
        "",
        f"{len(duplicates)} pictures show what another shows (`wayside data dedupe`), "
        f"{sum(item.across for item in duplicates)} of them on the other side of the split.",
        "",
        "## Problems",
        "",
        *_problems(folder, problems),
        "",
    ]
    card = folder / CARD
    card.write_text("\n".join(lines), encoding="utf-8")
    return card


def _overview(folder: Path, found: LabelledSet, licence: str) -> Iterable[tuple[str, object]]:
    objects = sum(len(item.classes) for item in found.pictures)
    sizes = Counter((item.width, item.height) for item in found.pictures)
    shown = ", ".join(f"{width}x{height} ({count})" for (width, height), count in sizes.most_common(5))
    yield "pictures", len(found.pictures)
    yield "pictures without objects", sum(not item.classes for item in found.pictures)
    yield "objects", objects
    yield "format", _FORMS[found.form]
    yield "pixels", shown + (f", {len(sizes) - 5} other sizes" if len(sizes) > 5 else "")
    yield "licence", licence
    yield "SHA-256 of the whole", f"`{digest_of(folder)}`"


def _classes(folder: Path, found: LabelledSet, split: Split | None) -> list[str]:
    rows = []
    test = _of_side(folder, found.pictures, split, "test")
    held = Counter(label for item in test for label in item.classes)
    pictures = Counter(label for item in found.pictures for label in set(item.classes))
    sizes = _sizes(found.pictures)
    for name in (name for name in found.names if pictures[name]):
        small, medium, large = (sizes[name, size] for size in ("small", "medium", "large"))
        row: list[object] = [name, small + medium + large, pictures[name]]
        row += [small, medium, large] if found.form != "folders" else []
        rows.append((*row, held[name]) if split else tuple(row))
    bounds = ("below 32x32 px", "medium", "from 96x96 px") if found.form != "folders" else ()
    heads = ("class", "objects", "pictures", *bounds, *(("held out",) if split else ()))
    empty = len(found.names) - len(rows)
    return [*_table(heads, rows), *(["", f"{empty} further classes have no object."] if empty else [])]


def _sizes(pictures: Sequence[LabelledPicture]) -> Counter[tuple[str, str]]:
    """How many objects of each class and size."""
    result: Counter[tuple[str, str]] = Counter()
    for item in pictures:
        areas = (item.boxes[:, 2:] - item.boxes[:, :2]).prod(axis=1) * item.width * item.height
        kinds = np.where(areas < _SMALL, "small", np.where(areas < _LARGE, "medium", "large"))
        result.update(zip(item.classes, kinds.tolist(), strict=True))
    return result


def _hours(pictures: Sequence[LabelledPicture]) -> list[str]:
    """Pictures by camera and UTC hour of the day."""
    captures = [capture_of(item.path) for item in pictures]
    taken = Counter(
        (capture.camera, datetime.fromtimestamp(capture.time // NS, UTC).hour) for capture in captures if capture
    )
    silent = sum(capture is None for capture in captures)
    told = [f"The names of {silent} pictures say neither camera nor time (`CAMERA_TIME.jpg`)."] if silent else []
    if not taken:
        return told
    rows = [(camera, f"{hour:02d}", count) for (camera, hour), count in sorted(taken.items())]
    return [*_table(("camera", "hour (UTC)", "pictures"), rows), *(["", *told] if told else [])]


def _split(folder: Path, found: LabelledSet, split: Split | None) -> str:
    if split is None:
        return (
            "None (`wayside data split`): one picture in five is held out by the digest of its name, so neighbouring "
            "frames may lie on both sides."
        )
    counts = {side: len(_of_side(folder, found.pictures, split, side)) for side in ("train", "test", "between")}
    new = len(found.pictures) - sum(counts.values())
    return (
        f"{counts['train']} pictures to train on, {counts['test']} held out; groups are pictures of one camera less "
        f"than {split.gap_s:g} s apart, {split.share:.0%} of the groups are held out by their SHA-256. "
        f"{counts['between']} lie within the gap of both sides and are used by neither; {new} are newer than the split."
    )


def _of_side(
    folder: Path, pictures: Sequence[LabelledPicture], split: Split | None, side: str
) -> list[LabelledPicture]:
    sides = split.sides() if split else {}
    return [item for item in pictures if sides.get(item.path.relative_to(folder).as_posix()) == side]


def _problems(folder: Path, problems: Problems) -> list[str]:
    lines = [f"- {line.removeprefix(f'{folder}/').removeprefix(f'{folder}: ')}" for line in problems.lines()]
    more = [f"- … and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return [*lines[:_SHOWN], *more] or ["None: every picture can be decoded, every label was understood."]


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]], rule: str = "") -> list[str]:
    """Markdown; all but the first column are numbers, unless `rule` says otherwise."""
    rule = rule or " | ".join(["---", *["--:"] * (len(heads) - 1)])
    cells = [" | ".join(str(cell).replace("|", "\\|") for cell in row) for row in rows]
    return [f"| {' | '.join(heads)} |", f"| {rule} |", *(f"| {row} |" for row in cells)]
