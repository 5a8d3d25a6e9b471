"""The detector against its limit: what it costs beside a forward pass and one JPEG decode per frame.

    python -m training.bench.limit [--backend openvino|torch|onnx] [--rounds N] [--frames N]

The limit is a worker's forward pass over pictures that lie ready, one single-threaded pass per core, and one decode of
each frame's JPEG at the scale that the model needs; each is measured on its own. Beside it the detector, which gets
frames as they come from Kafka and gives the bytes of its results; then the whole worker around it, on a bus in memory
and without Redis, with the cameras' health and the memory of their roads. CPU time per frame comes first: it is what a
camera costs, and hardly moves when others use the machine. All take turns in one process. Nobody looks twice (no
close-ups), for the limit has one pass per frame.
"""

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Self, TypeVar

import numpy as np
from rich.table import Table

from services.detector.backends.base import Backend
from services.detector.backends.load import Wanted, load
from services.detector.memory.descriptors import LAYERS
from services.detector.process import tune_process
from services.detector.stage import Decoded, DetectorStage
from services.detector.waiting import Arrival
from services.detector.weights import find_weights
from services.detector.worker import CPU_BATCH, Worker
from services.producer import read_once
from shared import topics
from shared.bus.base import Record
from shared.bus.memory import MemoryBus
from shared.clock import NS
from shared.frames import Frame, frame_ref
from shared.jpeg import decode_jpeg
from shared.messages import Detections
from shared.settings import Settings, load_settings
from shared.site import Camera
from shared.store import SnapshotKind, Store
from training.bench.pipeline import highway
from training.bench.ratios import ratio_table
from training.report import wide_console

# As many cameras as frames in a batch: what one worker sees in turn.
_CAMERAS, _RATE = 4, 10.0
_T = TypeVar("_T")
_FORWARD, _DECODE, _LIMIT = "forward", "one JPEG decode", "the limit: forward + one decode"
_DETECTOR, _HEALTH, _MEMORY = "detector", "worker, with health", "worker, with health and memory"


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print its tables; exit code 0."""
    parser = argparse.ArgumentParser(
        prog="python -m training.bench.limit", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "--backend",
        choices=("openvino", "torch", "onnx"),
        action="append",
        help="again for more; the first two without it",
    )
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contestant")
    parser.add_argument("--frames", type=int, default=120, help="of the clip, per turn")
    options = parser.parse_args(arguments)
    for name in options.backend or ("openvino", "torch"):
        for table in measure(name, options.rounds, options.frames):
            wide_console().print(table)
    return 0


@dataclass(slots=True)
class Turns:
    """What each contestant took, one figure per turn: milliseconds per frame, of CPU by all threads and of time."""

    cpu: dict[str, list[float]] = field(default_factory=dict)
    wall: dict[str, list[float]] = field(default_factory=dict)

    def take(self, name: str, contestant: Callable[[], int]) -> None:
        """Time one turn; the contestant returns how many frames it had."""
        begun, cpu = time.perf_counter(), time.process_time()
        frames = contestant()
        self.cpu.setdefault(name, []).append(1000 * (time.process_time() - cpu) / frames)
        self.wall.setdefault(name, []).append(1000 * (time.perf_counter() - begun) / frames)


def measure(name: str, rounds: int, count: int) -> list[Table]:
    """Time the contestants in turns.

    Raises:
        InputError: the highway clip is not there.
    """
    settings = load_settings()
    tune_process()
    backend = load(name, Wanted(find_weights(settings.model, settings.models), device="cpu", layers=LAYERS))
    _, whole = highway()
    cameras = [whole.model_copy(update={"id": f"c{n}", "fps": _RATE, "closeups": 0}) for n in range(_CAMERAS)]
    frames = list(islice(read_once(whole), count))
    with _Contest(backend, settings, cameras, frames) as contest:
        turns = Turns()
        for number in range(rounds + 1):
            if number == 1:
                turns = Turns()  # the first turn warms up: allocators, graphs compiled for the shape
            contest.turn(turns, first=number * count)
    return [_table(turns.cpu, backend, rounds, "CPU"), _table(turns.wall, backend, rounds, "time")]


def _table(figures: dict[str, list[float]], backend: Backend, rounds: int, what: str) -> Table:
    limit = [sum(pair) for pair in zip(figures[_FORWARD], figures[_DECODE], strict=True)]
    rows = {_FORWARD: figures[_FORWARD], _DECODE: figures[_DECODE], _LIMIT: limit}
    title = f"{backend.name}, {backend.precision}: ms of {what} per frame, {rounds} rounds"
    return ratio_table(
        title, rows | figures, _LIMIT, lambda own, least: least / own, head="limit / this", digits=(2, 3)
    )  # fmt: skip


class _NoStore(Store):
    """Nobody asks for the latest results, and nothing was learned before."""

    def __init__(self) -> None:
        """Without Redis."""

    def put_latest(self, results: Iterable[Detections], expiry_s: int) -> None:
        """Forget them."""

    def put_snapshot(self, kind: SnapshotKind, camera: str, snapshot: bytes) -> None:
        """Forget it."""

    def snapshot(self, kind: SnapshotKind, camera: str) -> None:
        """There is none."""


class _Contest:
    """The contestants on the same frames."""

    def __init__(self, backend: Backend, settings: Settings, cameras: list[Camera], frames: list[Frame]) -> None:
        self._frames = frames
        self._backend, self._size = backend, CPU_BATCH
        self._stage = DetectorStage(backend, cameras=cameras)
        bus = MemoryBus()
        bus.ensure_topics(topics.SPECS)
        self._workers = {
            what: Worker(
                DetectorStage(backend, cameras=cameras, memory_every_s=every), bus.producer(), _NoStore(), settings,
                cameras,
            )
            for what, every in ((_HEALTH, 0.0), (_MEMORY, settings.memory_every_s))
        }  # fmt: skip
        self._decoded = [self._stage.decode(frame) for frame in frames]
        pictures = [item.picture for item in self._decoded]
        self._batches = [np.stack(part) for part in _parts(pictures, self._size)]
        self._pool = ThreadPoolExecutor(backend.parallel, "limit", backend.join_parallel)

    def turn(self, turns: Turns, first: int) -> None:
        """Each contestant once; the cameras' time goes on from their frame number `first`."""
        arrivals = _arrivals(self._frames, first)
        turns.take(
            _FORWARD, lambda: sum(len(out.boxes) for out in self._pool.map(self._backend.forward, self._batches))
        )
        turns.take(_DECODE, lambda: len(list(self._pool.map(_decode, self._decoded))))
        turns.take(_DETECTOR, lambda: self._detect(arrivals))
        for name, worker in self._workers.items():
            turns.take(name, lambda worker=worker: _work(worker, arrivals))  # type: ignore[misc]

    def _detect(self, arrivals: Sequence[Arrival]) -> int:
        """What every frame costs, without what only some cost: JPEG to the bytes of a result."""
        looks = []
        for part in _parts(arrivals, self._size):
            frames = [arrival.content for arrival in part if isinstance(arrival.content, Frame)]
            looks.append((part, self._stage.start(frames)))
        sizes = []
        for part, look in looks:
            for arrival, outcome in zip(part, look.result().outcomes, strict=True):
                assert isinstance(outcome, tuple)  # the clip's pictures are whole
                item, found = outcome
                ref = frame_ref(arrival.record, item.frame.captured_at)
                sizes.append(len(self._stage.describe(item, ref, found).to_bytes()))
        return len(sizes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
        self._stage.close()
        for worker in self._workers.values():
            worker.close()


def _work(worker: Worker, arrivals: Sequence[Arrival]) -> int:
    """All frames through a worker, as the service drives it."""
    done = 0
    for part in _parts(arrivals, worker.batch):
        worker.begin(part)
        while (finished := worker.finish(wait=not worker.room)) is not None:
            done += len(finished.detections)
    while (finished := worker.finish(wait=True)) is not None:
        done += len(finished.detections)
    return done


def _decode(item: Decoded) -> int:
    box = item.letterbox
    return decode_jpeg(item.frame.jpeg, min_width=box.inner_width, min_height=box.inner_height).size


def _arrivals(frames: Sequence[Frame], first: int) -> list[Arrival]:
    """The frames as those of several cameras in turn, as they come from the bus; `first` counts those before."""
    arrivals = []
    for number, frame in enumerate(frames, first):
        seq, camera = number // _CAMERAS, f"c{number % _CAMERAS}"
        own = replace(frame, camera=camera, seq=seq, captured_at=round(seq * NS / _RATE))
        record = Record(topics.FRAMES, 0, number, own.captured_at // 1_000_000, camera, own.jpeg, own.headers())
        arrivals.append(Arrival(record, own, 0.0))
    return arrivals


def _parts(items: Sequence[_T], size: int) -> list[Sequence[_T]]:
    return [items[at : at + size] for at in range(0, len(items), size)]


if __name__ == "__main__":
    raise SystemExit(main())
