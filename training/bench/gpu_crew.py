"""Detector workers that share a GPU, each a process as in production: JPEG in, serialised detections out.

There is no Kafka between: what that costs is measured by itself. Frames lie in memory.
"""

import multiprocessing
import os
import random
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Self

import torch

from services.detector.backends.base import Backend
from services.detector.backends.load import Wanted, load_torch
from services.detector.memory.descriptors import LAYERS
from services.detector.process import tune_process
from services.detector.stage import DetectorStage, Look
from services.producer import read_once
from shared.exceptions import PoisonMessageError
from shared.frames import Frame
from shared.messages import FrameRef
from training.bench.pipeline import highway

BATCH = 32
# Different frames of the clip that go round.
_FRAMES = 96
# As `WAYSIDE_BATCH_WAIT_MS`: the longest wait to fill a batch.
_FILL_S = 0.005


@dataclass(frozen=True, slots=True)
class Job:
    """What each worker of the crew does next.

    Attributes:
        active: workers that take part; the others wait.
        rate: frames/s that arrive at all of them together; None: as many as they can.
        memory_every_s: how often a road is described for the memory; 0: never.
    """

    weights: Path
    imgsz: int
    active: int
    seconds: float
    rate: float | None = None
    memory_every_s: float = 0.0
    compiled: bool = False


def wanted(job: Job) -> Wanted:
    """The backend of a job."""
    return Wanted(job.weights, device="cuda", layers=LAYERS, batch=BATCH, compiled=job.compiled)


@dataclass(frozen=True, slots=True)
class Result:
    """Of one worker: frames, the seconds they took, and of each its seconds from arrival to detections."""

    frames: int
    seconds: float
    delays: tuple[float, ...] = ()


class Crew:
    """Worker processes that stay for several jobs: starting one takes longer than a job."""

    def __init__(self, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._barrier = barrier = context.Barrier(count)  # held: its name goes with the last holder here
        self._pipes, self._processes = [], []
        for number in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(number, barrier, theirs), daemon=True)
            process.start()
            self._pipes.append(ours)
            self._processes.append(process)
        for pipe in self._pipes:
            pipe.recv()  # it is ready: starting takes the cores that others are measured on

    def run(self, job: Job) -> list[Result]:
        """What each active worker did.

        Raises:
            EOFError: a worker has died; its own error is on standard error.
        """
        for pipe in self._pipes:
            pipe.send(job)
        results = [pipe.recv() for pipe in self._pipes]
        return results[: job.active]

    def rate(self, job: Job) -> float:
        """Frames/s of all together."""
        return sum(result.frames / result.seconds for result in self.run(job))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(10)
            process.kill()


def _work(number: int, barrier: Barrier, pipe: Connection) -> None:
    torch.set_num_threads(1)
    tune_process()
    camera = highway()[1]
    frames = list(islice(read_once(camera), _FRAMES))
    pipe.send(None)
    loaded: tuple[Wanted, Backend] | None = None
    while True:
        try:
            job: Job = pipe.recv()
        except EOFError:
            return
        if loaded is None or loaded[0] != wanted(job):
            loaded = wanted(job), load_torch(wanted(job))
        threads = max(1, len(os.sched_getaffinity(0)) // job.active)
        stage = DetectorStage(
            loaded[1], imgsz=job.imgsz, decode_threads=threads,
            cameras=[camera.model_copy(update={"closeups": 0, "fps": 10.0})], memory_every_s=job.memory_every_s,
        )  # fmt: skip
        for first in [stage.start(frames[:BATCH]) for _ in range(3 * stage.backend.parallel)]:
            first.result()  # each thread has its pass recorded
        barrier.wait()
        result = Result(0, 0.0)
        if number < job.active:
            result = _flow(stage, frames, job, number)
        stage.close()
        pipe.send(result)


def _flow(stage: DetectorStage, frames: Sequence[Frame], job: Job, number: int) -> Result:
    """Batches as a worker takes them: several in work, finished in order, but for Kafka and Redis."""
    begun = time.perf_counter()
    until, due = begun + job.seconds, None if job.rate is None else _arrivals(job, number, begun)
    work: deque[tuple[Future[Look], Sequence[float]]] = deque()
    delays: list[float] = []
    at = 0
    while (now := time.perf_counter()) < until or work or (due and at < len(due)):
        batch = _waiting(due, at, now) if due is not None else [now] * (BATCH if now < until else 0)
        if batch and len(work) <= stage.backend.parallel:
            chosen = [frames[(at + index) % len(frames)] for index in range(len(batch))]
            work.append((stage.start(chosen), batch))
            at += len(batch)
        elif work and work[0][0].done():
            look, arrived = work.popleft()
            _tell(stage, look.result())
            delays += [time.perf_counter() - moment for moment in arrived]
        else:
            time.sleep(0.0002)
    return Result(len(delays), time.perf_counter() - begun, tuple(delays))


def _arrivals(job: Job, number: int, begun: float) -> list[float]:
    """Random moments at which frames come to one worker."""
    assert job.rate is not None
    chance, mean = random.Random(number), job.active / job.rate
    due, arrival = [], begun
    while (arrival := arrival + chance.expovariate(1 / mean)) < begun + job.seconds:
        due.append(arrival)
    return due


def _waiting(due: Sequence[float], at: int, now: float) -> Sequence[float]:
    """The next batch: a full one, or what is there once its first frame has waited."""
    batch = due[at : at + BATCH]
    there = bisect_right(batch, now)
    return batch[:there] if there == BATCH or (there and now >= batch[0] + _FILL_S) else []


def _tell(stage: DetectorStage, look: Look) -> None:
    for outcome in look.outcomes:
        assert not isinstance(outcome, PoisonMessageError)  # frames of a clip of ours
        item, found = outcome
        ref = FrameRef(topic="frames", partition=0, offset=item.frame.seq, captured_at=item.frame.captured_at)
        stage.describe(item, ref, found).to_bytes()
