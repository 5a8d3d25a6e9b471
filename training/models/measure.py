"""Both models of a promotion measured on the same data in the same minutes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from shared.exceptions import ConfigError, InputError
from shared.registry import ModelVersion
from shared.settings import load_settings
from training.data.problems import Problems
from training.heads.command import Request, read_data
from training.heads.compare import FRAME
from training.models.detectors import detector_figures, held_out
from training.models.heads import head_figures, load
from training.models.incidents import alone, incident_figures
from training.models.promotion import Figure
from training.models.speed import forward_pass, in_turns
from training.models.unseen import nothing_left, unseen
from training.report import wide_console
from training.start import start_of

Measured = list[dict[str, Figure]]
"""Figures of each model, in the order of the models."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What models are measured on.

    Attributes:
        data: folders as `wayside train` takes them; what it holds out is used.
        degrade: of heads, as in `wayside train head`.
        start: of heads, the detector whose features they look at.
        imgsz: longer side of a detector's input, pixels.
        incidents: scenes per type of incident of the incident benchmark, of detectors; 0 leaves it out, None is for
            what is enough to notice a model that sees too little.
        all_kinds: with as many scenes of its other kinds.
        registry: where a `start` of a registry is; else the setting's.
    """

    data: tuple[Path, ...]
    degrade: bool = False
    start: str = "wayside-n"
    imgsz: int = 640
    incidents: int | None = None
    all_kinds: bool = False
    registry: str | None = None


def measure_all(
    versions: Sequence[ModelVersion], files: Sequence[Path], basis: Basis, say: Callable[[str], None]
) -> Measured:
    """Figures of each version, speed among them.

    Args:
        files: their weights files.

    Raises:
        ConfigError, InputError: the data do not fit.
        ModelError: a file cannot be loaded.
    """
    measured, passes = _detectors(versions, files, basis, say) if versions[0].kind == "detector" else _heads(
        versions, files, basis, say
    )  # fmt: skip
    say("measuring the speed in turns")
    for figures, ms in zip(measured, in_turns(passes), strict=True):
        figures["ms_per_picture"] = Figure(ms, "speed")
    return measured


def _detectors(
    versions: Sequence[ModelVersion], files: Sequence[Path], basis: Basis, say: Callable[[str], None]
) -> tuple[Measured, list[Callable[[], object]]]:
    console = wide_console()
    found = held_out(files[0], basis.data, console)
    held = unseen(found, lambda item: item.path, versions, files, say)
    if not any(item.classes for item in held):
        raise nothing_left(basis.data, len(found))
    measured = []
    for version, file in zip(versions, files, strict=True):
        say(f"{version.label}: measuring on {len(held)} pictures that training never saw")
        measured.append(detector_figures(file, held, basis.imgsz))
    staged = incident_figures(files, basis.imgsz, basis.incidents, basis.all_kinds, say)
    for figures, own in zip(measured, staged, strict=True):
        figures |= own
    for line in alone(*staged) if len(staged) == 2 and staged[0] else ():
        say(line)
    return measured, [forward_pass(file, _frame(), basis.imgsz) for file in files]


def _heads(
    versions: Sequence[ModelVersion], files: Sequence[Path], basis: Basis, say: Callable[[str], None]
) -> tuple[Measured, list[Callable[[], object]]]:
    if basis.incidents or basis.all_kinds:
        raise ConfigError("--incidents, --all-kinds: staged scenes judge detectors; leave them out for a head")
    problems = Problems()
    data = read_data(Request(versions[0].name, basis.data, Path(), degrade=basis.degrade), problems)
    problems.tell(wide_console())
    if not data.of("test"):
        raise InputError(f"--data {basis.data[0]}: has no pictures for the test")
    test = unseen(data.of("test"), lambda picture: picture.source, versions, files, say)
    if not test:
        raise nothing_left(basis.data, len(data.of("test")))
    data = replace(data, pictures=test)
    heads = [
        load(
            file,
            version.label,
            [basis.start, *start_of(version.lineage.get("start"))],
            load_settings(registry=basis.registry),
        )
        for version, file in zip(versions, files, strict=True)
    ]
    measured = []
    for version, head in zip(versions, heads, strict=True):
        say(f"{version.label}: measuring on {len(test)} pictures that training never saw")
        measured.append(head_figures(head, data))
    # With its detector: that is what a frame costs, and what is added by a head alone is lost in the noise.
    return measured, [forward_pass(head.weights, _frame(), basis.imgsz, [head.head]) for head in heads]


def _frame() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (*FRAME, 3), dtype=np.uint8)
