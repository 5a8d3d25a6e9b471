"""`make demo`: Wayside on a scene of its own, live in the browser, then what was staged and what was found."""

import os
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from services.detector.source import describe
from services.up import Plan, run_all
from shared import topics
from shared.bus.base import Bus, Record
from shared.clock import NS
from shared.exceptions import BusError, ConfigError, PoisonMessageError, WaysideError
from shared.frames import Frame
from shared.messages import Alert, Message
from shared.service import stop_on_signals
from shared.settings import load_settings
from shared.sitefile import load_site
from shared.telemetry.logs import configure_logs
from training.evaluate import Evaluation, evaluate, fold
from training.report import staged_table, wide_console
from training.scenes.road import build_road_scene
from training.truth import Truth, read_truth

# An incident that began this shortly before the end may rightly have no alert yet: the slowest rule waits 10 s.
_GRACE_S = 13.0


class _AlertEnvelope(Message):
    """What the demo reads of an alert's CloudEvent."""

    type: str
    time: str
    data: Alert


class Watcher:
    """Follows the bus on the side: when the scene began, how far it is, and every alert, printed as it comes."""

    def __init__(self, console: Console, stop: threading.Event) -> None:
        self._console, self._stop = console, stop
        self.first_ns: int | None = None
        self.last_ns = 0
        self.alerts: list[Alert] = []
        self._thread: threading.Thread | None = None

    def watch(self, bus: Bus) -> None:
        """Begin to follow; called with the bus before the services start."""
        self._thread = threading.Thread(target=self._follow, args=(bus,), name="watcher", daemon=True)
        self._thread.start()

    def _follow(self, bus: Bus) -> None:
        consumer = bus.consumer([topics.FRAMES, topics.ALERTS], group=None)
        try:
            while not self._stop.is_set():
                for record in consumer.poll(timeout_s=0.5):
                    self._take(record)
        except BusError:
            if not self._stop.is_set():  # else the demo is over, and has closed its bus
                raise
        consumer.close()

    def _take(self, record: Record) -> None:
        try:
            if record.topic == topics.FRAMES:
                self._frame(Frame.from_record(record))
            else:
                self._alert(_AlertEnvelope.from_bytes(record.value))
        except PoisonMessageError as error:
            self._console.print(f"[red]not understood: {error}[/]")

    def _frame(self, frame: Frame) -> None:
        self.first_ns = frame.captured_at if self.first_ns is None else self.first_ns
        self.last_ns = frame.captured_at

    def _alert(self, event: _AlertEnvelope) -> None:
        alert = event.data
        self.alerts.append(alert)
        what = event.type.rpartition(".")[2]
        self._console.print(
            f"{event.time[11:19]}  {what:7} {alert.severity:8} {alert.incident} on {alert.zone}: "
            f"{alert.label} {alert.score:.0%}",
            highlight=False,
        )

    def verdict(self, truth: Truth) -> Evaluation:
        """The alerts so far against the truth, repeated for every time that the scene has been played."""
        if self._thread is not None:
            self._thread.join(timeout=5)
        first = self.first_ns or 0
        played_s = (self.last_ns - first) / NS
        found = fold(self.alerts, first)
        result = evaluate(found, _repeated(truth, played_s))
        due = [pair for pair in result.matches if pair[1] is not None or pair[0].start_s + _GRACE_S < played_s]
        return replace(result, matches=due)


def _repeated(truth: Truth, played_s: float) -> Truth:
    period = max(truth.duration_s.values())
    rounds = range(int(played_s // period) + 1)
    incidents = [
        item.model_copy(update={"start_s": item.start_s + turn * period, "end_s": item.end_s + turn * period})
        for turn in rounds
        for item in truth.incidents
        if item.start_s + turn * period < played_s
    ]
    return Truth(incidents=incidents, duration_s=dict.fromkeys(truth.duration_s, played_s))


def main() -> int:
    """Run the demo; exit code 0 when every staged incident was found and no other alert stands."""
    configure_logs(os.environ.get("WAYSIDE_LOG_LEVEL", "warning"))
    console = Console()
    stop = stop_on_signals()
    limit = _seconds()
    settings = load_settings()
    describe(settings)  # before the work: one clear line when there are none
    with tempfile.TemporaryDirectory(prefix="wayside-demo-") as folder:
        console.print("Staging a road scene: traffic, a stopped vehicle, a person and an object on a lane …")
        scene = build_road_scene(Path(folder))
        settings = settings.model_copy(update={"site": scene.site, "data": Path(folder) / "data"})
        watcher = Watcher(console, stop)

        def ready(address: str) -> None:
            console.print(f"Open [bold]{address}[/] in a browser. Ctrl-C ends the demo.", highlight=False)
            if limit is not None:
                timer = threading.Timer(limit, stop.set)
                timer.daemon = True
                timer.start()

        run_all(load_site(scene.site), settings, Plan(), stop, on_ready=ready, on_bus=watcher.watch)
        verdict = watcher.verdict(read_truth(scene.truth))
    wide_console().print(staged_table(verdict.matches, verdict.false_alarms))
    missed = sum(1 for _, found in verdict.matches if found is None)
    console.print(f"{len(verdict.matches)} staged, {missed} missed, {len(verdict.false_alarms)} other alerts")
    return 1 if missed or verdict.false_alarms else 0


def _seconds() -> float | None:
    text = os.environ.get("DEMO_SECONDS")
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"DEMO_SECONDS={text!r} is no number of seconds; DEMO_SECONDS=60 make demo") from None


if __name__ == "__main__":
    try:
        sys.exit(main())
    except WaysideError as error:
        sys.exit(f"wayside demo: {error}")
