"""The contestants of training.bench.limit, on the same frames in the same process."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.detector.backends.base import Backend
from services.detector.stage import CPU_BATCH, Decoded, DetectorStage
from services.detector.waiting import Arrival
from services.detector.worker import Worker
from services.producer import read_once
from shared import topics
from shared.bus.base import Record
from shared.bus.memory import MemoryBus
from shared.clock import NS
from shared.frames import Frame, frame_ref
from shared.jpeg import decode_jpeg
from shared.messages import Detections
from shared.settings import Settings
from shared.store import SnapshotKind, Store
from training.bench.pipeline import highway, run_whole
from training.bench.ratios import Turns

# As many cameras as frames in a batch: what one worker sees in turn.
_CAMERAS, _RATE = 4, 10.0
_T = TypeVar("_T")
FORWARD, DECODE, LIMIT = "forward", "one JPEG decode", "the limit: forward + one decode"
READ, RUN, RUN_LIMIT = "reading the clip as JPEGs", "wayside run", "the limit and the reading"
BARE = "both in turns, nothing around them"
DETECTOR, HEALTH, MEMORY = "detector", "worker, with health", "worker, with health and memory"


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


class Contest:
    """The contestants on the same frames."""

    def __init__(self, backend: Backend, settings: Settings, count: int) -> None:
        self._site, self._clip = highway()
        self._frames = list(islice(read_once(self._clip), count))
        like = {"fps": _RATE, "closeups": 0}
        cameras = [self._clip.model_copy(update={"id": f"c{number}", **like}) for number in range(_CAMERAS)]
        self.backend, self._size = backend, CPU_BATCH
        self._stage = DetectorStage(backend, cameras=cameras)
        bus = MemoryBus()
        bus.ensure_topics(topics.SPECS)
        self._workers = {
            what: Worker(
                DetectorStage(backend, cameras=cameras, memory_every_s=every), bus.producer(), _NoStore(), settings,
                cameras,
            )
            for what, every in ((HEALTH, 0.0), (MEMORY, settings.memory_every_s))
        }  # fmt: skip
        self._decoded = [self._stage.decode(frame) for frame in self._frames]
        pictures = [item.picture for item in self._decoded]
        self._batches = [np.stack(part) for part in _parts(pictures, self._size)]
        self._groups = list(zip(_parts(self._decoded, self._size), self._batches, strict=True))
        self._pool = ThreadPoolExecutor(backend.parallel, "limit", backend.join_parallel)

    def turn(self, turns: Turns, first: int) -> None:
        """Each contestant once; the cameras' time goes on from their frame number `first`."""
        arrivals = _arrivals(self._frames, first)
        turns.take(FORWARD, lambda: sum(len(out.boxes) for out in self._pool.map(self.backend.forward, self._batches)))
        turns.take(DECODE, lambda: len(list(self._pool.map(_decode, self._decoded))))
        turns.take(BARE, lambda: sum(self._pool.map(self._bare, self._groups)))
        turns.take(DETECTOR, lambda: self._detect(arrivals))
        for name, worker in self._workers.items():
            turns.take(name, lambda worker=worker: _work(worker, arrivals))  # type: ignore[misc]

    def work(self, name: str, first: int) -> None:
        """All frames through one of the workers."""
        _work(self._workers[name], _arrivals(self._frames, first))

    def run(self, turns: Turns) -> None:
        """`wayside run` on the clip, and its reading alone: video to JPEG, by the reader's one thread."""
        turns.take(READ, lambda: sum(1 for _ in read_once(self._clip)))
        turns.take(RUN, lambda: run_whole(self._site, self._clip, self._stage))

    def _bare(self, group: tuple[Sequence[Decoded], NDArray[np.uint8]]) -> int:
        """Decode some JPEGs, then see pictures that lay ready."""
        for item in group[0]:
            _decode(item)
        return len(self.backend.forward(group[1]).boxes)

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
