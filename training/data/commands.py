"""`wayside data …`; only wiring, as services/cli.py."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, cast, get_args

import typer
from rich.console import Console

from services.options import DeviceOption, ImgszOption, ModelOption, StartOption, settings_of, start_ns_of
from shared.exceptions import ConfigError, InputError
from training.data.labelled import Form

data = typer.Typer(help="Labelled pictures: formats, splits, duplicates, sampling, cards.", no_args_is_help=True)

OutOption = Annotated[Path, typer.Option("--out", help="A new folder.")]
NamesOption = Annotated[
    str,
    typer.Option("--names", help="Class names by number, with commas, or coco: for a YOLO folder without data.yaml."),
]


@data.command()
def convert(
    source: Annotated[Path, typer.Argument(help="Folder, or COCO file; its format is seen from what it holds.")],
    to: Annotated[str, typer.Option("--to", help="yolo, coco, voc, or folders: a crop of each object by class.")],
    out: OutOption,
    names: NamesOption = "",
) -> None:
    """Pictures and labels in another format."""
    from training.data import forms
    from training.data.problems import Problems

    if to not in get_args(Form):
        raise ConfigError(f"--to {to!r}: {', '.join(get_args(Form))}")
    problems = Problems()
    with _disk():
        found = forms.convert(source, cast(Form, to), out, problems, _names(names))
    problems.tell(Console(stderr=True))
    boxes = sum(len(item.classes) for item in found.pictures)
    _say(f"{out}: {len(found.pictures)} pictures, {boxes} objects of {len(found.names)} classes")


@data.command()
def split(
    folder: Annotated[Path, typer.Argument(help="Folder with pictures in any layout.")],
    gap: Annotated[float, typer.Option("--gap", min=0, help="Seconds; pictures of a camera closer are one group.")] = (
        600.0
    ),
    share: Annotated[float, typer.Option("--share", min=0.01, max=0.9, help="Of the groups that are held out.")] = 0.2,
    anew: Annotated[bool, typer.Option("--anew", help="Forget what was held out before.")] = False,
) -> None:
    """Divide a folder's pictures by camera and time: what training may see, what judges it."""
    from training.data.pictures import pictures_below
    from training.data.split import FILE, split_folder

    names = [path.relative_to(folder).as_posix() for path in pictures_below(_folder(folder))]
    with _disk():
        result = split_folder(folder, names, gap, share, anew=anew)
    between = f", {len(result.between)} on neither side" if result.between else ""
    _say(f"{folder / FILE}: {len(result.train)} to train on, {len(result.test)} held out{between}")


@data.command()
def dedupe(
    folders: Annotated[list[Path], typer.Argument(help="Folders; duplicates are found across them.")],
    distance: Annotated[int, typer.Option("--distance", min=0, max=32, help="Bits of 64 that may differ.")] = 6,
    apply: Annotated[bool, typer.Option("--apply", help="Move them to FOLDER-duplicates.")] = False,
) -> None:
    """Near-duplicates, also between what trains and what tests."""
    from training.data.dedupe import find_duplicates, set_aside
    from training.data.problems import Problems

    problems = Problems()
    found = find_duplicates([_folder(folder) for folder in folders], problems, distance)
    problems.tell(Console(stderr=True))
    for item in found:
        _say(f"{item.dropped} shows what {item.kept} shows{', on the other side of the split' if item.across else ''}")
    across = sum(item.across for item in found)
    _say(f"{len(found)} near-duplicates, {across} of them across the split{'' if apply else '; --apply moves them'}")
    for folder in folders if apply else ():
        inside = [item.dropped for item in found if item.dropped.is_relative_to(folder) and item.dropped.is_file()]
        with _disk():
            aside = set_aside(folder, inside) if inside else folder
        _say(f"{folder}: {len(inside)} moved{f' to {aside}' if inside else ''}")


@data.command()
def sample(
    sources: Annotated[list[str], typer.Argument(help="Clips or folders of pictures, or ID=SOURCE.")],
    out: OutOption,
    count: Annotated[int, typer.Option("--count", min=1, help="Pictures at most.")] = 100,
    gap: Annotated[float, typer.Option("--gap", min=0, help="Seconds between two of one camera, at least.")] = 10.0,
    fps: Annotated[float, typer.Option("--fps", min=0.01, max=60, help="Frames looked at per second.")] = 5.0,
    start: StartOption = None,
    head: Annotated[
        str | None, typer.Option("--head", help="For examples of this head: by its doubt alone, not the boxes'.")
    ] = None,
    model: ModelOption = None,
    device: DeviceOption = None,
    imgsz: ImgszOption = None,
) -> None:
    """The frames that a person should label next, with the detector's boxes to correct."""
    from services.detector.source import load_stage
    from training.data.forms import empty_folder
    from training.data.problems import Problems
    from training.data.sample import Wish, cameras_of
    from training.data.sample import sample as choose

    settings = settings_of(model=model, device=device, imgsz=imgsz, heads=head)
    wish = Wish(sources, count, gap, fps, start_ns_of(start), head)
    cameras_of(wish)  # before torch, which takes seconds
    empty_folder(out)
    problems = Problems()
    stage = load_stage(settings, [])
    try:
        chosen = choose(wish, stage, settings.batch, out, problems)
    finally:
        stage.close()
    problems.tell(Console(stderr=True))
    _say(f"{out}: {len(chosen)} pictures to correct, in the order of sample.csv; boxes by {stage.backend.version}")


@data.command("from-alerts")
def from_alerts(
    out: OutOption,
    alerts: Annotated[list[Path] | None, typer.Argument(help="alerts.jsonl, or folders of runs.")] = None,
    verdict: Annotated[
        list[str] | None, typer.Option("--verdict", help="acknowledged or dismissed; both when not given.")
    ] = None,
    verdicts: Annotated[
        Path | None, typer.Option("--verdicts", help="CSV with alert_id and verdict, beside those in the alerts.")
    ] = None,
    sources: Annotated[
        list[str] | None, typer.Option("--source", help="CAMERA=CLIP to take the frames from; repeatable.")
    ] = None,
    start: StartOption = None,
    kafka: Annotated[
        str | None, typer.Option("--kafka", help="HOST:PORT: frames, and without ALERTS the alerts, from its topics.")
    ] = None,
    model: ModelOption = None,
    device: DeviceOption = None,
    imgsz: ImgszOption = None,
) -> None:
    """Pictures to train on from alerts that operators have judged."""
    from training.data.alert_command import Request, run_request

    request = Request(
        tuple(alerts or ()), tuple(verdict or ()), verdicts, tuple(sources or ()), start_ns_of(start), kafka, out
    )
    for line in run_request(request, settings_of(model=model, device=device, imgsz=imgsz), Console(stderr=True)):
        _say(line)


@data.command()
def card(
    folder: Annotated[Path, typer.Argument(help="Folder of labelled pictures in any format.")],
    licence: Annotated[str, typer.Option("--licence", help="Of the pictures.")] = "not stated",
    names: NamesOption = "",
) -> None:
    """Write DIR/data-card.md: what the data hold, how they were divided, what is wrong with them."""
    from training.data.card import write_card
    from training.data.problems import Problems

    command = shlex.join(["wayside", *sys.argv[1:]])
    problems = Problems()
    with _disk():
        path = write_card(_folder(folder), problems, licence=licence, command=command, names=_names(names))
    problems.tell(Console(stderr=True))
    _say(str(path))


@contextmanager
def _disk() -> Iterator[None]:
    """A disk that is full or not ours to write ends the command with one line.

    Raises:
        InputError: says which file.
    """
    try:
        yield
    except OSError as error:
        raise InputError(f"{error.filename or 'the disk'}: {error.strerror}") from None


def _folder(path: Path) -> Path:
    from training.data.pictures import pictures_below

    if next(pictures_below(path), None) is None:
        raise InputError(f"{path}: holds no pictures")
    return path


def _names(text: str) -> list[str]:
    if text == "coco":
        from training.detector.classes import COCO

        return list(COCO)
    return [part.strip() for part in text.split(",") if part.strip()]


def _say(text: str) -> None:
    Console().print(text, highlight=False, markup=False, soft_wrap=True)
