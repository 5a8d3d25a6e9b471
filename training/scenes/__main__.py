"""`python -m training.scenes road|freeze|drop`: build a staged clip with its truth."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from shared.exceptions import ConfigError, WaysideError
from shared.sitefile import load_site
from training.scenes.drop import Drop
from training.scenes.drop import drop as drop_things
from training.scenes.freeze import Stop, write_truth
from training.scenes.freeze import freeze as freeze_clip
from training.scenes.road import SECONDS, build_road_scene

_Clip = Annotated[Path, typer.Argument(help="A clip of a fixed camera.")]
_Out = Annotated[Path, typer.Option("--out", help="The staged clip.")]

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)


@app.command()
def road(
    out: Annotated[Path, typer.Option("--out", help="Folder for clip.mp4, site.yaml and truth.json.")],
    seed: Annotated[int, typer.Option("--seed")] = 1,
    seconds: Annotated[float, typer.Option("--seconds", min=1)] = SECONDS,
    rain: Annotated[float, typer.Option("--rain", min=0, max=1, help="0: dry, 1: a downpour.")] = 0.0,
) -> None:
    """The generated road scene: a stopped vehicle, a person and an object on a lane."""
    files = build_road_scene(out, seed=seed, seconds=seconds, rain=rain)
    typer.echo(f"{files.clip}, {files.site}, {files.truth}")


@app.command()
def freeze(
    clip: _Clip,
    out: _Out,
    at: Annotated[float, typer.Option("--at", help="When the vehicle stops, seconds.")],
    box: Annotated[str, typer.Option("--box", help="Where it is then: x1,y1,x2,y2 in 0..1.")],
    until: Annotated[float | None, typer.Option("--until", help="When it is taken away, seconds.")] = None,
    truth: Annotated[Path | None, typer.Option("--truth", help="Write the truth file here.")] = None,
    camera: Annotated[str, typer.Option("--camera", help="Camera id for the truth.")] = "camera",
    zone: Annotated[str | None, typer.Option("--zone", help="Zone id for the truth.")] = None,
) -> None:
    """A real clip in which one of its vehicles stops."""
    stop = Stop(at, _box(box), until)
    duration = freeze_clip(clip, out, stop)
    if truth is not None:
        write_truth(truth, camera, zone, stop, duration)
    typer.echo(f"{out}: {duration:.1f} s, the vehicle stops at {at:.1f} s")


@app.command()
def drop(
    clip: _Clip,
    site: Annotated[Path, typer.Option("--site", help="Site file with the camera's lanes.")],
    out: _Out,
    truth: Annotated[Path, typer.Option("--truth", help="Write the truth file here.")],
    at: Annotated[float, typer.Option("--at", help="From when on they lie there, seconds.")] = 60.0,
    things: Annotated[int, typer.Option("--things", min=1)] = 6,
    heights: Annotated[str, typer.Option("--heights", help="LOW,HIGH in pixels of the clip.")] = "16,40",
    seed: Annotated[int, typer.Option("--seed")] = 1,
    camera: Annotated[str | None, typer.Option("--camera", help="Camera of the site; without it the first.")] = None,
) -> None:
    """A real clip with things on its lanes that the detector has no name for."""
    cameras = load_site(site).cameras
    chosen = next((item for item in cameras if camera in (None, item.id)), None)
    if chosen is None:
        raise ConfigError(f"--camera {camera}: {site} has {', '.join(item.id for item in cameras)}")
    told = drop_things(clip, out, chosen, Drop(at, things, _heights(heights), seed))
    truth.write_text(told.model_dump_json(indent=2, exclude_none=True) + "\n")
    typer.echo(f"{out}: {told.duration_s[chosen.id]:.1f} s, {things} things lie there from {at:.1f} s on")


def _heights(text: str) -> tuple[float, float]:
    low, high = _numbers("--heights", text, "LOW,HIGH")
    if not 4 <= low <= high:
        raise ConfigError(f"--heights {text!r}: needs 4 <= LOW <= HIGH")
    return low, high


def _box(text: str) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = _numbers("--box", text, "x1,y1,x2,y2")
    if not (0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1):
        raise ConfigError(f"--box {text!r}: needs 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1")
    return x1, y1, x2, y2


def _numbers(option: str, text: str, form: str) -> list[float]:
    """As many numbers as `form` has, apart by commas."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != form.count(",") + 1:
        raise ConfigError(f"{option} {text!r}: give numbers {form}")
    return numbers


if __name__ == "__main__":
    try:
        app()
    except WaysideError as error:
        typer.echo(f"scenes: {error}", err=True)
        sys.exit(2)
