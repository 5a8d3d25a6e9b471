"""Models in a registry and detectors that follow it, for tests of the swap."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from services.detector.service import serve
from services.producer import crew
from shared import topics
from shared.bus.base import Bus, Producer
from shared.frames import Frame
from shared.jpeg import encode_jpeg
from shared.messages import Detections
from shared.registry import Kind, Registry
from shared.settings import Settings
from shared.store import Store

MODELS = Path(__file__).resolve().parents[1] / "models"
WEIGHTS = MODELS / "wayside-n.safetensors"
PRODUCTION = "production"
# A real time: Kafka deletes what is stamped long ago.
START_NS = time.time_ns()


def registry_with(
    folder: Path, versions: int, *, name: str = "road", file: Path = WEIGHTS, kind: Kind = "detector"
) -> Registry:
    """The same file under several numbers; `production` means the first."""
    registry = Registry(str(folder))
    for _ in range(versions):
        registry.register(name, kind, [file], figures={}, lineage={}, alias=None)
    registry.point(name, PRODUCTION, 1)
    return registry


def a_frame(camera: str, seq: int, *, fps: float = 30.0) -> Frame:
    """A small picture, a little different each time; part of a replay, so that no worker sheds it."""
    picture = np.full((90, 160, 3), seq % 200, np.uint8)
    return Frame(camera, seq, START_NS + round(seq * 1e9 / fps), 160, 90, encode_jpeg(picture), run="swap")


def send(producer: Producer, frames: Sequence[Frame]) -> None:
    for frame in frames:
        crew.send(producer, frame)
    producer.flush()


@contextmanager
def detector(bus: Bus, redis_url: str, settings: Settings) -> Iterator[None]:
    """A detector in a thread, stopped at the end; its error is raised here."""
    stop = threading.Event()
    store = Store.connect(redis_url)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(serve, bus, store, settings, stop)
        try:
            yield
        finally:
            stop.set()
            running.result(60)
            store.close()


class Results:
    """What the detectors have published so far."""

    def __init__(self, bus: Bus) -> None:
        self._consumer = bus.consumer([topics.DETECTIONS], group=None)
        self.all: list[Detections] = []

    def read(self) -> list[Detections]:
        """Once nothing comes any more; while frames flow there would be no end."""
        while self._take():
            pass
        return self.all

    def models(self) -> list[str]:
        """The versions in the order in which they first appear, up to now."""
        self._take()
        return list(dict.fromkeys(item.model for item in self.all))

    def _take(self) -> bool:
        records = self._consumer.poll(1000, timeout_s=0.05)
        self.all += [Detections.from_bytes(record.value) for record in records]
        return bool(records)

    def close(self) -> None:
        self._consumer.close()


def await_true(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
