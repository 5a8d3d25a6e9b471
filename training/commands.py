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
    schedule = Schedule(epochs, patience, freeze, lr, batch, imgsz, keep, device, seed)
    command = shlex.join(["wayside", *sys.argv[1:]])
    target = fit(name, weights, recipe, schedule, work or Path("runs") / "detector" / name, out, command)
    card, figures = write_card(target, read_spec(target), weights, recipe, imgsz)
    console = Console()
    console.print(figures, highlight=False, markup=False, soft_wrap=True)
    console.print(f"{target}, {card}", highlight=False)
