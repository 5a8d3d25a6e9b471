"""The `wayside` command; only wiring. Heavy imports (torch) happen inside the commands that need them."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from shared.bus.base import Bus
from shared.clock import from_rfc3339
from shared.exceptions import ConfigError, WaysideError
from shared.service import stop_on_signals
from shared.settings import Settings, load_settings
from shared.sitefile import load_site
from shared.store import Store
from shared.telemetry.logs import configure_logs
from training.commands import train

app = typer.Typer(
    name="wayside",
    help="Event-driven streaming video analytics for roads and airports.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

app.add_typer(train, name="train")

SiteOption = Annotated[Path | None, typer.Option("--site", help="Site file (WAYSIDE_SITE).")]
ModelOption = Annotated[str | None, typer.Option("--model", help="Weights by name or path (WAYSIDE_MODEL).")]
DeviceOption = Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or cuda:N (WAYSIDE_DEVICE).")]
ImgszOption = Annotated[int | None, typer.Option("--imgsz", help="Longer side of the model's input, pixels.")]
KafkaOption = Annotated[str | None, typer.Option("--kafka", help="HOST:PORT of Kafka (WAYSIDE_KAFKA).")]
RedisOption = Annotated[str | None, typer.Option("--redis", help="Redis URL (WAYSIDE_REDIS).")]
DataOption = Annotated[Path | None, typer.Option("--data", help="Folder for evidence and servers' data.")]
RunOption = Annotated[str | None, typer.Option("--run", help="Run id; enters every alert's id.")]
StartOption = Annotated[str | None, typer.Option("--start", help="Time of a clip's first frame, RFC 3339.")]


@app.command()
def run(
    sources: Annotated[list[str] | None, typer.Argument(help="Clips, or ID=CLIP; none: the site's own.")] = None,
    site: SiteOption = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")] = Path("out"),
    annotate: Annotated[bool, typer.Option("--annotate", help="Also write DIR/<camera>.mp4.")] = False,
    run_id: RunOption = None,
    start: StartOption = None,
    model: ModelOption = None,
    device: DeviceOption = None,
    imgsz: ImgszOption = None,
) -> None:
    """The whole pipeline on files, as fast as it goes, without a broker."""
    settings = _settings(site=site, model=model, device=device, imgsz=imgsz, run=run_id)
    loaded, start_ns = load_site(settings.site), _start_ns(start)
    from services.run_command import run_files

    report = run_files(loaded, sources or [], settings, out, annotate=annotate, start_ns=start_ns)
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
    settings = _settings(site=site, model=model, device=device, imgsz=imgsz, data=data, console_port=port, run=run_id)
    loaded, start_ns = load_site(settings.site), _start_ns(start)
    from services.up import Plan, run_all

    plan = Plan(kafka=kafka, redis=redis, once=once, start_ns=start_ns)
    run_all(
        loaded,
        settings,
        plan,
        stop_on_signals(),
        on_ready=lambda address: Console().print(f"Wayside is up: {address}", highlight=False),
    )


@app.command()
def producer(
    site: SiteOption = None,
    kafka: KafkaOption = None,
    redis: RedisOption = None,
    cameras: Annotated[str | None, typer.Option("--cameras", help="Camera ids, comma-separated; all.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Read each clip once, then end; needs --run.")] = False,
    run_id: RunOption = None,
    start: StartOption = None,
) -> None:
    """Cameras → frames topic."""
    from services.producer.service import serve

    settings = _settings(site=site, kafka=kafka, redis=redis, cameras=cameras, run=run_id)
    if once and settings.run is None:
        raise ConfigError("--once needs --run ID: without one, live workers would shed the clip's old frames")
    loaded = load_site(settings.site)
    _serve(
        settings,
        lambda bus, store, stop: serve(
            bus,
            store,
            loaded,
            settings,
            stop,
            once=once,
            # Now, when not given: Kafka would soon delete what is stamped 1970.
            start_ns=_start_ns(start) if start else time.time_ns(),
        ),
    )


@app.command()
def detector(
    site: SiteOption = None,
    kafka: KafkaOption = None,
    redis: RedisOption = None,
    model: ModelOption = None,
    device: DeviceOption = None,
    imgsz: ImgszOption = None,
    batch: Annotated[int | None, typer.Option("--batch", help="Frames in one forward pass at most.")] = None,
) -> None:
    """Frames → boxes. Start as many as there are cores or GPUs to fill.

    The site file says where to look closer; without one every picture is seen as a whole only.
    """
    from services.detector.service import serve

    settings = _settings(site=site, kafka=kafka, redis=redis, model=model, device=device, imgsz=imgsz, batch=batch)
    named = "site" in settings.model_fields_set or settings.site.exists()
    cameras = load_site(settings.site).cameras if named else []
    _serve(settings, lambda bus, store, stop: serve(bus, store, settings, stop, cameras))


@app.command()
def analyzer(site: SiteOption = None, kafka: KafkaOption = None, redis: RedisOption = None) -> None:
    """Boxes → tracks and incidents."""
    from services.analyzer.service import serve

    settings = _settings(site=site, kafka=kafka, redis=redis)
    loaded = load_site(settings.site)
    _serve(settings, lambda bus, store, stop: serve(bus, store, loaded, settings, stop))


@app.command()
def alerts(
    site: SiteOption = None, kafka: KafkaOption = None, redis: RedisOption = None, data: DataOption = None
) -> None:
    """Incidents → alerts, evidence and sinks."""
    from services.alerts.service import serve

    settings = _settings(site=site, kafka=kafka, redis=redis, data=data)
    loaded = load_site(settings.site)
    _serve(settings, lambda bus, store, stop: serve(bus, store, loaded, settings, stop))


@app.command()
def console(
    site: SiteOption = None,
    kafka: KafkaOption = None,
    redis: RedisOption = None,
    data: DataOption = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port; 0 takes a free one.")] = None,
) -> None:
    """The page and the HTTP API."""
    from services.console.service import serve

    settings = _settings(site=site, kafka=kafka, redis=redis, data=data, console_host=host, console_port=port)
    loaded = load_site(settings.site)
    _serve(
        settings,
        lambda bus, store, stop: serve(
            bus, store, loaded, settings, stop, lambda address: Console().print(f"Console: {address}")
        ),
    )


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
    if wanting := run_eval(alerts, truth, json, _start_ns(start), gate):
        print(f"wayside: {'; '.join(wanting)}", file=sys.stderr)  # noqa: T201 (the gate's one line)
        raise typer.Exit(1)


@app.command()
def check(site: Annotated[Path, typer.Argument(help="Site file.")]) -> None:
    """Validate a site file and say what it watches."""
    from services.check import calibration, describe

    loaded = load_site(site)
    Console().print(describe(loaded), highlight=False)
    for line in calibration(loaded):
        Console().print(line, highlight=False, soft_wrap=True)


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

    settings = _settings(site=site)
    said = run_grid(load_site(settings.site), camera, out, image, step)
    Console().print(said, highlight=False, soft_wrap=True)


@app.command()
def doctor() -> None:
    """Say what of the environment works."""
    from services.doctor import examine

    Console().print(examine(_settings()), highlight=False)


def _settings(**flags: object) -> Settings:
    settings = load_settings(**flags)
    configure_logs(settings.log_level)
    return settings


def _start_ns(text: str | None) -> int:
    if text is None:
        return 0
    try:
        return from_rfc3339(text)
    except ValueError:
        raise ConfigError(f"--start {text!r} is no date-time; write it as 2026-05-01T06:30:00Z") from None


def _serve(settings: Settings, serve: Callable[[Bus, Store, threading.Event], None]) -> None:
    with _connected(settings) as (bus, store):
        serve(bus, store, stop_on_signals())


@contextmanager
def _connected(settings: Settings) -> Iterator[tuple[Bus, Store]]:
    from shared.bus.kafka import KafkaBus

    store = Store.connect(settings.redis)
    try:
        bus = KafkaBus(settings.kafka)
        try:
            yield bus, store
        finally:
            bus.close()
    finally:
        store.close()


def main() -> None:
    """Entry point: an expected error is one line and its exit code, never a trace."""
    try:
        app()
    except WaysideError as error:
        print(f"wayside: {error}", file=sys.stderr)  # noqa: T201 (the command's own message)
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
