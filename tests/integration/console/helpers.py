"""A small site, a synthetic road and a served console for the console's tests."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np

from services.console.service import serve
from shared.bus.base import Bus
from shared.clock import NS, to_rfc3339
from shared.frames import Frame, frame_ref
from shared.heads import HeadResult
from shared.jpeg import encode_jpeg
from shared.messages import Alert, Evidence, LaneClass, LaneStats, TrackedObject, Tracks
from shared.settings import Settings
from shared.site import Camera, Ground, Site, Zone
from shared.store import Store
from shared.topics import ALERTS, FRAMES, LANE_STATS, TRACKS, TURNAROUNDS
from shared.turnaround import Turnaround

T = TypeVar("T")

LANE = [(0.30, 0.98), (0.46, 0.30), (0.52, 0.30), (0.62, 0.98)]
SHOULDER = [(0.64, 0.98), (0.53, 0.30), (0.57, 0.30), (0.86, 0.98)]
SITE = Site(
    site="a2-north",
    cameras=[
        Camera(
            id="a2-km41",
            source="rtsp://operator:hunter2@camera-41.example/main",
            zones=[
                Zone(id="rush-hour-lane", kind="lane", polygon=LANE, direction=(0, -1)),
                Zone(id="shoulder", kind="shoulder", polygon=SHOULDER),
            ],
            ground=Ground(pixels=LANE, metres=[(0, 0), (0, 90), (4, 90), (4, 0)]),
        ),
        Camera(id="a2-km42", source="south.mp4", zones=[Zone(id="lane-2", kind="lane", polygon=LANE)]),
    ],
)


def road(step: int, width: int = 640, height: int = 360) -> np.ndarray:
    """A grey road under a dusk sky with one bright box that moves away; (H, W, 3) uint8 RGB."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    v = y / height
    picture = np.stack([70 + 40 * v, 84 + 40 * v, 100 + 30 * v], axis=-1)
    half = 0.05 * width + np.clip(v - 0.28, 0, 1) * width * 0.55
    picture[(np.abs(x - 0.52 * width) < half) & (v > 0.28)] = (74, 76, 80)
    x1, y1, x2, y2 = (np.array(car_box(step)) * (width, height, width, height)).astype(int)
    picture[y1:y2, x1:x2] = (176, 62, 44)
    picture[y1 : y1 + (y2 - y1) // 3, x1:x2] = (40, 44, 52)
    noise = np.random.default_rng(step).normal(0, 4, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def car_box(step: int) -> tuple[float, float, float, float]:
    """Where the car is on the picture of this step."""
    far = (step % 20) / 20  # 3 % of the height per step: a box of the step before would be seen beside the car
    size = 0.16 * (1 - 0.7 * far)
    bottom = 0.95 - 0.6 * far
    return (0.49 - size / 2, bottom - size, 0.49 + size / 2, bottom)


class Flow:
    """Plays producer, detector and analyzer: publishes frames and the tracks that address them."""

    def __init__(self, bus: Bus) -> None:
        self._producer = bus.producer()
        self._frames = bus.consumer([FRAMES], group=None, start="latest")
        self._frames.poll(timeout_s=0.05)
        self.steps: dict[int, int] = {}  # offset of a frame → step that it shows

    def frame(
        self,
        camera: str,
        step: int,
        captured_at: int,
        *,
        run: str | None = None,
        speed: float | None = 62.4,
        heads: Sequence[HeadResult] = (),
    ) -> Tracks:
        """One analysed frame with a car on it."""
        picture = road(step)
        frame = Frame(camera, step, captured_at, picture.shape[1], picture.shape[0], encode_jpeg(picture), run)
        self._producer.send(
            FRAMES, frame.jpeg, key=camera, timestamp_ms=captured_at // 1_000_000, headers=frame.headers()
        )
        self._producer.flush()
        deadline = time.monotonic() + 5
        records = self._frames.poll(timeout_s=0.5)
        while not records and time.monotonic() < deadline:
            records = self._frames.poll(timeout_s=0.5)
        self.steps[records[-1].offset] = step
        car = TrackedObject(
            track_id=17, label="car", score=0.87, box=car_box(step), zones=["lane"], speed=0.4, speed_kmh=speed
        )
        tracks = Tracks(
            camera=camera,
            seq=step,
            run=run,
            frame=frame_ref(records[-1], captured_at),
            width=frame.width,
            height=frame.height,
            objects=[car],
            heads=list(heads),
        )
        self._producer.send(TRACKS, tracks.to_bytes(), key=camera, timestamp_ms=captured_at // 1_000_000)
        self._producer.flush()
        return tracks

    def alert(self, alert: Alert) -> None:
        """One alert's CloudEvent."""
        event = {"specversion": "1.0", "type": "wayside.alert.opened", "data": alert.model_dump()}
        self._producer.send(ALERTS, json.dumps(event).encode(), key=alert.alert_id, timestamp_ms=0)
        self._producer.flush()

    def lanes(self, *stats: LaneStats) -> None:
        """Intervals of lanes, as the analyzer sends them."""
        for item in stats:
            self._producer.send(LANE_STATS, item.to_bytes(), key=item.camera, timestamp_ms=item.start // 1_000_000)
        self._producer.flush()

    def stays(self, *stays: Turnaround) -> None:
        """Revisions of turnarounds, as the analyzer sends them."""
        for item in stays:
            at = item.changed_at // 1_000_000
            self._producer.send(TURNAROUNDS, item.to_bytes(), key=item.camera, timestamp_ms=at)
        self._producer.flush()

    def raw(self, topic: str, value: bytes | None) -> None:
        """Any message."""
        self._producer.send(topic, value, key="a2-km41", timestamp_ms=0)
        self._producer.flush()

    @contextmanager
    def playing(self, fps: float = 10, cameras: tuple[str, ...] = ("a2-km41",)) -> Iterator[threading.Event]:
        """Frames at this rate until left; clearing the event pauses them."""
        stop, play = threading.Event(), threading.Event()
        play.set()

        def run() -> None:
            step = 0
            while not stop.wait(1 / fps):
                if play.is_set():
                    step += 1
                    for camera in cameras:
                        self.frame(camera, step, time.time_ns())

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield play
        finally:
            stop.set()
            thread.join(10)


def make_alert(alert_id: str, detected_at: int, **changes: object) -> Alert:
    """An open critical alert of the first camera, begun 10 s before it was detected."""
    fields: dict[str, object] = {
        "alert_id": alert_id,
        "incident": "stopped-vehicle",
        "camera": "a2-km41",
        "zone": "rush-hour-lane",
        "severity": "critical",
        "status": "open",
        "started_at": to_rfc3339(detected_at - 10 * NS),
        "detected_at": to_rfc3339(detected_at),
        "track_ids": [17],
        "label": "car",
        "score": 0.87,
        "box": (0.41, 0.52, 0.47, 0.60),
        "evidence": [Evidence(kind="snapshot", uri=f"evidence/{alert_id}.jpg")],
        "model": "wayside-n@3",
        "site": "a2-north",
    }
    return Alert.model_validate(fields | changes)


def make_stats(start: int, count: int = 12, **changes: object) -> LaneStats:
    """A minute of the first camera's lane from `start` (UTC ns): so many cars at 80 km/h on average."""
    cars = LaneClass(
        label="car", count=count, occupancy=0.08, occupied_s=4.8, speeds=count, mean_speed_kmh=80.0,
        mean_speed_sizes_per_s=2.5,
    )  # fmt: skip
    stats = LaneStats(
        camera="a2-km41", zone="rush-hour-lane", start=start, end=start + 60 * NS, observed_s=60.0, count=count,
        flow_per_h=60.0 * count, occupancy=0.08, mean_vehicles=1.5, mean_speed_kmh=80.0, p15_speed_kmh=72.0,
        p85_speed_kmh=91.0, mean_speed_sizes_per_s=2.5, classes=[cars],
    )  # fmt: skip
    return stats.model_copy(update=changes)


def write_evidence(data: Path, alert_id: str, step: int = 30) -> bytes:
    """The snapshot that `make_alert` names."""
    folder = data / "evidence"
    folder.mkdir(parents=True, exist_ok=True)
    jpeg = encode_jpeg(road(step))
    (folder / f"{alert_id}.jpg").write_bytes(jpeg)
    return jpeg


@contextmanager
def served(bus: Bus, store: Store, data: Path, site: Site = SITE, **settings: object) -> Iterator[str]:
    """A console on a free port, in a thread as in `wayside up`; gives its address."""
    stop, ready, address = threading.Event(), threading.Event(), []

    def on_ready(url: str) -> None:
        address.append(url)
        ready.set()

    options = Settings.model_validate({"data": data, "console_port": 0} | settings)
    thread = threading.Thread(target=serve, args=(bus, store, site, options, stop, on_ready), daemon=True)
    thread.start()
    assert ready.wait(15), "the console did not start"
    try:
        yield address[0]
    finally:
        stop.set()
        thread.join(15)
        assert not thread.is_alive(), "the console did not stop"


def until(check: Callable[[], T], timeout_s: float = 5.0) -> T:
    """What `check` gives as soon as it is true.

    Raises:
        AssertionError: it did not become true in time.
    """
    deadline = time.monotonic() + timeout_s
    while not (found := check()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)
    return found
