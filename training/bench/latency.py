"""From capture to detection, track and alert: percentiles by load, on real Kafka with the real model.

Eight cameras show the highway clip to detector, analyzer and alerts, each a process of its own beside Kafka and Redis
on this machine. A frame counts as captured when it is handed to Kafka as JPEG, and a result as there when a reader of
its topic has it. The capacity is what the detector analyses of 1.3 times its rate on a backlog; loads are shares of it.
One lane of four cameras is entered in the wrong direction, so that every car on it gives an alert.
"""

import argparse
import time
from collections.abc import Sequence

from rich.table import Table

from shared.exceptions import ConfigError
from shared.frames import Frame
from shared.site import Site
from training.bench.deployed import deployed
from training.bench.machine import describe, taken
from training.bench.stream import Cameras, Key, Seen, Watcher, analysed_rate, await_all, drain, place
from training.intervals import percentile
from training.report import wide_console

_LOADS = (25, 50, 75, 90, 300)
_CAMERAS, _WRONG = 8, ("bench-0", "bench-2", "bench-4", "bench-6")
_FPS = 10.0
_BACKLOG = 40
# The first seconds of a load are not counted: caches, and what the load before has left.
_SETTLE_S = 2.0
# So long after it has shed, a camera still sheds earlier (services/detector/waiting.py).
_CALM_S = 11.0


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print its table; exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m training.bench.latency", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each load")
    options = parser.parse_args(arguments)
    try:
        table = measure(options.seconds)
    except ConfigError as error:
        wide_console().print(f"latency: not measured: {error}", highlight=False)
        return 0
    wide_console().print(table)
    return 0


def measure(seconds: float) -> Table:
    """Run the loads one after the other.

    Raises:
        InputError: the highway clip is not there.
        ConfigError: Kafka or Redis cannot be started.
        TimeoutError: the services did not come up, or did not finish.
    """
    others = taken()
    site, pictures = wrong_lanes()
    with deployed(site, ("detector", "analyzer", "alerts")) as deployment:
        bus = deployment.bus
        watcher, cameras = Watcher(bus), Cameras(bus, [camera.id for camera in site.cameras], pictures)
        seen = watcher.seen
        await_all(seen.tracks, cameras.pile_up(1, "warm-up"))
        backlog = cameras.pile_up(_BACKLOG, "capacity")
        await_all(seen.detections, backlog)
        times = sorted(seen.detections[key] for key in backlog)
        # The first batch is there after the model has run once; the rate is that of the others.
        most = 1e9 * (len(times) - _CAMERAS) / (times[-1] - times[_CAMERAS - 1])
        sent = cameras.send(1.3 * most, seconds)
        drain(bus)
        capacity = analysed_rate(sent, seen)
        table = Table(
            title=f"{_CAMERAS} cameras, capacity {capacity:.1f} frames/s (backlog: {most:.1f}), {seconds:g} s each, ms",
            caption=f"{describe()}; {others}",
        )
        for column in (
            "load", "frames/s", "shed", "capture to detection: p50", "p95", "p99", "longest",
            "analyzer adds: p50", "p99", "analyzer and alerts add: p50", "p99", "alerts",
        ):  # fmt: skip
            table.add_column(column, justify="right")
        for load in _LOADS:
            time.sleep(_CALM_S)
            sent = cameras.send(load / 100 * capacity, seconds)
            drain(bus)
            table.add_row(f"{load} %", f"{len(sent) / seconds:.1f}", *figures(sent, seen))
        cameras.close()
        watcher.close()
    return table


def wrong_lanes() -> tuple[Site, list[Frame]]:
    """The site with several cameras, some with a lane in the wrong direction, and the clip's pictures.

    Raises:
        InputError: the clip is not there.
    """
    site, pictures = place(_CAMERAS, _FPS, closeups=None)
    first, *others = site.cameras[0].zones
    wrong = [first.model_copy(update={"direction": (0.3, -1.0)}), *others]
    cameras = [
        camera.model_copy(update={"zones": wrong if camera.id in _WRONG else camera.zones}) for camera in site.cameras
    ]
    return site.model_copy(update={"cameras": cameras}), pictures


def figures(sent: Sequence[Key], seen: Seen) -> list[str]:
    """The row of one load: what was shed, and percentiles in ms of what could be read of the rest."""
    counted = [key for key in sent if key[1] >= sent[0][1] + _SETTLE_S * 1e9]
    there = [key for key in counted if key in seen.detections]
    detection = [(seen.detections[key] - key[1]) / 1e6 for key in there]
    analyzer = [(seen.tracks[key] - seen.detections[key]) / 1e6 for key in there if key in seen.tracks]
    alerts = [(seen.alerts[key] - seen.detections[key]) / 1e6 for key in there if key in seen.alerts]
    columns: list[tuple[list[float], tuple[int, ...]]] = [
        (detection, (50, 95, 99, 100)), (analyzer, (50, 99)), (alerts, (50, 99)),
    ]  # fmt: skip
    values = [percentile(times, percent) for times, percents in columns for percent in percents]
    shed = 100 * (1 - len(there) / len(counted))
    return [f"{shed:.1f} %", *("-" if value is None else f"{value:.0f}" for value in values), str(len(alerts))]


if __name__ == "__main__":
    raise SystemExit(main())
