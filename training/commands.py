"""`wayside train …`; only wiring, as services/cli.py."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from services.options import DeviceOption, KafkaOption, settings_of
from shared.exceptions import ConfigError
from training.models.commands import RegistryOption, command_line, opened

if TYPE_CHECKING:
    from shared.registry import Registry

RegisterOption = Annotated[
    bool | None,
    typer.Option("--register/--no-register", help="Into the model registry, as the candidate; not without asking."),
]

train = typer.Typer(help="Transfer learning.", no_args_is_help=True)


@train.command()
def detector(
    name: Annotated[str, typer.Option("--name", help="Name of the new model.")],
    data: Annotated[
        list[Path] | None, typer.Option("--data", help="Labelled pictures as YOLO, COCO or Pascal VOC; repeatable.")
    ] = None,
    staged: Annotated[int, typer.Option("--staged", min=0, help="Drawn road frames to add.")] = 0,
    start: Annotated[str, typer.Option("--start", help="Weights to begin from: name, path or models:/…")] = "wayside-n",
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
    device: DeviceOption = None,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 1,
    out: Annotated[Path, typer.Option("--out", help="Folder of the model file and its card.")] = Path("models"),
    work: Annotated[Path | None, typer.Option("--work", help="Keeps what a killed training needs to go on.")] = None,
    register: RegisterOption = None,
    registry: RegistryOption = None,
) -> None:
    """Fine-tune the detector to Wayside's classes; the same command again goes on after a kill."""
    from services.detector.model_file import read_spec
    from training.detector.card import write_card
    from training.detector.dataset import Recipe
    from training.detector.device import training_device
    from training.detector.run import Schedule
    from training.detector.run import train as fit
    from training.detector.work import start_note
    from training.models.detectors import figures_of
    from training.models.register import register_trained
    from training.start import find_start

    target_registry = _registry_for(name, register, registry)
    folder = work or Path("runs") / "detector" / name
    settings = settings_of(registry=registry, device=device)
    begun = find_start(start, settings, start_note(folder))
    weights = begun.weights
    if (out / f"{name}.safetensors").resolve() == weights.resolve():
        raise ConfigError(f"--out {out}: {name} would overwrite the weights that it begins from; give another --out")
    recipe = Recipe(tuple(data or ()), staged, repeat, seed)
    where = training_device(settings.device)
    schedule = Schedule(epochs, patience, freeze, lr, batch, imgsz, keep, teach, where, seed)
    command, digest = command_line(), recipe.digest()
    target = fit(name, weights, recipe, schedule, folder, out, command, digest)
    spec = read_spec(target)
    card = write_card(target, spec, weights, recipe, imgsz)
    console = Console()
    console.print(card.tables, highlight=False, markup=False, soft_wrap=True)
    console.print(f"{target}, {card.file}", highlight=False)
    if target_registry is not None:
        version = register_trained(
            target_registry, name, "detector", target, data=recipe.folders, digest=digest, start=begun.version,
            command=command, figures=figures_of(card.precision) if card.precision else {},
            more={"staged": str(staged)},
        )  # fmt: skip
        tell_candidate(console, version.label, name)


@train.command()
def head(
    name: Annotated[str, typer.Option("--name", help="Of the head: lower-case letters, digits, hyphens.")],
    data: Annotated[
        list[Path],
        typer.Option("--data", help="Pictures in a folder per class, or with boxes (YOLO, COCO, VOC), or CrackForest."),
    ],
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
    start: Annotated[str, typer.Option("--start", help="Detector whose layers are used: name, path or models:/…")] = (
        "wayside-n"
    ),
    imgsz: Annotated[int, typer.Option("--imgsz", min=160, max=1920, help="Longer side of the input, pixels.")] = 640,
    device: DeviceOption = None,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    threads: Annotated[int, typer.Option("--threads", help="Cores to use.", min=1)] = 2,
    register: RegisterOption = None,
    registry: RegistryOption = None,
) -> None:
    """A small classifier on the detector's features, compared with other networks in one report."""
    from services.detector.heads.file import load_head
    from training.data.digest import digest_of_all
    from training.heads.command import Request, run_request
    from training.models.register import register_trained
    from training.start import find_start

    target_registry = _registry_for(name, register, registry)
    settings = settings_of(registry=registry, device=device)
    begun = find_start(start, settings)
    request = Request(
        name=name, data=data, out=out, degrade=degrade, candidates=candidates.split(","),
        start=str(begun.weights), imgsz=imgsz,
        licence=licence, threads=threads, command=command_line(), device=settings.device,
    )  # fmt: skip
    # Of the data as they are now: who adds a picture meanwhile adds none to what this head has seen.
    digest = digest_of_all(data) if target_registry is not None else None
    target = run_request(request, schedule=schedule, epochs=epochs, lr=lr, balanced=balance, seed=seed)
    if target_registry is not None:
        spec = load_head(target)[1]
        version = register_trained(
            target_registry, name, "head", target, figures=spec.metrics, data=data, start=begun.version,
            command=request.command, digest=digest, more={"licence": spec.data.licence},
        )  # fmt: skip
        tell_candidate(Console(), version.label, name)


def tell_candidate(console: Console, version: str, name: str) -> None:
    """The last line of a training that registers: the training service reads it, whole (training/service/job.py)."""
    console.print(f"{version} is the candidate of {name}", highlight=False, soft_wrap=True)


def _registry_for(name: str, wanted: bool | None, where: str | None) -> "Registry | None":
    """Opened before the training, so that hours of it are not lost to a wrong name or a dead server.

    Only when it is asked for, which naming a registry does too: the alias `candidate` may be watched by detectors in
    the shadow, and a quick try must not move it.
    """
    if not (wanted or (wanted is None and where is not None)):
        return None
    from shared.registry import check_name

    check_name(name)
    return opened(where)


@train.command()
def request(
    kind: Annotated[str, typer.Argument(help="detector or head.")],
    name: Annotated[str, typer.Option("--name", help="Of the model.")],
    data: Annotated[list[str], typer.Option("--data", help="Folder below the trainer's WAYSIDE_DATASETS; repeatable.")],
    start: Annotated[str | None, typer.Option("--start", help="Weights to begin from: a name or models:/…")] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1)] = None,
    lr: Annotated[float | None, typer.Option("--lr")] = None,
    imgsz: Annotated[int | None, typer.Option("--imgsz")] = None,
    seed: Annotated[int | None, typer.Option("--seed")] = None,
    staged: Annotated[int | None, typer.Option("--staged", help="Of a detector, as all to --teach.")] = None,
    patience: Annotated[int | None, typer.Option("--patience")] = None,
    freeze: Annotated[int | None, typer.Option("--freeze")] = None,
    batch: Annotated[int | None, typer.Option("--batch")] = None,
    repeat: Annotated[int | None, typer.Option("--repeat")] = None,
    keep: Annotated[float | None, typer.Option("--keep")] = None,
    teach: Annotated[bool | None, typer.Option("--teach/--no-teach")] = None,
    degrade: Annotated[bool | None, typer.Option("--degrade", help="Of a head, as all to --licence.")] = None,
    candidates: Annotated[
        str | None, typer.Option("--candidates", help="NAME=WEIGHTS: a file below the trainer's WAYSIDE_DATASETS.")
    ] = None,
    schedule: Annotated[str | None, typer.Option("--schedule")] = None,
    balance: Annotated[bool | None, typer.Option("--balance/--no-balance")] = None,
    licence: Annotated[str | None, typer.Option("--licence")] = None,
    request_id: Annotated[str | None, typer.Option("--id", help="The same id is the same training.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Print what it tells until it has ended.")] = False,
    kafka: KafkaOption = None,
) -> None:
    """Ask `wayside trainer` for a training, with the options of `wayside train KIND`; prints the request's id."""
    from training.service.ask import run_request

    values = {
        "request_id": request_id, "kind": kind, "name": name, "data": data, "start": start, "epochs": epochs, "lr": lr,
        "imgsz": imgsz, "seed": seed, "staged": staged, "patience": patience, "freeze": freeze, "batch": batch,
        "repeat": repeat, "keep": keep, "teach": teach, "degrade": degrade,
        "candidates": candidates.split(",") if candidates is not None else None, "schedule": schedule,
        "balance": balance, "licence": licence,
    }  # fmt: skip
    if not run_request(settings_of(kafka=kafka).kafka, values, follow_it=follow):
        raise typer.Exit(1)
