"""Three times as many frames as the detector can see, on real Kafka: late for nobody, lost for nobody in particular."""

import threading
import time
from collections import Counter

import numpy as np
import pytest
from prometheus_client import REGISTRY

from services.detector.service import serve
from services.producer import crew
from shared import topics
from shared.bus.base import Bus
from shared.bus.kafka import KafkaBus
from shared.frames import Frame
from shared.jpeg import encode_jpeg
from shared.messages import Detections
from shared.settings import load_settings
from shared.site import Camera
from shared.store import Store
from tests.processes import await_true
from tests.slow_model import use_slow_model
from tests.threads import serving

CAMERAS = [f"overload-{number}" for number in range(8)]
FPS = 10
SECONDS = 6.0
# A third of what the cameras send, less what the rest of the work takes.
FRAME_S = 3 / (FPS * len(CAMERAS))


@pytest.mark.timeout(120)
def test_at_three_times_the_capacity_all_cameras_are_seen_fresh_and_every_frame_is_accounted_for(
    own_kafka: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cameras = [Camera(id=camera, source="clip.mp4", fps=FPS) for camera in CAMERAS]
    backend = use_slow_model(monkeypatch, FRAME_S, cameras)
    settings = load_settings()
    bus, store = KafkaBus(own_kafka), Store.connect(redis_url)
    bus.ensure_topics(topics.SPECS)
    with serving(lambda stop: serve(bus, store, settings, stop, cameras)):
        watcher = Watcher(bus)
        produced = produce(bus, watcher)
        await_true(lambda: bus.lag(topics.DETECTOR_GROUP, topics.FRAMES) == 0, 30, "nothing is left to do")
        seen = watcher.close()
    bus.close()
    store.close()

    analysed = Counter({camera: len(found) for camera, found in seen.items()})
    capacity = analysed.total() / SECONDS
    assert produced.total() > 2.5 * analysed.total(), "the machine did not produce an overload"
    for camera in CAMERAS:
        shed = {reason: counted("shed", camera, reason=reason) for reason in ("overload", "stale")}
        assert counted("out", camera) == analysed[camera]
        assert counted("in", camera) == produced[camera] == analysed[camera] + sum(shed.values())
        assert shed["overload"] > 0
        numbers = [seq for seq, _ in seen[camera]]
        assert numbers == sorted(numbers)
        assert abs(analysed[camera] - analysed.total() / len(CAMERAS)) <= 0.2 * analysed.total() / len(CAMERAS)
    # Once a second of each camera, as if nothing were shed; by the frames' numbers alone it would be a third of that.
    assert backend.asked > 0.7 * len(CAMERAS) * SECONDS
    latencies = sorted(latency for found in seen.values() for _, latency in found)
    # Until it is clear that the worker does not keep up, a frame waits for so long; then for a fifth of it. A turn of
    # all cameras may come between, and the batch is worked on; 0.3 s are for the bus.
    most = settings.max_wait_s + (len(CAMERAS) + settings.batch) / capacity + 0.3
    assert latencies[int(0.99 * len(latencies))] < most
    assert latencies[len(latencies) // 2] < 0.2 * settings.max_wait_s + (len(CAMERAS) + settings.batch) / capacity + 0.3


def produce(bus: Bus, watcher: "Watcher") -> Counter[str]:
    """Frames of 100 KB or so as cameras send them: each at its own moment, every 0.1 s."""
    noise = np.random.default_rng(6).integers(0, 255, (270, 480, 3), dtype=np.uint8)
    jpeg = encode_jpeg(noise)
    producer = bus.producer()
    crew.send(producer, Frame("warm-up", 0, time.time_ns(), 480, 270, jpeg, run="warm-up"))
    producer.flush()
    await_true(lambda: "warm-up" in watcher.seen, 30, "the detector has its partitions")
    produced: Counter[str] = Counter()
    start = time.monotonic()
    for turn in range(int(SECONDS * FPS * len(CAMERAS))):
        seq, number = divmod(turn, len(CAMERAS))
        time.sleep(max(0.0, start + turn / (FPS * len(CAMERAS)) - time.monotonic()))
        crew.send(producer, Frame(CAMERAS[number], seq, time.time_ns(), 480, 270, jpeg))
        produced[CAMERAS[number]] += 1
    producer.close()
    return produced


def counted(what: str, camera: str, **labels: str) -> float:
    labels |= {"service": "detector", "camera": camera}
    return REGISTRY.get_sample_value(f"wayside_frames_{what}_total", labels) or 0.0


class Watcher:
    """Reads the detections as they come: by camera, the frame's number and the seconds since its capture."""

    def __init__(self, bus: Bus) -> None:
        self.seen: dict[str, list[tuple[int, float]]] = {}
        self._consumer = bus.consumer([topics.DETECTIONS], group=None)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            last = self._stop.is_set()
            records = self._consumer.poll(timeout_s=0.2)
            now = time.time_ns()
            for record in records:
                found = Detections.from_bytes(record.value)
                self.seen.setdefault(found.camera, []).append((found.seq, (now - found.frame.captured_at) / 1e9))
            if last and not records:
                return

    def close(self) -> dict[str, list[tuple[int, float]]]:
        """What was seen, but for the warm-up."""
        self._stop.set()
        self._thread.join()
        self._consumer.close()
        return {camera: found for camera, found in self.seen.items() if camera in CAMERAS}
