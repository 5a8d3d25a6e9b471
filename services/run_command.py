"""The body of `wayside run`: pre-flight, progress, summary."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from services.inspecting import asked_in
from services.local import RUN_BATCH, RunReport, cameras_for, run_pipeline
from services.outputs import RunOutputs
from services.producer import probe
from shared.exceptions import InputError
from shared.settings import Settings
from shared.site import Camera, Site

# A plain log line per this share of the work, where no terminal shows a bar.
_PLAIN_STEP = 0.1


def run_files(
    site: Site,
    sources: Sequence[str],
    settings: Settings,
    out: Path,
    *,
    annotate: bool,
    start_ns: int,
    inspect: Sequence[str] = (),
) -> RunReport:
    """Probe every source, run the pipeline, print a summary.

    Args:
        inspect: `LANE@SECONDS`, lanes to inspect beside those that the site plans.

    Raises:
        InputError: a source is missing, no video, or not finite; nothing has been written then.
        ConfigError: an inspection of no lane, or at no time.
    """
    asked = asked_in(inspect, site, settings.run, start_ns)
    cameras = cameras_for(site, sources, settings.site)
    total = sum(_expected_frames(camera) for camera in cameras)
    console = Console(stderr=True)
    from services.detector.source import load_stage  # torch takes seconds: only once the input is known to be good

    stage = load_stage(settings, cameras)
    try:
        with RunOutputs(site, out, annotate=annotate) as outputs, _progress(console, total) as on_frame:
            report = run_pipeline(
                site,
                cameras,
                stage,
                outputs,
                run=settings.run,
                start_ns=start_ns,
                inspect=asked,
                batch=max(settings.batch, RUN_BATCH),
                on_frame=on_frame,
            )
    finally:
        stage.close()
    frames = ", ".join(f"{camera} {count}" for camera, count in sorted(report.frames.items()))
    console.print(
        f"frames: {frames or 'none'}; alerts opened: {report.alerts_opened}; results in {out}", highlight=False
    )
    return report


def _expected_frames(camera: Camera) -> int:
    info = probe(camera)
    if not info.finite:
        raise InputError(f"camera {camera.id}: its source is live; `wayside run` reads files, `wayside up` cameras")
    return info.frames_expected or 0


@contextmanager
def _progress(console: Console, total: int) -> Iterator[Callable[[str], None]]:
    if not console.is_terminal:
        done = 0

        def count(camera: str) -> None:
            nonlocal done
            done += 1
            if total and int(done / total / _PLAIN_STEP) > int((done - 1) / total / _PLAIN_STEP):
                console.print(f"{done} of about {total} frames", highlight=False)

        yield count
        return
    columns = (TextColumn("analysing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("analysing", total=total or None)
        yield lambda camera: progress.advance(task)
