"""One measurement of a Kafka client, in a process of its own: what `training.bench.kafka` starts.

CPU is that of the whole process, user and system, so the client's threads are in it; imports, connecting and the
first messages are not.
"""

import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection

from shared.bus.base import Partition
from shared.frames import Frame
from training.bench.kafka_clients import BUS, PYTHON, RECEIVERS, SENDERS, Receiver, Sender

PARTITIONS = 12
# As many as have 10 frames/s of 130.
CAMERAS = [f"cam-{number}" for number in range(13)]
# As the detector: frames per batch at most, and how long it waits for them (settings batch, batch_wait_ms).
_BATCH, _BATCH_WAIT_S = 16, 0.02
# As the producer service looks what became of its frames.
_FLUSH_EVERY_S = 0.5
_WARM_UP_S = 1.5
# The model takes this share of the time between frames, so that the worker keeps up.
_BUSY = 0.8


@dataclass(frozen=True, slots=True)
class Job:
    """What to measure.

    Attributes:
        task: send, receive (as fast as it goes), produce, work (at `rate`), pace (the loop of `produce` alone).
        count: messages to send or receive.
        rate: frames/s; `seconds` long.
        detections: bytes of the message that a worker sends per frame.
    """

    task: str
    contestant: str
    bootstrap: str
    topic: str
    size: int
    count: int = 0
    rate: float = 0.0
    seconds: float = 0.0
    detections: int = 0


@dataclass(frozen=True, slots=True)
class Cost:
    """What it took.

    Attributes:
        cpu_s: user and system time of the process.
        wall_s: seconds.
        messages: sent or received.
    """

    cpu_s: float
    wall_s: float
    messages: int


class _Clock:
    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def cost(self, messages: int) -> Cost:
        return Cost(time.process_time() - self._cpu, time.perf_counter() - self._wall, messages)


def _headers(size: int, camera: str, seq: int) -> Mapping[str, bytes]:
    if size < 10_000:
        return {}  # not a frame
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    return Frame(camera, seq, time.time_ns(), 1280, 720, b"", traceparent=trace).headers()


def _send_one(sender: Sender, job: Job, payload: bytes, number: int) -> None:
    camera = CAMERAS[number % len(CAMERAS)]
    sender.send(
        job.topic, payload, key=camera, timestamp_ms=time.time_ns() // 1_000_000,
        headers=_headers(job.size, camera, number),
    )  # fmt: skip


def _send(job: Job) -> Cost:
    sender = SENDERS[job.contestant].sender(job.bootstrap)
    payload = random.Random(1).randbytes(job.size)
    for number in range(len(CAMERAS)):
        _send_one(sender, job, payload, number)
    sender.flush()
    clock = _Clock()
    for number in range(job.count):
        _send_one(sender, job, payload, number)
    sender.flush()
    return clock.cost(job.count)


def _receive(job: Job) -> Cost:
    """All of the topic, so that nothing is fetched outside of the time that counts."""
    receiver = RECEIVERS[job.contestant].receiver(job.bootstrap, job.topic, PARTITIONS, None)
    while not receiver.poll(_BATCH, 5.0):
        pass
    # What is fetched already is thrown away, and fetched anew.
    for number in range(PARTITIONS):
        receiver.seek((job.topic, number), 0)
    clock, got = _Clock(), 0
    while got < job.count:
        got += len(receiver.poll(_BATCH, 5.0))
    return clock.cost(got)


def _produce(job: Job) -> Cost:
    sender = None if job.task == "pace" else SENDERS[job.contestant].sender(job.bootstrap)
    _pace(job, sender, _WARM_UP_S)
    clock = _Clock()
    return clock.cost(_pace(job, sender, job.seconds))


def _pace(job: Job, sender: Sender | None, seconds: float) -> int:
    """Frames of all cameras at their pace, and a look every half second at what became of them."""
    payload = random.Random(1).randbytes(job.size)
    start = flushed = now = time.perf_counter()
    number = 0
    while now - start < seconds:
        if sender is not None:
            _send_one(sender, job, payload, number)
            if now - flushed > _FLUSH_EVERY_S:
                sender.flush()
                flushed = now
        number += 1
        time.sleep(max(0.0, start + number / job.rate - time.perf_counter()))
        now = time.perf_counter()
    if sender is not None:
        sender.flush()
    return number


def _work(job: Job) -> Cost:
    contestant = RECEIVERS[job.contestant]
    receiver = contestant.receiver(job.bootstrap, job.topic, PARTITIONS, job.topic)
    sender = SENDERS[PYTHON if contestant.python else BUS].sender(job.bootstrap)
    while not receiver.poll(_BATCH, 5.0):
        pass
    _batches(job, receiver, sender, _WARM_UP_S)
    clock = _Clock()
    return clock.cost(_batches(job, receiver, sender, job.seconds))


def _batches(job: Job, receiver: Receiver, sender: Sender, seconds: float) -> int:
    """What a detector does around its model: gather a batch, publish, flush, commit. The model's time is slept."""
    result = random.Random(2).randbytes(job.detections)
    start, got = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        batch = receiver.poll(_BATCH, 0.5)
        deadline = time.perf_counter() + _BATCH_WAIT_S
        while batch and len(batch) < _BATCH and (left := deadline - time.perf_counter()) > 0:
            batch += receiver.poll(_BATCH - len(batch), left)
        time.sleep(_BUSY * len(batch) / job.rate)
        for record in batch:
            sender.send(f"{job.topic}-out", result, key=record.key, timestamp_ms=record.timestamp_ms)
        sender.flush()
        offsets: dict[Partition, int] = {(record.topic, record.partition): record.offset + 1 for record in batch}
        if offsets:
            receiver.commit(offsets)
        got += len(batch)
    return got


_TASKS: Mapping[str, Callable[[Job], Cost]] = {
    "send": _send, "receive": _receive, "produce": _produce, "pace": _produce, "work": _work,
}  # fmt: skip


def measure(job: Job, result: Connection) -> None:
    """Do the job, tell the cost, and end this process."""
    result.send(_TASKS[job.task](job))
    result.close()
    os._exit(0)  # what the clients would still do belongs to no figure
