"""1 to 16 cameras through the detector as it is deployed: what one worker and two see of them, and what it costs.

Each camera shows the highway clip live on real Kafka, from a place of its own on. A frame counts as captured when it
is handed to Kafka as JPEG, and as analysed when a reader of `detections` has its boxes. CPU is the workers' own, with
their Kafka client; the broker, Redis and the cameras run beside them on the same cores. Workers share the cores evenly.
"""

import argparse
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import psutil
from rich.table import Table

from shared import topics
from shared.bus.base import Bus
from shared.exceptions import ConfigError
from shared.frames import Frame
from shared.site import Site
from training.bench.deployed import deployed
from training.bench.machine import describe, taken
from training.bench.stream import Cameras, Key, Seen, Watcher, analysed_rate, await_all, drain, place
from training.bench.usage import cpu_s
from training.intervals import percentile
from training.report import wide_console

# The first seconds are not counted: what the number of cameras before has left, and queues that fill.
_SETTLE_S = 2.0


@dataclass(frozen=True, slots=True)
class Seat:
    """What some cameras got of the workers.

    Attributes:
        sent: frames/s of all cameras.
        analysed: frames/s of them that were seen.
        cpu_ms: of the workers, per analysed frame.
        least: the share of its frames that the camera saw analysed that fared worst; `most`: that fared best.
        p99_ms: capture to detection; None where nothing was analysed.
    """

    cameras: int
    sent: float
    analysed: float
    cpu_ms: float
    least: float
    most: float
    p99_ms: float | None


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print its table; exit code 0."""
    parser = argparse.ArgumentParser(
        prog="python -m training.bench.cameras", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--seconds", type=float, default=15.0, help="length of each number of cameras")
    parser.add_argument("--cameras", default="1,2,4,8,16", help="numbers of cameras, with commas between")
    parser.add_argument("--workers", default="1,2", help="numbers of workers, with commas between")
    parser.add_argument("--fps", type=float, default=10.0, help="of each camera")
    parser.add_argument("--backend", default="openvino", help="of the detector; see docs/backends.md")
    parser.add_argument("--closeups", type=int, default=0, help="per frame; each costs another look")
    options = parser.parse_args(arguments)
    counts = [int(count) for count in options.cameras.split(",")]
    console = wide_console()
    site, pictures = place(max(counts), options.fps, options.closeups)
    table = Table(
        title=f"detector by cameras, {options.backend}, {options.fps:g} frames/s each, {options.seconds:g} s",
        caption=f"{describe()}; {taken()}",
    )
    for column in (
        "workers", "cameras", "sent/s", "analysed/s", "CPU ms per frame", "of a camera's frames seen: least", "most",
        "least / most", "capture to detection p99, ms",
    ):  # fmt: skip
        table.add_column(column, justify="right")
    try:
        for workers in (int(count) for count in options.workers.split(",")):
            for seat in _measure(site, pictures, counts, workers, options):
                table.add_row(str(workers), *row(seat))
    except ConfigError as error:
        console.print(f"cameras: not measured: {error}", highlight=False)
        return 0
    console.print(table)
    return 0


def worker_settings(workers: int, backend: str) -> dict[str, str]:
    """The settings of each of so many workers that share this machine."""
    threads = max(1, len(os.sched_getaffinity(0)) // workers)
    return {"WAYSIDE_BACKEND": backend, "WAYSIDE_THREADS": str(threads)}


def backlog_cost(
    bus: Bus, workers: Sequence[psutil.Process], cameras: Cameras, seen: Seen, count: int
) -> tuple[float, float]:
    """Frames/s, and CPU ms per frame, of workers that find `count` frames of each camera: their full rate.

    Raises:
        TimeoutError: they did not finish.
    """
    await_all(seen.detections, cameras.pile_up(1, "warm-up"))
    drain(bus, (topics.DETECTOR_GROUP,))
    before = cpu_s(workers)
    sent = cameras.pile_up(count, "backlog")
    await_all(seen.detections, sent)
    return analysed_rate(sent, seen), 1000 * (cpu_s(workers) - before) / len(sent)


def seat_of(sent: Sequence[Key], seen: Seen, seconds: float, cpu: float) -> Seat:
    """What cameras got that sent these frames in so many seconds, while the workers took `cpu` seconds."""
    there = [key for key in sent if key in seen.detections]
    offered, got = Counter(camera for camera, _ in sent), Counter(camera for camera, _ in there)
    shares = [got[camera] / offered[camera] for camera in offered]
    late = [(seen.detections[key] - key[1]) / 1e6 for key in there]
    return Seat(
        len(offered), len(sent) / seconds, len(there) / seconds, 1000 * cpu / max(1, len(there)), min(shares),
        max(shares), percentile(late, 99),
    )  # fmt: skip


def row(seat: Seat) -> list[str]:
    """The cells of one row."""
    fair = seat.least / seat.most if seat.most else 0.0
    return [
        str(seat.cameras), f"{seat.sent:.1f}", f"{seat.analysed:.1f}", f"{seat.cpu_ms:.1f}", f"{seat.least:.0%}",
        f"{seat.most:.0%}", f"{fair:.2f}", "-" if seat.p99_ms is None else f"{seat.p99_ms:.0f}",
    ]  # fmt: skip


def _measure(
    site: Site, pictures: Sequence[Frame], counts: Sequence[int], workers: int, options: argparse.Namespace
) -> list[Seat]:
    seats = []
    with deployed(site, ["detector"] * workers, worker_settings(workers, options.backend)) as deployment:
        bus, processes = deployment.bus, deployment.processes["detector"]
        watcher = Watcher(bus)
        ids = [camera.id for camera in site.cameras]
        warm = Cameras(bus, ids, pictures)
        await_all(watcher.seen.detections, warm.pile_up(2, "warm-up"))
        warm.close()
        for count in counts:
            cameras = Cameras(bus, ids[:count], pictures)
            cameras.send(count * options.fps, _SETTLE_S)
            before = cpu_s(processes)
            sent = cameras.send(count * options.fps, options.seconds)
            cpu = cpu_s(processes) - before
            drain(bus, (topics.DETECTOR_GROUP,))
            seats.append(seat_of(sent, watcher.seen, options.seconds, cpu))
            cameras.close()
            time.sleep(1.0)
        watcher.close()
    return seats


if __name__ == "__main__":
    raise SystemExit(main())
