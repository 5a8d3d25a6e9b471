"""`wayside train …`; only wiring, as services/cli.py."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

train = typer.Typer(help="Transfer learning.", no_args_is_help=True)


@train.command()
def detector(
    name: Annotated[str, typer.Option("--name", help="Name of the new model.")],
    data: Annotated[
        list[Path] | None, typer.Option("--data", help="YOLO folder (images/, labels/); repeatable.")
    ] = None,
    staged: Annotated[int, typer.Option("--staged", min=0, help="Drawn road frames to add.")] = 0,
    start: Annotated[str, typer.Option("--start", help="Weights to begin from, by name or path.")] = "yolo11n-coco",
    epochs: Annotated[int, typer.Option("--epochs", min=1)] = 20,
    patience: Annotated[int, typer.Option("--patience", min=1, help="Epochs without progress until it ends.")] = 10,
    freeze: Annotated[int, typer.Option("--freeze", min=0, max=22, help="First layers that stay as they are.")] = 10,
    lr: Annotated[float, typer.Option("--lr", min=1e-7, max=0.1, help="Highest learning rate of AdamW.")] = 5e-4,
    batch: Annotated[int, typer.Option("--batch", min=2)] = 16,
    repeat: Annotated[int, typer.Option("--repeat", min=1, help="Times per epoch that own pictures are shown.")] = 1,
    keep: Annotated[
        float, typer.Option("--keep", min=0, max=0.9, help="Share of the start's weights in the result.")
    ] = 0.0,
    teach: Annotated[
        bool, typer.Option(help="The start's weights teach beside the labels, so that less is forgotten.")
    ] = True,
    imgsz: Annotated[int, typer.Option("--imgsz", min=160, max=1920, help="Longer side of the input, pixels.")] = 640,
    device: Annotated[str, typer.Option("--device", help="cpu, or a CUDA device such as 0.")] = "cpu",
    seed: Annotated[int, typer.Option("--seed", min=0)] = 1,
    out: Annotated[Path, typer.Option("--out", help="Folder of the model file and its card.")] = Path("models"),
    work: Annotated[Path | None, typer.Option("--work", help="Keeps what a killed training needs to go on.")] = None,
) -> None:
    """Fine-tune the detector to Wayside's classes; the same command again goes on after a kill."""
    from services.detector.model_file import read_spec
    from services.detector.weights import find_weights
    from training.detector.card import write_card
    from training.detector.dataset import Recipe
    from training.detector.run import Schedule
    from training.detector.run import train as fit

    weights = find_weights(start)
    recipe = Recipe(tuple(data or ()), staged, repeat, seed)
    schedule = Schedule(epochs, patience, freeze, lr, batch, imgsz, keep, teach, device, seed)
    command = shlex.join(["wayside", *sys.argv[1:]])
    target = fit(name, weights, recipe, schedule, work or Path("runs") / "detector" / name, out, command)
    card, figures = write_card(target, read_spec(target), weights, recipe, imgsz)
    console = Console()
    console.print(figures, highlight=False, markup=False, soft_wrap=True)
    console.print(f"{target}, {card}", highlight=False)


@train.command()
def head(
    name: Annotated[str, typer.Option("--name", help="Of the head: lower-case letters, digits, hyphens.")],
    data: Annotated[list[Path], typer.Option("--data", help="One sub-folder of pictures per class; or CrackForest.")],
    degrade: Annotated[
        bool, typer.Option("--degrade", help="Make bad visibility from the pictures and clips of --data (repeatable).")
    ] = False,
    candidates: Annotated[
        str, typer.Option("--candidates", help="Beside the head: convnet, resnet18…152, vgg16, NAME=WEIGHTS; or head.")
    ] = "convnet,resnet18",
    out: Annotated[Path, typer.Option("--out", help="Folder for head, card and report.")] = Path("models/heads"),
    schedule: Annotated[str, typer.Option("--schedule", help="one-cycle, cosine or step.")] = "one-cycle",
    epochs: Annotated[int, typer.Option("--epochs", help="At most.", min=1)] = 25,
    lr: Annotated[float | None, typer.Option("--lr", help="Highest learning rate; else by a range test.")] = None,
    balance: Annotated[bool, typer.Option("--balance/--no-balance", help="Weigh rare classes more.")] = True,
    licence: Annotated[str, typer.Option("--licence", help="Of the pictures, for the card.")] = "not stated",
    start: Annotated[str, typer.Option("--start", help="Detector whose layers are used, by name or path.")] = (
        "yolo11n-coco"
    ),
    imgsz: Annotated[int, typer.Option("--imgsz", min=160, max=1920, help="Longer side of the input, pixels.")] = 640,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    threads: Annotated[int, typer.Option("--threads", help="Cores to use.", min=1)] = 2,
) -> None:
    """A small classifier on the detector's features, compared with other networks in one report."""
    from training.heads.command import Request, run_request

    request = Request(
        name=name, data=data, out=out, degrade=degrade, candidates=candidates.split(","), start=start, imgsz=imgsz,
        licence=licence, threads=threads, command=shlex.join(["wayside", *sys.argv[1:]]),
    )  # fmt: skip
    run_request(request, schedule=schedule, epochs=epochs, lr=lr, balanced=balance, seed=seed)
