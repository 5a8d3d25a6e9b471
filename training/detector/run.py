"""One training of a detector, from the data to a model file; a killed one goes on where it was."""

import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from ultralytics.nn.tasks import load_checkpoint
from ultralytics.utils import LOGGER, SETTINGS

from services.detector.backends.network import load_network
from services.detector.model_file import save_model
from services.detector.weights import version_of
from training.data.problems import Problems
from training.data.trained import read_trained, record_of, write_trained
from training.detector.classes import own_class
from training.detector.dataset import RECORD, Recipe, write_dataset
from training.detector.rows import between, extended, names_of
from training.detector.trainer import DetectorTrainer, QuickModel, Teacher
from training.detector.work import FINISHED, enter
from training.trust import trusted


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a detector is trained.

    Attributes:
        epochs: at most; it ends earlier after `patience` epochs without a better result.
        freeze: so many first layers keep their weights; heads that share them stay valid.
        lr: of AdamW after the warm-up; falls along a cosine to a twentieth.
        keep: share of the old weights in the result, 0..1; see `between`.
        teach: whether the old weights teach beside the labels; see `Teacher`.
    """

    epochs: int
    patience: int
    freeze: int
    lr: float
    batch: int
    imgsz: int
    keep: float
    teach: bool
    device: str
    seed: int


def train(
    name: str, start: Path, recipe: Recipe, schedule: Schedule, folder: Path, out: Path, command: str, digest: str
) -> Path:
    """Train in `folder`, which keeps what a killed training needs to go on, and write `out/<name>.safetensors`.

    Beside it `<name>.trained` tells the pictures that it or its start was trained on.

    Args:
        digest: of the recipe's data; when they have changed, nothing in `folder` is gone on with.

    Raises:
        InputError: nothing to train on, or the start's record cannot be read.
        ConfigError: `folder` holds a training with other options, or lies in the data.
    """
    console = Console(stderr=True)
    last = folder / "weights" / "last.pt"
    enter(folder, _options(name, start, recipe, schedule), recipe, digest, console)
    before = read_trained(record_of(start)) or frozenset()
    network = load_network(start, trusted=trusted())
    names = names_of(network)
    data = folder / "data" / "data.yaml"
    _prepare(recipe, names, folder, console)
    if not (folder / FINISHED).is_file():
        _fit(start, network, data, schedule, folder, last if last.is_file() else None, console)
        (folder / FINISHED).touch()
    tuned, _ = load_checkpoint(folder / "weights" / "best.pt")  # type: ignore[no-untyped-call]
    rows = names_of(tuned)
    first = extended(load_network(start, trusted=trusted()), rows)
    target = out / f"{name}.safetensors"
    save_model(
        target, between(first, tuned, 1 - schedule.keep), first.yaml, name=name, rows=rows,
        classes=[own_class(row) for row in rows], start=version_of(start), command=command,
    )  # fmt: skip
    own = read_trained(folder / "data" / RECORD)
    if own is None:
        # A folder of an older Wayside; what was known of another model by this name is not true of this one.
        record_of(target).unlink(missing_ok=True)
    else:
        write_trained(record_of(target), own | before)
    return target


def _prepare(recipe: Recipe, names: Sequence[str], folder: Path, console: Console) -> None:
    """The data, once; what is wrong with them is told in every run, and all of it is in `problems.txt`."""
    complete, listed = folder / "data" / "complete", folder / "problems.txt"
    if complete.is_file():
        Problems.read(listed).tell(console, listed)
        return
    problems = Problems()
    try:
        write_dataset(recipe, names, folder / "data", problems)
    finally:
        problems.write(listed)
        problems.tell(console, listed)
    complete.touch()


def _options(name: str, start: Path, recipe: Recipe, schedule: Schedule) -> dict[str, Any]:
    """What a training must have begun with to go on; not `keep`, which is applied at its end."""
    options = {"name": name, "start": version_of(start), **asdict(recipe), **asdict(schedule)}
    options.pop("keep")
    options["folders"] = [str(item.resolve()) for item in recipe.folders]
    return options


def _fit(
    start: Path, network: Any, data: Path, schedule: Schedule, folder: Path, last: Path | None,
    console: Console,
) -> None:  # fmt: skip
    LOGGER.setLevel(logging.WARNING)
    # Ultralytics would keep every training in an MLflow store of its own beside ours, now that MLflow is installed. In
    # memory only: by SETTINGS's own way it would be written into the user's settings for other programs too.
    dict.__setitem__(SETTINGS, "mlflow", False)
    checkpoint = folder / "start.pt"
    if last is None:
        torch.save({"model": network, "train_args": {}, "epoch": -1}, checkpoint)  # the trainer reads pickles only
    options: dict[str, Any] = {
        "model": str(last or checkpoint), "data": str(data), "epochs": schedule.epochs, "patience": schedule.patience,
        "freeze": schedule.freeze, "optimizer": "AdamW", "lr0": schedule.lr, "lrf": 0.05, "cos_lr": True,
        "warmup_epochs": 0.5, "warmup_bias_lr": schedule.lr, "batch": schedule.batch, "nbs": schedule.batch,
        "imgsz": schedule.imgsz, "device": schedule.device, "seed": schedule.seed, "plots": False,
        "workers": _loaders(schedule.device), "verbose": False, "project": str(folder.parent.resolve()),
        "name": folder.name, "exist_ok": True, "resume": str(last) if last else False,
        "amp": "bf16" if schedule.device != "cpu" else False,
        # A fixed camera: nothing is turned or seen from elsewhere, light and distance change a lot.
        "mosaic": 0.8, "close_mosaic": 1, "scale": 0.4, "translate": 0.1, "fliplr": 0.5, "flipud": 0.0, "hsv_h": 0.02,
        "hsv_s": 0.6, "hsv_v": 0.5, "erasing": 0.0,
    }  # fmt: skip
    teacher = (
        load_network(start, trusted=trusted()).to(_torch_device(schedule.device)).to(memory_format=torch.channels_last)
        if schedule.teach
        else None
    )
    QuickModel.teacher = Teacher(teacher) if teacher is not None else None
    trainer = DetectorTrainer(overrides=options)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console,
        disable=not console.is_terminal,
    ) as progress:  # fmt: skip
        task = progress.add_task("training")
        trainer.add_callback("on_train_epoch_start", lambda t: _begin(progress, task, t))
        trainer.add_callback("on_train_batch_end", lambda _: progress.advance(task))
        trainer.add_callback("on_fit_epoch_end", lambda t: _tell(console, t))
        trainer.train()  # type: ignore[no-untyped-call]


def _begin(progress: Progress, task: TaskID, trainer: Any) -> None:
    trainer.begun = trainer.epoch
    text = f"epoch {trainer.epoch + 1} of {trainer.epochs}"
    progress.update(task, description=text, completed=0, total=len(trainer.train_loader))


def _tell(console: Console, trainer: Any) -> None:
    if trainer.epoch != trainer.begun:
        return  # the best epoch, judged again at the end, which counts as one more
    figures = trainer.metrics
    losses = ", ".join(f"{name} {float(value):.3f}" for name, value in (trainer.tloss or {}).items())
    console.print(
        f"epoch {trainer.epoch + 1} of {trainer.epochs}: {losses}; "
        f"mAP50 {figures.get('metrics/mAP50(B)', 0):.3f}, mAP50-95 {figures.get('metrics/mAP50-95(B)', 0):.3f}",
        highlight=False,
        soft_wrap=True,  # the training service reads whole lines
    )


def _loaders(device: str) -> int:
    """Processes that prepare pictures: on a CPU they take cores from the training."""
    return 1 if device == "cpu" else max(1, len(os.sched_getaffinity(0)) - 1)


def _torch_device(name: str) -> str:
    """Ultralytics calls the first GPU `0`."""
    return f"cuda:{name}" if name.isdigit() else name
