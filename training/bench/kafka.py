"""CPU that a Kafka client takes per MB and at a worker's full rate, on a real local Kafka.

Each measurement is a process of its own, and all take turns; Ctrl-C prints the turns so far. First as fast as it goes,
per message size; then at the pace of a machine's full rate, where requests cost more than bytes: a producer of 13
cameras, and a worker that gathers batches, publishes detections, flushes and commits, with the model's time slept. MB/s
and the rate that a worker reaches depend on what else the machine does; CPU per MB hardly does.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import mean, median

from rich.console import Console
from rich.progress import track
from rich.table import Table

from services.producer.reader import read_once
from shared.bus.base import TopicSpec
from shared.bus.kafka import KafkaBus
from shared.embedded.kafka import LocalKafka
from training.bench import analyzer, machine
from training.bench.kafka_child import PARTITIONS, Cost, Job, measure
from training.bench.kafka_clients import BUS, PYTHON, RECEIVERS, SENDERS
from training.bench.pipeline import highway
from training.report import wide_console

Key = tuple[str, str, int]
"""Task, contestant, bytes per message."""

_MB = 1e6
_SIZES_KB = (20, 100, 300)
# Variants are looked at with messages of this size.
_MIDDLE_KB = 100
# Bytes of one measurement as fast as it goes.
_BYTES = 40e6
_SMALL = 5_000
_SHARE_LIMIT = 3.0
_PACED_SENDERS = (
    BUS, PYTHON, f"{PYTHON}, linger 20 ms, batches of 1 MiB", f"{PYTHON}, linger 50 ms, batches of 1 MiB",
)  # fmt: skip
_PACED_WORKERS = (
    BUS, PYTHON, f"{PYTHON}, without check sums", f"{PYTHON}, fetches of 1 MiB or 50 ms",
)  # fmt: skip
_PACED_ONLY = {f"{PYTHON}, linger 50 ms, batches of 1 MiB"}
_FORKS = multiprocessing.get_context("forkserver")
# A child that has not ended by then hangs.
_CHILD_S = 120.0


def main() -> int:
    """Run the benchmark and print its tables; exit code 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contestant")
    parser.add_argument("--rate", type=float, default=130.0, help="frames/s that a worker does at most")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each measurement at that rate")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="that such a worker has")
    arguments = parser.parse_args()
    _FORKS.set_forkserver_preload(["training.bench.kafka"])
    frame, result = frame_bytes(), int(mean(map(len, analyzer.stream(100))))
    out = wide_console()
    out.print(
        f"a frame: {frame / 1000:.0f} KB (highway clip as the producer encodes it); its detections: {result} bytes"
    )
    with tempfile.TemporaryDirectory() as folder, LocalKafka(Path(folder)) as broker:
        bench = _Bench(broker.bootstrap, frame, result, arguments.rate, arguments.seconds)
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


class _Bench:
    def __init__(self, bootstrap: str, frame: int, result: int, rate: float, seconds: float) -> None:
        self._bus = KafkaBus(bootstrap)
        self._blank = Job("", "", bootstrap, "", frame, rate=rate, seconds=seconds, detections=result)
        self._result, self._number = result, 0
        self._topics: set[str] = set()

    def jobs(self) -> dict[Key, Job]:
        """What one round does, in order."""
        middle = _MIDDLE_KB * 1000
        sizes = [*(kilobytes * 1000 for kilobytes in _SIZES_KB), self._result]
        variants = [name for name in SENDERS if name not in _PACED_ONLY]
        cells = [("send", name, size) for size in sizes for name in variants if name in (BUS, PYTHON) or size == middle]
        cells += [
            ("receive", name, size) for size in sizes for name in RECEIVERS if name in (BUS, PYTHON) or size == middle
        ]
        jobs = {
            (task, name, size): replace(
                self._blank, task=task, contestant=name, size=size,
                count=_SMALL if size == self._result else round(_BYTES / size),
            )
            for task, name, size in cells
        }  # fmt: skip
        paced = [("pace", "the loop alone"), *(("produce", name) for name in _PACED_SENDERS)]
        paced += [("work", name) for name in _PACED_WORKERS]
        for task, name in paced:
            jobs[task, name, 0] = replace(self._blank, task=task, contestant=name)
        return jobs

    def run(self, job: Job) -> Cost:
        """Start the child, and what it needs beside it."""
        if job.task == "receive":
            topic = f"receive-{job.size}"
            if self._ensure(topic):
                _Child(replace(job, task="send", contestant=BUS, topic=topic)).cost()
            return _Child(replace(job, topic=topic)).cost()
        self._number += 1
        topic = f"send-{job.size}" if job.task == "send" else f"{job.task}-{self._number}"
        self._ensure(topic)
        if job.task != "work":
            return _Child(replace(job, topic=topic)).cost()
        self._ensure(f"{topic}-out")
        # It must still send when the worker, which starts beside it, has measured.
        feed = _Child(replace(job, task="produce", contestant=BUS, topic=topic, seconds=_CHILD_S))
        try:
            return _Child(replace(job, topic=topic)).cost()
        finally:
            feed.kill()

    def close(self) -> None:
        self._bus.close()

    def _ensure(self, topic: str) -> bool:
        """Whether the topic is new."""
        new = topic not in self._topics
        self._topics.add(topic)
        self._bus.ensure_topics([TopicSpec(topic, PARTITIONS, retention_bytes=64 << 20)])
        return new


class _Child:
    """A measuring process, forked from a server that has imported everything and made no client."""

    def __init__(self, job: Job) -> None:
        self._result, end = _FORKS.Pipe(duplex=False)
        self._process = _FORKS.Process(target=measure, args=(job, end), daemon=True)
        self._process.start()
        end.close()

    def cost(self) -> Cost:
        """Wait for the result."""
        if not self._result.poll(_CHILD_S):
            raise RuntimeError(f"a measurement did not end within {_CHILD_S:.0f} s")
        cost: Cost = self._result.recv()
        self._process.join()
        return cost

    def kill(self) -> None:
        """End it without a result."""
        self._process.kill()
        self._process.join()


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
