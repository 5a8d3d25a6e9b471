"""Memory of the producer by cameras: what one more camera of 720p takes.

The producer runs as it is deployed, beside real Kafka and Redis, with 1, 2, 4 and 8 cameras that each play the highway
clip (1280x720) over and over: its decoder, its encoder and its queues. Files are the dearer kind: their decoder works
in frame threads, which hold pictures, where that of a network stream does not.
"""

import argparse
import statistics
import time
from collections.abc import Sequence

import psutil
from rich.table import Table
from scipy.stats import linregress

from shared.exceptions import ConfigError
from training.bench.deployed import deployed
from training.bench.machine import describe
from training.bench.stream import place
from training.bench.usage import cpu_s, own_mb
from training.report import wide_console

WANTED_MB = 15.0


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print its table; exit code 0."""
    parser = argparse.ArgumentParser(
        prog="python -m training.bench.producer_memory", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--cameras", default="1,2,4,8", help="numbers of cameras, with commas between")
    parser.add_argument("--settle", type=float, default=20.0, help="seconds before the first sample")
    parser.add_argument("--seconds", type=float, default=20.0, help="of samples, one a second")
    parser.add_argument("--fps", type=float, default=10.0)
    options = parser.parse_args(arguments)
    counts = [int(count) for count in options.cameras.split(",")]
    console = wide_console()
    try:
        samples, costs = _measure(counts, options.fps, options.settle, options.seconds)
    except ConfigError as error:
        console.print(f"producer's memory: not measured: {error}", highlight=False)
        return 0
    table = Table(title=f"producer, cameras of 1280x720 at {options.fps:g} frames/s", caption=describe())
    for column in ("cameras", "MB: min", "median", "max", "CPU ms per frame"):
        table.add_column(column, justify="right")
    for count, own in samples.items():
        middle = statistics.median(own)
        table.add_row(str(count), *(f"{mb:.1f}" for mb in (min(own), middle, max(own))), f"{costs[count]:.2f}")
    console.print(table)
    if len(counts) > 1:
        slope = per_camera(list(samples), [statistics.median(own) for own in samples.values()])
        verdict = "as wanted" if slope <= WANTED_MB else "too much"
        console.print(f"{slope:.1f} MB per further camera; at most {WANTED_MB:g} are wanted: {verdict}")
    return 0


def per_camera(counts: Sequence[int], memory: Sequence[float]) -> float:
    """MB per further camera: the slope of the line through these."""
    return float(linregress(counts, memory).slope)


def _measure(
    counts: Sequence[int], fps: float, settle: float, seconds: float
) -> tuple[dict[int, list[float]], dict[int, float]]:
    """Samples in MB, and CPU ms per frame, by number of cameras."""
    site, _ = place(max(counts), fps)
    ids = [camera.id for camera in site.cameras]
    samples, costs = {}, {}
    with deployed(site, []) as deployment:
        for count in counts:
            producer = deployment.start("producer", {"WAYSIDE_CAMERAS": ",".join(ids[:count])})
            time.sleep(settle)
            before = cpu_s([producer])
            samples[count] = _sampled(producer, seconds)
            costs[count] = 1000 * (cpu_s([producer]) - before) / (seconds * count * fps)
            deployment.stop()
    return samples, costs


def _sampled(process: psutil.Process, seconds: float) -> list[float]:
    until = time.monotonic() + seconds
    samples = [own_mb(process)]
    while time.monotonic() < until:
        time.sleep(1.0)
        samples.append(own_mb(process))
    return samples


if __name__ == "__main__":
    raise SystemExit(main())
