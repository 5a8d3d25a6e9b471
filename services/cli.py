"""The `wayside` command; only wiring. Heavy imports (torch) happen inside the commands that need them."""

import sys
from json import dumps
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.commands import services
from services.options import (
    DataOption,
    DeviceOption,
    ImgszOption,
    ModelOption,
    RunOption,
    SiteOption,
    StartOption,
    settings_of,
    start_ns_of,
)
from shared.exceptions import WaysideError
from shared.service import stop_on_signals
from shared.sitefile import load_site
from training.commands import train
from training.data.commands import data
from training.models.commands import models

app = typer.Typer(
    name="wayside",
    help="Event-driven streaming video analytics for roads and airports.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.command()
def run(
    sources: Annotated[list[str] | None, typer.Argument(help="Clips, or ID=CLIP; none: the site's own.")] = None,
    site: SiteOption = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")] = Path("out"),
    annotate: Annotated[bool, typer.Option("--annotate", help="Also write DIR/<camera>.mp4.")] = False,
    inspect: Annotated[
        list[str] | None, typer.Option("--inspect", help="LANE@SECONDS: is it clear then? Repeatable.")
    ] = None,
    run_id: RunOption = None,
    start: StartOption = None,
    model: ModelOption = None,
    device: DeviceOption = None,
    imgsz: ImgszOption = None,
) -> None:
    """The whole pipeline on files, as fast as it goes, without a broker."""
    settings = settings_of(site=site, model=model, device=device, imgsz=imgsz, run=run_id)
    loaded, start_ns = load_site(settings.site), start_ns_of(start)
    from services.run_command import run_files

    report = run_files(
        loaded, sources or [], settings, out, annotate=annotate, start_ns=start_ns, inspect=inspect or []
    )
    if report.failures:
        raise WaysideError(report.failures[0])


@app.command()
def up(
    site: SiteOption = None,
    kafka: Annotated[
        str | None, typer.Option("--kafka", help="local, or HOST:PORT; embedded bus when not given.")
    ] = None,
    redis: Annotated[str | None, typer.Option("--redis", help="Redis URL; embedded Redis when not given.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Read each clip once, judge every frame, then end.")] = False,
    run_id: RunOption = None,
    start: StartOption = None,
    model: ModelOption = None,
    device: DeviceOption = None,
    imgsz: ImgszOption = None,
    data: DataOption = None,
    port: Annotated[int | None, typer.Option("--port", help="The console's port; 0 takes a free one.")] = None,
) -> None:
    """Every service in one process."""
    settings = settings_of(site=site, model=model, device=device, imgsz=imgsz, data=data, console_port=port, run=run_id)
    loaded, start_ns = load_site(settings.site), start_ns_of(start)
    from services.up import Plan, run_all

    plan = Plan(kafka=kafka, redis=redis, once=once, start_ns=start_ns)
    run_all(
        loaded,
        settings,
        plan,
        stop_on_signals(),
        on_ready=lambda address: Console().print(f"Wayside is up: {address}", highlight=False),
    )


app.add_typer(services)


@app.command("eval")
def evaluate(
    alerts: Annotated[list[Path], typer.Option("--alerts", help="alerts.jsonl of a run, or folder; repeatable.")],
    truth: Annotated[list[Path], typer.Option("--truth", help="truth.json or folder; one per --alerts.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    start: StartOption = None,
    min_rate: Annotated[
        float | None, typer.Option("--min-rate", min=0, max=1, help="Exit 1 when fewer are found, 0..1.")
    ] = None,
    max_false_per_hour: Annotated[
        float | None, typer.Option("--max-false-per-hour", min=0, help="Exit 1 beyond, per camera-hour.")
    ] = None,
    max_p95: Annotated[
        float | None, typer.Option("--max-p95-s", min=0, help="Exit 1 when the p95 time to detect is longer.")
    ] = None,
) -> None:
    """Detection rate, false alarms and time to detect of runs against the truth."""
    from training.report import Gate, run_eval

    gate = Gate(min_rate, max_false_per_hour, max_p95)
    if wanting := run_eval(alerts, truth, json, start_ns_of(start), gate):
        print(f"wayside: {'; '.join(wanting)}", file=sys.stderr)  # noqa: T201 (the gate's one line)
        raise typer.Exit(1)


@app.command()
def check(site: Annotated[Path, typer.Argument(help="Site file.")]) -> None:
    """Validate a site file and say what it watches."""
    from services.check import calibration, describe, inspections

    loaded = load_site(site)
    Console().print(describe(loaded), highlight=False)
    for line in calibration(loaded) + inspections(loaded):
        Console().print(line, highlight=False, soft_wrap=True)


@app.command()
def inspect(
    lane: Annotated[str, typer.Argument(help="Id of a lane.")],
    url: Annotated[str, typer.Option("--url", help="The console of a running system.")] = "http://127.0.0.1:8080",
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
    pdf: Annotated[Path | None, typer.Option("--pdf", help="Also write the report here.")] = None,
    wait: Annotated[float, typer.Option("--wait", min=1, max=600, help="Seconds to wait for the answer.")] = 130.0,
) -> None:
    """Is a lane clear? Exit code 0: clear; 1: not clear; 3: cannot tell; 2: could not be asked."""
    from services.inspect_command import EXIT_CODES, ask, in_words, save_pdf

    answer = ask(url, lane, wait)
    for line in [dumps(answer, indent=2)] if json else in_words(answer):
        Console().print(line, highlight=False, markup=False, soft_wrap=True)
    if pdf is not None:
        save_pdf(url, answer, pdf)
    raise typer.Exit(EXIT_CODES[answer["verdict"]])


@app.command()
def grid(
    camera: Annotated[str, typer.Argument(help="Id of a camera with a `ground:`.")],
    site: SiteOption = None,
    out: Annotated[Path, typer.Option("--out", help="Picture to write.")] = Path("grid.jpg"),
    image: Annotated[Path | None, typer.Option("--image", help="A picture of the camera; else its source's.")] = None,
    step: Annotated[float | None, typer.Option("--step", help="Metres between lines.", min=0.01)] = None,
) -> None:
    """Draw the metre grid of a camera's calibration on its picture, for a person to judge."""
    from services.grid import run_grid

    settings = settings_of(site=site)
    said = run_grid(load_site(settings.site), camera, out, image, step)
    Console().print(said, highlight=False, soft_wrap=True)


@app.command()
def export(
    model: ModelOption = None,
    backend: Annotated[
        list[str] | None, typer.Option("--backend", help="openvino, onnx or tensorrt; repeatable. Else the first two.")
    ] = None,
    precision: Annotated[str | None, typer.Option("--precision", help="auto, float32, bfloat16 or int8.")] = None,
    imgsz: ImgszOption = None,
    calibrate: Annotated[
        Path | None, typer.Option("--calibrate", help="Folder of pictures of your cameras: make int8 of them.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option("--pictures", help="Folder to compare boxes on; else two photographs.")
    ] = None,
    data: Annotated[
        list[Path] | None, typer.Option("--data", help="Labelled pictures, as for training: compare mAP. Repeatable.")
    ] = None,
    tolerance: Annotated[float, typer.Option("--tolerance", min=0, max=1, help="Of mAP50-95.")] = 0.01,
) -> None:
    """Make a model ready for ONNX Runtime, OpenVINO and TensorRT, and say what is lost by it."""
    settings = settings_of(model=model, precision=precision, imgsz=imgsz)
    from services.detector.backends.load import EXPORTED, TENSORRT, Wanted
    from services.detector.heads.find import find_heads
    from services.detector.source import weights_of
    from training.models.export import run_export

    names = backend or (["openvino"] if settings.precision == "int8" else EXPORTED)
    wanted = Wanted(
        weights_of(settings), device=settings.device if TENSORRT in names else "cpu", precision=settings.precision,
        min_score=settings.min_score, threads=settings.threads, trusted=settings.trust_weights,
        heads=find_heads(settings.heads, settings.models), batch=settings.batch,
    )  # fmt: skip
    run_export(names, wanted, settings.imgsz, data or [], pictures, tolerance, calibrate)


@app.command()
def doctor() -> None:
    """Say what of the environment works."""
    from services.doctor import examine

    Console().print(examine(settings_of()), highlight=False)


app.add_typer(train, name="train")
app.add_typer(models, name="models")
app.add_typer(data, name="data")


def main() -> None:
    """Entry point: an expected error is one line and its exit code, never a trace."""
    try:
        app()
    except WaysideError as error:
        print(f"wayside: {error}", file=sys.stderr)  # noqa: T201 (the command's own message)
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
