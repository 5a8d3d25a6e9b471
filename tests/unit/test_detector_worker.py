"""A worker has several batches looked at side by side and finishes them in order."""

import threading
from collections.abc import Iterable, Iterator, Sequence

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_info

from services.detector.backends.base import Boxes, Inner, Output
from services.detector.process import tune_process
from services.detector.stage import CPU_BATCH, DetectorStage
from services.detector.waiting import Arrival
from services.detector.worker import Worker
from shared import topics
from shared.bus.base import Record
from shared.bus.memory import MemoryBus
from shared.exceptions import PoisonMessageError
from shared.frames import Frame
from shared.jpeg import encode_jpeg
from shared.messages import DeadLetter, Detections
from shared.settings import load_settings
from shared.store import SnapshotKind, Store

PATIENCE_S = 10.0


class HeldBackend:
    """Finds one box per picture, whose score is the picture's grey; and waits where the grey is that of `held`."""

    version, name, precision = "held@1", "held", "float32"
    device_name, parallel, stride = "cpu", 2, 32
    labels: Sequence[str] = ["car"]

    def __init__(self) -> None:
        self.held, self.free = 200, threading.Event()
        self.joined: set[int] = set()
        self.batches: list[NDArray[np.uint8]] = []

    def forward(
        self, batch: NDArray[np.uint8], features: Sequence[int] = (), inner: Sequence[Inner | None] | None = None
    ) -> Output:
        assert threading.get_ident() in self.joined
        self.batches.append(batch)
        greys = batch[:, batch.shape[1] // 2, 40, 0]
        if (abs(greys.astype(int) - self.held) <= 2).any():
            assert self.free.wait(PATIENCE_S)
        box = np.array([[10, 20, 30, 40]], np.float32)
        boxes = [Boxes(box, np.array([grey / 255], np.float32), np.zeros(1, np.int64)) for grey in greys]
        return Output(boxes, heads=[()] * len(batch))

    def join_parallel(self) -> None:
        self.joined.add(threading.get_ident())


class LatestStore(Store):
    """Keeps the latest results in memory."""

    def __init__(self) -> None:
        self.seqs: dict[str, int] = {}

    def put_latest(self, results: Iterable[Detections], expiry_s: int) -> None:
        self.seqs |= {result.camera: result.seq for result in results}

    def put_snapshot(self, kind: SnapshotKind, camera: str, snapshot: bytes) -> None: ...

    def snapshot(self, kind: SnapshotKind, camera: str) -> None: ...


class Rig:
    def __init__(self) -> None:
        self.backend, self.bus, self.store = HeldBackend(), MemoryBus(), LatestStore()
        self.bus.ensure_topics(topics.SPECS)
        settings = load_settings()
        self.worker = Worker(DetectorStage(self.backend, imgsz=160), self.bus.producer(), self.store, settings)

    def published(self) -> list[tuple[int, float]]:
        consumer = self.bus.consumer([topics.DETECTIONS], group=None)
        rows = [Detections.from_bytes(record.value) for record in consumer.poll()]
        return [(row.seq, row.objects[0].score) for row in rows]


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.backend.free.set()
    rig.worker.close()


def arrival(seq: int, grey: int, jpeg: bytes | None = None) -> Arrival:
    if jpeg is None:
        jpeg = encode_jpeg(np.full((90, 160, 3), grey, np.uint8))
    frame = Frame("cam", seq, 1_000_000_000 + seq * 100_000_000, 160, 90, jpeg)
    return Arrival(Record(topics.FRAMES, 0, seq, 0, "cam", jpeg, frame.headers()), frame, 0.0)


def test_a_batch_that_is_ready_first_waits_for_the_one_before(rig: Rig) -> None:
    ready = threading.Event()
    rig.worker.begin([arrival(0, 200), arrival(1, 50)])
    rig.worker.begin([arrival(2, 100)], ready.set)
    assert ready.wait(PATIENCE_S), "another thread has seen it meanwhile"
    assert rig.worker.finish(wait=False) is None
    rig.backend.free.set()
    first, second = rig.worker.finish(wait=True), rig.worker.finish(wait=True)
    assert first is not None
    assert second is not None
    assert [[item.record.offset for item in done.batch] for done in (first, second)] == [[0, 1], [2]]
    assert [seq for seq, _ in rig.published()] == [0, 1, 2]
    assert [score for _, score in rig.published()] == pytest.approx([200 / 255, 50 / 255, 100 / 255], abs=0.01)
    assert rig.store.seqs == {"cam": 2}
    assert rig.worker.finish(wait=True) is None


def test_one_batch_per_core_and_one_that_waits(rig: Rig) -> None:
    for seq in range(3):
        assert rig.worker.room
        rig.worker.begin([arrival(seq, 200)])
    assert not rig.worker.room
    rig.backend.free.set()
    assert rig.worker.finish(wait=True) is not None
    assert rig.worker.room
    assert rig.worker.batch == CPU_BATCH


def test_a_broken_picture_in_a_batch_is_buried_and_the_others_are_seen(rig: Rig) -> None:
    broken = Arrival(Record(topics.FRAMES, 0, 7, 0, "cam", b"", {}), PoisonMessageError("empty-message", "empty"), 0.0)
    rig.worker.begin([arrival(0, 50), arrival(1, 60, b"no picture"), broken, arrival(2, 70)])
    done = rig.worker.finish(wait=True)
    assert done is not None
    assert [frame.seq for frame in done.frames] == [seq for seq, _ in rig.published()] == [0, 2]
    assert len(done.batch) == 4, "all of them are done"
    letters = rig.bus.consumer([topics.DEAD_LETTERS], group=None).poll()
    assert sorted(DeadLetter.from_bytes(record.value).reason for record in letters) == ["empty-message", "not-a-jpeg"]


def test_pictures_are_decoded_to_where_the_model_reads_them(rig: Rig) -> None:
    rig.worker.begin([arrival(0, 50), arrival(1, 60)])
    done = rig.worker.finish(wait=True)
    assert done is not None
    (batch,) = rig.backend.batches
    assert all(np.shares_memory(item.picture, batch) for item in done.decoded)


def test_libraries_start_no_threads_of_their_own() -> None:
    tune_process()
    assert cv2.getNumThreads() == 1
    assert {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"} == {1}
