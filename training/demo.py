"""`make demo`: Wayside on a scene of its own, live in the browser, then what was staged and what was found."""

import os
import sys
import tempfile
import threading
import time
from pathlib import Path

from rich.console import Console

from services.detector.weights import find_weights
from services.up import Plan, run_all
from shared.exceptions import ConfigError, WaysideError
from shared.service import stop_on_signals
from shared.settings import Settings, load_settings
from shared.site import JsonLinesSink
from shared.sitefile import load_site
from shared.telemetry.logs import configure_logs
from training.evaluate import read_alerts, read_truth
from training.scenes.road import build_road_scene

# After the clip's end the last alerts still close and are written.
_AFTER_S = 2.0


def main() -> int:
    """Run the demo; exit code 0 when every staged incident was found and no other alert stands."""
    configure_logs(os.environ.get("WAYSIDE_LOG_LEVEL", "warning"))
    console = Console()
    stop = stop_on_signals()
    limit = _seconds()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="wayside-demo-") as folder:
        find_weights(load_settings().model, load_settings().models)  # before the work: one clear line when missing
        console.print("Staging a road scene: traffic, a stopped vehicle, a person and an object on a lane …")
        scene = build_road_scene(Path(folder))
        alerts = Path(folder) / "alerts.jsonl"
        settings = load_settings(site=scene.site, data=Path(folder) / "data", console_port=_port())
        return _play(console, settings, scene.truth, alerts, stop, None if limit is None else started + limit)


def _play(
    console: Console, settings: Settings, truth: Path, alerts: Path, stop: threading.Event, deadline: float | None
) -> int:
    site = load_site(settings.site)
    site = site.model_copy(update={"sinks": [JsonLinesSink(type="jsonl", path=alerts)]})
    clip_s = max(read_truth(truth).duration_s.values())

    def ready(address: str) -> None:
        console.print(f"Open [bold]{address}[/] in a browser. Ctrl-C ends the demo.", highlight=False)

    if deadline is not None:
        timer = threading.Timer(max(0.0, deadline - time.monotonic()), stop.set)
        timer.daemon = True
        timer.start()
    run_all(site, settings, Plan(), stop, on_ready=ready)
    table, complete = report_staged(read_alerts(alerts), read_truth(truth))
    console.print(table)
    console.print(f"scene {clip_s:.0f} s; alerts in {alerts}", highlight=False)
    return 0 if complete else 1


def _port() -> int:
    return int(os.environ.get("WAYSIDE_CONSOLE_PORT", "8080"))


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
