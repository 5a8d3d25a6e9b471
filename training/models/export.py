"""`wayside export`: a model for other technologies than torch, and what is lost by it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from services.detector.backends.agreement import Agreement, as_input, compare, own_pictures
from services.detector.backends.base import Backend
from services.detector.backends.load import Wanted, exported, load, load_torch
from services.detector.backends.network import load_network
from services.detector.memory.descriptors import LAYERS
from shared.exceptions import InputError, ModelError
from training.data.labelled import LabelledPicture
from training.data.problems import Problems
from training.detector.dataset import read_all
from training.detector.evaluate import LEAST_SCORE, measure_backend, read_pictures
from training.detector.rows import names_of
from training.models.quantise import quantise
from training.report import wide_console

PICTURES = {".jpg", ".jpeg", ".png"}


@dataclass(frozen=True, slots=True)
class Row:
    """One backend beside torch in float32.

    Attributes:
        map50_95: on labelled pictures; None where none were given.
    """

    name: str
    precision: str
    agreement: Agreement
    map50_95: float | None = None


def run_export(
    names: Sequence[str], wanted: Wanted, imgsz: int, data: Sequence[Path], pictures: Path | None, tolerance: float,
    calibrate: Path | None = None,
) -> None:  # fmt: skip
    """Export for each backend, compare with torch and print; the graphs stay where the detector looks for them.

    Args:
        wanted: the weights, with the heads that a detector runs with them.
        data: folders of labelled pictures, for mean average precision.
        pictures: a folder to compare boxes and features on, instead of two photographs.
        tolerance: of mAP.
        calibrate: a folder of pictures to make int8 of the model with.

    Raises:
        ModelError: one cannot be exported, or loses more than is tolerated.
        ConfigError: its packages are not installed.
        InputError: no pictures there.
    """
    console = wide_console()
    wanted = replace(wanted, layers=LAYERS)
    if calibrate is not None:
        console.print(f"int8 of {wanted.weights.name}: {make_int8(wanted, calibrate, imgsz)}", highlight=False)
    for name in names:
        load(name, wanted)  # refused here already when it differs on the photographs
    items = labelled(data, wanted, console)
    rows = compared(names, wanted, imgsz, paths_in(pictures) if pictures else own_pictures(), items)
    console.print(table(rows, wanted.weights.name, imgsz))
    reference = rows[0].map50_95
    for row in rows[1:]:
        if reference is not None and row.map50_95 is not None and row.map50_95 < reference - tolerance:
            raise ModelError(
                f"{row.name} in {row.precision} loses {reference - row.map50_95:.3f} of mAP50-95, at most {tolerance} "
                "is tolerated; set WAYSIDE_PRECISION=float32, or WAYSIDE_BACKEND=torch"
            )


def make_int8(wanted: Wanted, folder: Path, imgsz: int) -> Path:
    """Quantise the graph that a detector would run, with the pictures of a folder; returns the file.

    Raises:
        ModelError, ConfigError, InputError: see `exported` and `quantise`.
    """
    weights, _ = exported(wanted)
    return quantise(weights.path, paths_in(folder, "--calibrate"), imgsz, max(weights.strides))


def compared(
    names: Sequence[str], wanted: Wanted, imgsz: int, pictures: Sequence[Path], items: Sequence[LabelledPicture]
) -> list[Row]:
    """Torch in float32, in what it takes by itself, and the others, in the order of the names."""
    plain = load_torch(wanted, "float32")
    inputs = [as_input(path, imgsz, plain.stride) for path in pictures]
    own = load_torch(wanted, "auto" if wanted.precision == "int8" else None)
    backends: list[Backend] = [plain, own, *(load(name, wanted) for name in names)]
    unique = {(one.name, one.precision): one for one in backends}
    low = replace(wanted, min_score=LEAST_SCORE)
    rows = []
    for (name, precision), backend in unique.items():
        found = None
        if items:
            low_backend = load(name, replace(low, precision=precision))
            found = measure_backend(low_backend, read_pictures(items), imgsz).shared
        rows.append(Row(name, precision, compare(plain, backend, inputs, LAYERS), found))
    return rows


def table(rows: Sequence[Row], model: str, imgsz: int) -> Table:
    """One row per backend."""
    shown = Table(title=f"{model} at {imgsz} px beside torch in float32")
    for column in ("backend", "precision", "sure boxes", "that agree", "score shift", "cosine of features", "mAP50-95"):
        shown.add_column(column, justify="left" if column in ("backend", "precision") else "right")
    for row in rows:
        shown.add_row(
            row.name, row.precision, str(row.agreement.boxes), f"{row.agreement.matched:.1%}",
            f"{row.agreement.score_shift:.4f}", f"{row.agreement.cosine:.5f}",
            "-" if row.map50_95 is None else f"{row.map50_95:.4f}",
        )  # fmt: skip
    return shown


def paths_in(folder: Path, option: str = "--pictures") -> list[Path]:
    """Its pictures; `option` names it in messages.

    Raises:
        InputError: there are none.
    """
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in PICTURES)
    if not found:
        raise InputError(f"{option} {folder}: no .jpg or .png there")
    return found


def labelled(folders: Sequence[Path], wanted: Wanted, console: Console) -> list[LabelledPicture]:
    """All labelled pictures: what training has seen as well, since the weights are the same on both sides.

    Args:
        wanted: whose classes stand for numbers where a folder has no `data.yaml`.

    Raises:
        InputError: there are none.
    """
    if not folders:
        return []
    problems = Problems()
    found = read_all(folders, names_of(load_network(wanted.weights, trusted=wanted.trusted)), problems)
    problems.tell(console)
    if not any(item.classes for item in found):
        raise InputError(f"--data {', '.join(map(str, folders))}: no labelled pictures there")
    return found
