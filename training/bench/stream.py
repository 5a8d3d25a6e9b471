"""Frames sent to a running pipeline as cameras send them, and when what became of each was there to be read."""

import heapq
import random
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from services.producer import read_once
from shared import topics
from shared.bus.base import Bus, Record
from shared.clock import NS, from_rfc3339
from shared.frames import Frame
from shared.messages import Alert, Detections, Message, Tracks
from shared.site import Site
from training.bench.pipeline import highway

_READY_S = 120.0

# Of the clip, at its full rate of 30; they repeat.
_PICTURES = 240

Key = tuple[str, int]
"""Camera and capture time, UTC ns."""


def place(count: int, fps: float, closeups: int | None = 0) -> tuple[Site, list[Frame]]:
    """The site of the highway clip with so many cameras, and the clip's pictures.

    `closeups`: per frame; None: as the site has it.

    Raises:
        InputError: the clip is not there.
    """
    site, camera = highway()
    like: dict[str, object] = {"fps": fps, "closeups": camera.closeups if closeups is None else closeups}
    cameras = [camera.model_copy(update={"id": f"bench-{number}", **like}) for number in range(count)]
    return site.model_copy(update={"cameras": cameras}), list(islice(read_once(camera), _PICTURES))


class Cameras:
    """Cameras that all show the same clip, each from another place on, again and again.

    The pictures are JPEG as it comes from a camera; none is encoded here.
    """

    def __init__(self, bus: Bus, ids: Sequence[str], pictures: Sequence[Frame], seed: int = 6) -> None:
        self._producer, self._pictures = bus.producer(), pictures
        self._seq = dict.fromkeys(ids, 0)
        self._shift = {camera: number * len(pictures) // len(ids) for number, camera in enumerate(ids)}
        self._random = random.Random(seed)

    def send(self, rate: float, seconds: float) -> list[Key]:
        """`rate` frames/s over all cameras for so long, live; every camera at its own moment of the interval."""
        period = len(self._seq) / rate
        start = time.monotonic()
        turns = [(start + self._random.random() * period, camera) for camera in self._seq]
        heapq.heapify(turns)
        sent = []
        while turns[0][0] < start + seconds:
            due, camera = turns[0]
            time.sleep(max(0.0, due - time.monotonic()))
            sent.append(self._send(camera, time.time_ns(), None))
            heapq.heapreplace(turns, (due + period, camera))
        self._producer.flush()
        return sent

    def pile_up(self, count: int, run: str) -> list[Key]:
        """`count` frames of each camera at once, as a replay, which is never shed."""
        now = time.time_ns()
        sent = [self._send(camera, now + number * NS // 10, run) for number in range(count) for camera in self._seq]
        self._producer.flush()
        return sent

    def close(self) -> None:
        """Release the connection."""
        self._producer.close()

    def _send(self, camera: str, captured_at: int, run: str | None) -> Key:
        seq, self._seq[camera] = self._seq[camera], self._seq[camera] + 1
        picture = self._pictures[(seq + self._shift[camera]) % len(self._pictures)]
        captured_at -= captured_at % 1000  # alerts tell their times in microseconds
        frame = Frame(camera, seq, captured_at, picture.width, picture.height, picture.jpeg, run)
        self._producer.send(
            topics.FRAMES, frame.jpeg, key=camera, timestamp_ms=captured_at // 1_000_000, headers=frame.headers()
        )
        return camera, captured_at


class _Envelope(Message):
    """What is read of an alert's CloudEvent."""

    type: str
    data: Alert


@dataclass
class Seen:
    """When the result of each frame could be read, UTC ns; alerts by the frame on which they opened."""

    detections: dict[Key, int] = field(default_factory=dict)
    tracks: dict[Key, int] = field(default_factory=dict)
    alerts: dict[Key, int] = field(default_factory=dict)


class Watcher:
    """Reads detections, tracks and alerts as they come, each topic on a thread, and notes the time of each."""

    def __init__(self, bus: Bus) -> None:
        self.seen = Seen()
        self._stop = threading.Event()
        kinds = ((topics.DETECTIONS, self._detection), (topics.TRACKS, self._track), (topics.ALERTS, self._alert))
        self._threads = [threading.Thread(target=self._follow, args=(bus, *kind), daemon=True) for kind in kinds]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _follow(self, bus: Bus, topic: str, note: Callable[[Record, int], None]) -> None:
        consumer = bus.consumer([topic], group=None)
        while not self._stop.is_set():
            records = consumer.poll(timeout_s=0.2)
            now = time.time_ns()
            for record in records:
                note(record, now)
        consumer.close()

    def _detection(self, record: Record, now: int) -> None:
        found = Detections.from_bytes(record.value)
        self.seen.detections.setdefault((found.camera, found.frame.captured_at), now)

    def _track(self, record: Record, now: int) -> None:
        tracks = Tracks.from_bytes(record.value)
        self.seen.tracks.setdefault((tracks.camera, tracks.frame.captured_at), now)

    def _alert(self, record: Record, now: int) -> None:
        event = _Envelope.from_bytes(record.value)
        if event.type.endswith(".opened"):
            self.seen.alerts.setdefault((event.data.camera, from_rfc3339(event.data.detected_at)), now)


def analysed_rate(sent: Sequence[Key], seen: Seen) -> float:
    """Frames/s that were analysed of those sent; 0 where that was one or none."""
    times = sorted(seen.detections[key] for key in sent if key in seen.detections)
    return 1e9 * (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0


def await_all(there: Mapping[Key, int], keys: Sequence[Key]) -> None:
    """Wait until each of these has its result.

    Raises:
        TimeoutError: some have none after two minutes.
    """
    deadline = time.monotonic() + _READY_S
    while not all(key in there for key in keys):
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {_READY_S:g} s the services have not finished {len(keys)} frames")
        time.sleep(0.1)


def drain(
    bus: Bus, groups: Collection[str] = (topics.DETECTOR_GROUP, topics.ANALYZER_GROUP, topics.ALERTS_GROUP)
) -> None:
    """Wait until the stages of these groups are done, and the readers have seen it.

    Raises:
        TimeoutError: one is not after two minutes.
    """
    for group, topic in topics.STAGES:
        deadline = time.monotonic() + _READY_S
        while group in groups and bus.lag(group, topic):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{group} did not finish {topic} within {_READY_S:g} s")
            time.sleep(0.1)
    time.sleep(0.5)
