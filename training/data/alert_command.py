"""The body of `wayside data from-alerts`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from services.alerts.view import AlertLog
from shared.bus.base import Bus
from shared.exceptions import ConfigError
from shared.frames import Frame
from shared.settings import Settings
from shared.verdict import VERDICTS
from training.data.alert_frames import clips, from_bus, from_clips
from training.data.forms import empty_folder
from training.data.from_alerts import write
from training.data.problems import Problems
from training.data.verdicts import Judged, fold, read_alerts, with_table


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for.

    Attributes:
        alerts: files or folders; none: the alerts topic.
        chosen: verdicts that are wanted; none: all.
        table: CSV with further verdicts.
        sources: `CAMERA=CLIP`.
        start_ns: UTC ns of each clip's first frame.
        kafka: HOST:PORT.
    """

    alerts: tuple[Path, ...]
    chosen: tuple[str, ...]
    table: Path | None
    sources: tuple[str, ...]
    start_ns: int
    kafka: str | None
    out: Path


def run_request(request: Request, settings: Settings, console: Console) -> list[str]:
    """Read alerts and frames, write pictures; returns what to tell.

    Raises:
        ConfigError: flags that do not fit together.
        InputError: nothing can be read, or no alert has a verdict and a frame.
        BusError: Kafka does not answer.
    """
    if not request.alerts and not request.kafka:
        raise ConfigError("give ALERTS (alerts.jsonl or a run's folder), or --kafka HOST:PORT for the alerts topic")
    if not request.sources and not request.kafka:
        raise ConfigError("where are the frames? Give --source CAMERA=CLIP, or --kafka HOST:PORT while it keeps them")
    if unknown := [word for word in request.chosen if word not in VERDICTS]:
        raise ConfigError(f"--verdict {unknown[0]!r}: {' or '.join(VERDICTS)}")
    problems = Problems()
    cameras = clips(request.sources)
    with _bus(request.kafka) as bus:
        judged = judged_alerts(request, bus, problems)
        wanted = [item for item in judged if item.verdict in (request.chosen or VERDICTS)]
        if not wanted:
            raise problems.stop(
                f"none of {len(judged)} alerts has a verdict that is asked for; --verdicts CSV adds some"
            )
        empty_folder(request.out)
        of_clips = [item for item in wanted if item.alert.camera in cameras or bus is None]
        frames: dict[str, Frame] = from_clips(of_clips, cameras, request.start_ns, problems)
        if bus is not None:
            frames |= from_bus([item for item in wanted if item.alert.camera not in cameras], bus, problems)
    if not frames:
        raise problems.stop("no frame of any alert was found")
    from services.detector.source import load_stage  # torch takes seconds

    stage = load_stage(settings, [])
    try:
        written = write(wanted, frames, stage, settings.batch, request.out, problems)
    finally:
        stage.close()
    problems.tell(console)
    return [
        f"{len(wanted)} of {len(judged)} alerts have a verdict, {len(frames)} of them a frame",
        f"{request.out / 'detector'}: {written.pictures} pictures for the detector; {request.out / 'crops'}: "
        f"{written.crops} crops for heads; other objects labelled by {stage.backend.version}, to be checked",
    ]


def judged_alerts(request: Request, bus: Bus | None, problems: Problems) -> list[Judged]:
    """The alerts of the files, or of the topic where there are none, with their verdicts.

    Raises:
        InputError: a file cannot be read.
        BusError: the bus does not answer.
    """
    if request.alerts or bus is None:
        judged = read_alerts(request.alerts, problems)
    else:
        known = AlertLog(bus).catch_up()
        # The topic keeps the last state of each alert: while the incident has not changed, it is as it opened.
        judged = fold((alert, "opened" if alert.incident_revision == 0 else "updated") for alert in known)
    return with_table(judged, request.table) if request.table else judged


@contextmanager
def _bus(address: str | None) -> Iterator[Bus | None]:
    if address is None:
        yield None
        return
    from shared.bus.kafka import KafkaBus

    bus = KafkaBus(address)
    try:
        yield bus
    finally:
        bus.close()
