"""`wayside models …`; only wiring. What loads torch or MLflow is imported inside the commands."""

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shared.settings import load_settings

if TYPE_CHECKING:
    from shared.registry import Registry

models = typer.Typer(help="The model registry.", no_args_is_help=True)

RegistryOption = Annotated[
    str | None, typer.Option("--registry", help="Folder, or URL of an MLflow server (WAYSIDE_REGISTRY).")
]
NameArgument = Annotated[str, typer.Argument(help="Of the model.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@models.command("list")
def list_models(
    name: Annotated[str | None, typer.Argument(help="Of one model; else all are listed.")] = None,
    registry: RegistryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Versions with aliases and figures."""
    from training.models.tables import as_dict, listed, tell
    from training.report import wide_console

    versions = opened(registry).versions(name)
    if as_json:
        print(json.dumps([as_dict(item) for item in versions], indent=2))  # noqa: T201 (for programs)
        return
    tell(wide_console(), listed(versions) if versions else "no model in the registry")


@models.command()
def show(
    name: NameArgument,
    version: Annotated[str | None, typer.Argument(help="Number or alias; else the newest.")] = None,
    registry: RegistryOption = None,
    as_json: JsonOption = False,
) -> None:
    """One version: figures, what it was made from, every decision on it."""
    from training.models.promote import find
    from training.models.tables import as_dict, shown, tell
    from training.report import wide_console

    found = find(opened(registry), name, version)
    if as_json:
        print(json.dumps(as_dict(found), indent=2))  # noqa: T201 (for programs)
        return
    tell(wide_console(), shown(found))


@models.command()
def add(
    file: Annotated[Path, typer.Argument(help="Weights or a head; FILE.md beside it is its card.")],
    name: Annotated[str | None, typer.Option("--name", help="In the registry; else the one in the file.")] = None,
    registry: RegistryOption = None,
) -> None:
    """Register a file that is there, as the candidate."""
    from training.models.register import register_file

    version = register_file(opened(registry), file, name, command_line())
    print(f"{version.label}: {file}, candidate of {version.name}")  # noqa: T201 (the command's own message)


@models.command()
def promote(
    name: NameArgument,
    version: Annotated[str, typer.Argument(help="Number or alias.")] = "candidate",
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", help="As for `wayside train`; what it holds out is judged on. Repeatable."),
    ] = None,
    degrade: Annotated[bool, typer.Option("--degrade", help="Of a head: as for `wayside train head`.")] = False,
    start: Annotated[str, typer.Option("--start", help="Of a head: the detector that it looks into.")] = "wayside-n",
    imgsz: Annotated[int, typer.Option("--imgsz", min=160, max=1920, help="Longer side of the input, pixels.")] = 640,
    incidents: Annotated[
        int | None,
        typer.Option(
            "--incidents",
            min=0,
            max=12,
            help="Of a detector: staged scenes of each type of incident; 0: none. Without it one, which takes two "
            "models about four minutes on two cores.",
        ),
    ] = None,
    all_kinds: Annotated[
        bool, typer.Option("--all-kinds", help="As many scenes without incident too; five times as long.")
    ] = False,
    tolerance: Annotated[float, typer.Option("--tolerance", min=0, max=1, help="Of mAP or F1.")] = 0.01,
    class_tolerance: Annotated[
        float, typer.Option("--class-tolerance", min=0, max=1, help="Of mAP or F1 of one class.")
    ] = 0.05,
    least: Annotated[int, typer.Option("--least", min=1, help="Examples from which a class is judged.")] = 30,
    chance: Annotated[
        float,
        typer.Option(
            "--chance",
            min=0.001,
            max=0.5,
            help="Of staged incidents: refuse what an equal model shows this often; 0.2: 3 lost and none gained.",
        ),
    ] = 0.2,
    slower: Annotated[float, typer.Option("--slower", min=0, help="Share of the time per picture.")] = 0.1,
    force: Annotated[
        str | None, typer.Option("--force", help="Promote all the same, for this reason, which is kept.")
    ] = None,
    registry: RegistryOption = None,
) -> None:
    """Put a version into production, unless it is worse than what is there: then exit code 1."""
    from training.models import promote as promotion
    from training.models.measure import Basis
    from training.models.promotion import Tolerances
    from training.models.tables import side_by_side, tell
    from training.report import wide_console

    console = wide_console()
    basis = Basis(tuple(data or ()), degrade, start, imgsz, incidents, all_kinds, registry)
    tolerances = Tolerances(tolerance, class_tolerance, slower, least, chance)
    outcome = promotion.promote(
        opened(registry), name, version, basis, tolerances, force, command_line(), lambda line: tell(console, line)
    )
    if outcome.rows:
        tell(console, side_by_side(outcome.rows, outcome.candidate, outcome.production))
    if outcome.refused:
        print(  # noqa: T201 (the command's own message)
            f"wayside: {outcome.candidate.label} is not promoted, worse: {'; '.join(outcome.refused)}", file=sys.stderr
        )
        raise typer.Exit(1)
    instead = f" instead of {outcome.production.label}" if outcome.production else ""
    tell(console, f"{name}: {outcome.candidate.label} is in production{instead}")


@models.command()
def rollback(
    name: NameArgument,
    reason: Annotated[str | None, typer.Option("--reason", help="Is kept beside both versions.")] = None,
    registry: RegistryOption = None,
) -> None:
    """Put the previous version into production again; a second rollback returns."""
    from training.models import promote as promotion

    back, left = promotion.rollback(opened(registry), name, reason, command_line())
    print(f"{name}: {back.label} is in production again instead of {left.label}")  # noqa: T201 (the command's message)


def opened(where: str | None) -> "Registry":
    """The registry of the flag or the setting."""
    from shared.registry import Registry

    return Registry(load_settings(registry=where).registry)


def command_line() -> str:
    """As it was typed."""
    return shlex.join(["wayside", *sys.argv[1:]])
