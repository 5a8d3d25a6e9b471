"""Detector workers that share a GPU, each a process as in production: JPEG in, serialised detections out.

There is no Kafka between: what that costs is measured by itself. Frames lie in memory.
"""

import multiprocessing
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Self

import cv2
import torch

from services.detector.backends.base import Backend
from services.detector.backends.load import Wanted, load_torch
from services.detector.memory.descriptors import LAYERS
from services.detector.stage import DetectorStage
from services.producer import read_once
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
    cv2.setNumThreads(1)
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
        for _ in range(3):
            _process(stage, frames[:BATCH])
        barrier.wait()
        result = Result(0, 0.0)
        if number < job.active:
            result = _closed(stage, frames, job) if job.rate is None else _open(stage, frames, job, number)
        stage.close()
        pipe.send(result)


def _closed(stage: DetectorStage, frames: Sequence[Frame], job: Job) -> Result:
    begun, done = time.perf_counter(), 0
    while (passed := time.perf_counter() - begun) < job.seconds:
        _process(stage, _next(frames, done, BATCH))
        done += BATCH
    return Result(done, passed)


def _open(stage: DetectorStage, frames: Sequence[Frame], job: Job, number: int) -> Result:
    """Frames that arrive at random moments; what is there when the last batch is done goes together."""
    assert job.rate is not None
    chance, mean = random.Random(number), job.active / job.rate
    begun = time.perf_counter()
    due, arrival = [], begun
    while (arrival := arrival + chance.expovariate(1 / mean)) < begun + job.seconds:
        due.append(arrival)
    delays: list[float] = []
    at = 0
    while at < len(due):
        time.sleep(max(0.0, due[at] - time.perf_counter()))
        while at + BATCH > len(due) or due[at + BATCH - 1] > time.perf_counter():
            if time.perf_counter() >= due[at] + _FILL_S:
                break
            time.sleep(0.0005)
        now = time.perf_counter()
        count = sum(1 for moment in islice(due, at, at + BATCH) if moment <= now)
        _process(stage, _next(frames, at, count))
        now = time.perf_counter()
        delays += [now - moment for moment in due[at : at + count]]
        at += count
    return Result(len(due), time.perf_counter() - begun, tuple(delays))


def _next(frames: Sequence[Frame], at: int, count: int) -> list[Frame]:
    return [frames[(at + index) % len(frames)] for index in range(count)]


def _process(stage: DetectorStage, frames: Sequence[Frame]) -> None:
    """What a worker does with a batch, but for Kafka and Redis."""
    decoded = [stage.decode(frames[0])] if len(frames) == 1 else stage.decode_all(frames)
    refs = [FrameRef(topic="frames", partition=0, offset=frame.seq, captured_at=frame.captured_at) for frame in frames]
    for found in stage.detect(decoded, refs):  # type: ignore[arg-type] # frames of our own clip: none is corrupt
        found.to_bytes()
