"""The turns of the Kafka benchmark: which client does what, each time in a process of its own."""

import multiprocessing
from dataclasses import replace

from shared.bus.base import TopicSpec
from shared.bus.kafka import KafkaBus
from training.bench.kafka_child import PARTITIONS, Cost, Job, measure
from training.bench.kafka_clients import BUS, PYTHON, RECEIVERS, SENDERS

Key = tuple[str, str, int]
"""Task, contestant, bytes per message."""

_SIZES_KB = (20, 100, 300)
# Variants are looked at with messages of this size.
_MIDDLE_KB = 100
# Bytes of one measurement as fast as it goes.
_BYTES = 40e6
_SMALL = 5_000
_PACED_SENDERS = (
    BUS, PYTHON, f"{PYTHON}, linger 20 ms, batches of 1 MiB", f"{PYTHON}, linger 50 ms, batches of 1 MiB",
)  # fmt: skip
_PACED_WORKERS = (
    BUS, PYTHON, f"{PYTHON}, without check sums", f"{PYTHON}, fetches of 1 MiB or 50 ms",
)  # fmt: skip
_PACED_ONLY = {f"{PYTHON}, linger 50 ms, batches of 1 MiB"}
# What the main module imports: each new process runs it again.
_MAIN = ("services.producer.reader", "training.bench.analyzer", "training.bench.pipeline", "training.report")
_FORKS = multiprocessing.get_context("forkserver")
# A child that has not ended by then hangs.
_CHILD_S = 120.0


def prepare() -> None:
    """Import once what every measuring process needs, so that they start at once."""
    _FORKS.set_forkserver_preload([__name__, *_MAIN])


class Turns:
    """All measurements of one broker.

    Args:
        frame: bytes of a frame, at the full rate.
        result: bytes of its detections.
        rate: frames/s.
        seconds: of each measurement at that rate.
    """

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
        """Release the broker."""
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
