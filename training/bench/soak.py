"""Memory over a soak: a site as it is deployed, watched until what grows must show.

Producer, detector, analyzer and alerts run as processes of their own beside Kafka and Redis; cameras play the highway
clip over and over, one lane of every other camera in the wrong direction, so that alerts come all the time. After the
warm-up the memory that is each process's own (USS) is sampled, and its trend is the median of the slopes between all
pairs of samples (Theil and Sen), which a few outliers do not move. Memory grows if the trend of each half of the time
is 2 % or more in ten minutes: a single step, as when a buffer is made for the first time, is in one half only.
"""

import argparse
import csv
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.table import Table
from scipy.stats import theilslopes

from shared import topics
from shared.bus.base import Bus
from shared.exceptions import ConfigError
from training.bench.deployed import deployed
from training.bench.latency import wrong_lanes
from training.bench.machine import describe
from training.bench.usage import cpu_s, own_mb
from training.report import wide_console

SERVICES = ("producer", "detector", "analyzer", "alerts")
# Growth in ten minutes that counts as none, as a share of the memory; confidence of the trend's interval.
FLAT, FLAT_MINUTES, CONFIDENCE = 0.02, 10.0, 0.95


@dataclass(frozen=True, slots=True)
class Trend:
    """How a memory went.

    Attributes:
        first: MB, median of the first tenth of the samples; `last`: of the last.
        slope: MB per minute; `low` and `high`: its interval.
        halves: MB per minute, of each half of the time by itself.
    """

    first: float
    last: float
    slope: float
    low: float
    high: float
    halves: tuple[float, float]

    @property
    def flat(self) -> bool:
        """Whether it grows by less than `FLAT` in one of the halves."""
        return min(self.halves) * FLAT_MINUTES < FLAT * self.last


def main(arguments: list[str] | None = None) -> int:
    """Run the soak and print its table; exit code 0 whatever it finds."""
    parser = argparse.ArgumentParser(
        prog="python -m training.bench.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="of samples")
    parser.add_argument("--warm-up", type=float, default=3.0, help="minutes before the first sample")
    parser.add_argument("--every", type=float, default=2.0, help="seconds between two samples")
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--fps", type=float, default=5.0, help="of each camera")
    parser.add_argument("--backend", default="openvino", help="of the detector; see docs/backends.md")
    parser.add_argument("--samples", type=Path, help="CSV file to write every sample to")
    options = parser.parse_args(arguments)
    console = wide_console()
    try:
        table = _soak(options)
    except ConfigError as error:
        console.print(f"soak: not measured: {error}", highlight=False)
        return 0
    console.print(table)
    return 0


def trend(minutes: Sequence[float], memory: Sequence[float]) -> Trend:
    """The trend of memory (MB) over time; of Sen's slope and interval see `scipy.stats.theilslopes`."""
    slope, _, low, high = theilslopes(memory, minutes, CONFIDENCE)
    tenth, half = max(1, len(memory) // 10), len(memory) // 2
    first, last = (statistics.median(part) for part in (memory[:tenth], memory[-tenth:]))
    early, late = (theilslopes(memory[part], minutes[part]).slope for part in (slice(half), slice(half, None)))
    return Trend(first, last, float(slope), float(low), float(high), (float(early), float(late)))


def _soak(options: argparse.Namespace) -> Table:
    site, _ = wrong_lanes()
    cameras = [camera.model_copy(update={"fps": options.fps}) for camera in site.cameras[: options.cameras]]
    site = site.model_copy(update={"cameras": cameras})
    with deployed(site, SERVICES, {"WAYSIDE_BACKEND": options.backend}) as deployment:
        processes = {name: deployment.processes[name][0] for name in SERVICES}
        time.sleep(60 * options.warm_up)
        before = {name: cpu_s([process]) for name, process in processes.items()}
        counted = _messages(deployment.bus)
        times, samples = _watch(processes, options.minutes, options.every)
        sent = {topic: end - counted[topic] for topic, end in _messages(deployment.bus).items()}
        cpu = {name: cpu_s([process]) - before[name] for name, process in processes.items()}
    if options.samples is not None:
        _write(options.samples, times, samples)
    told = ", ".join(f"{count} {topic}" for topic, count in sent.items())
    table = Table(
        title=f"{options.cameras} cameras at {options.fps:g} frames/s, {options.minutes:g} minutes: {told}",
        caption=f"{describe()}; grows: {FLAT:.0%} or more in {FLAT_MINUTES:g} minutes by both halves",
    )
    for column in (
        "process",
        "MB at first",
        "at last",
        "highest",
        "MB per minute (95 %)",
        "in each half",
        "CPU",
        "verdict",
    ):
        table.add_column(column, justify="left" if column == "process" else "right", no_wrap=True)
    for name, own in samples.items():
        found = trend(times, own)
        table.add_row(
            name, f"{found.first:.1f}", f"{found.last:.1f}", f"{max(own):.1f}",
            f"{found.slope:+.3f} ({found.low:+.3f} to {found.high:+.3f})",
            "{:+.3f}, {:+.3f}".format(*found.halves), f"{cpu[name] / (60 * options.minutes):.0%}",
            "flat" if found.flat else "grows",
        )  # fmt: skip
    return table


def _write(path: Path, times: Sequence[float], samples: Mapping[str, Sequence[float]]) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["minutes", *samples])
        rows.writerows(zip(times, *samples.values(), strict=True))


def _messages(bus: Bus) -> dict[str, int]:
    return {topic: sum(bus.end_offsets(topic).values()) for topic in (topics.FRAMES, topics.DETECTIONS, topics.ALERTS)}


def _watch(
    processes: Mapping[str, psutil.Process], minutes: float, every: float
) -> tuple[list[float], dict[str, list[float]]]:
    """Minutes since the first sample, and the samples in MB of each process."""
    begun = time.monotonic()
    times: list[float] = []
    samples: dict[str, list[float]] = {name: [] for name in processes}
    while (elapsed := time.monotonic() - begun) < 60 * minutes:
        times.append(elapsed / 60)
        for name, process in processes.items():
            samples[name].append(own_mb(process))
        time.sleep(max(0.0, begun + len(times) * every - time.monotonic()))
    return times, samples


if __name__ == "__main__":
    raise SystemExit(main())
