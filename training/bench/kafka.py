"""CPU that a Kafka client takes per MB and at a worker's full rate, on a real local Kafka.

Each measurement is a process of its own, and all take turns; Ctrl-C prints the turns so far. First as fast as it goes,
per message size; then at the pace of a machine's full rate, where requests cost more than bytes: a producer of 13
cameras, and a worker that gathers batches, publishes detections, flushes and commits, with the model's time slept. MB/s
and the rate that a worker reaches depend on what else the machine does; CPU per MB hardly does.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from statistics import mean, median

from rich.console import Console
from rich.progress import track
from rich.table import Table

from services.producer.reader import read_once
from shared.embedded.kafka import LocalKafka
from training.bench import analyzer, machine
from training.bench.kafka_child import Cost
from training.bench.kafka_turns import Key, Turns, prepare
from training.bench.pipeline import highway
from training.report import wide_console

_MB = 1e6
_SHARE_LIMIT = 3.0


def main() -> int:
    """Run the benchmark and print its tables; exit code 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contestant")
    parser.add_argument("--rate", type=float, default=130.0, help="frames/s that a worker does at most")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each measurement at that rate")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="that such a worker has")
    arguments = parser.parse_args()
    prepare()
    frame, result = frame_bytes(), int(mean(map(len, analyzer.stream(100))))
    out = wide_console()
    out.print(
        f"a frame: {frame / 1000:.0f} KB (highway clip as the producer encodes it); its detections: {result} bytes"
    )
    with tempfile.TemporaryDirectory() as folder, LocalKafka(Path(folder)) as broker:
        bench = Turns(broker.bootstrap, frame, result, arguments.rate, arguments.seconds)
        jobs = bench.jobs()
        costs: dict[Key, list[Cost]] = {key: [] for key in jobs}
        with suppress(KeyboardInterrupt):
            for _ in range(arguments.rounds):
                for key, job in track(jobs.items(), "a turn", console=Console(stderr=True)):
                    costs[key].append(bench.run(job))
        bench.close()
    costs = {key: found for key, found in costs.items() if found}
    machine.show()
    for table in (_per_mb("send", costs), _per_mb("receive", costs), _shares(costs, arguments.cores, arguments.rate)):
        out.print(table)
    return 0


def frame_bytes() -> int:
    """The mean size of a frame of the highway clip, as the producer encodes it."""
    _, camera = highway()
    return int(mean(len(frame.jpeg) for frame in islice(read_once(camera), 100)))


def _table(title: str, columns: Iterable[str]) -> Table:
    table = Table(title=title)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number > 1 else "left", no_wrap=True)
    return table


def _three(values: Iterable[float], digits: int) -> list[str]:
    ordered = list(values)
    return [f"{pick(ordered):.{digits}f}" for pick in (min, median, max)]


def _per_mb(task: str, costs: Mapping[Key, list[Cost]]) -> Table:
    table = _table(
        f"{task}, as fast as it goes", ("client", "message", "CPU ms/MB: min", "median", "max", "us/message", "MB/s")
    )
    for (own, name, size), found in costs.items():
        if own == task:
            size_mb = size / _MB
            ms = _three((1000 * cost.cpu_s / (cost.messages * size_mb) for cost in found), 2)
            us = median(1e6 * cost.cpu_s / cost.messages for cost in found)
            rate = median(cost.messages * size_mb / cost.wall_s for cost in found)
            table.add_row(name, f"{size / 1000:.3g} KB", *ms, f"{us:.0f}", f"{rate:.0f}")
    return table


def _shares(costs: Mapping[Key, list[Cost]], cores: int, rate: float) -> Table:
    """CPU at the full rate; scaled to it, as a worker on a busy machine may not have reached it."""
    head = (
        "at full rate",
        "client",
        "frames/s",
        "CPU ms/s: min",
        "median",
        "max",
        f"% of {cores} cores",
        "3 % at frames/s",
    )
    table = _table(f"at {rate:g} frames/s on {cores} cores", head)
    for (task, name, _), found in costs.items():
        if task in ("pace", "produce", "work"):
            per_frame = [cost.cpu_s / cost.messages for cost in found]
            middle = median(per_frame)
            table.add_row(
                {"pace": "producer", "produce": "producer", "work": "worker"}[task], name,
                f"{median(cost.messages / cost.wall_s for cost in found):.0f}",
                *_three((1000 * rate * each for each in per_frame), 0),
                f"{100 * rate * middle / cores:.2f}", f"{_SHARE_LIMIT / 100 * cores / middle:.0f}",
            )  # fmt: skip
    return table


if __name__ == "__main__":
    sys.exit(main())
