"""One live camera: reads its source for ever, gives capture times, sheds what the bus cannot take in time."""

import random
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

from services.producer.encode import encode_frame
from services.producer.pacing import Backoff, CaptureClock, RateLimiter
from services.producer.reader import Encoded, picture_series, video_series
from services.producer.sources import Kind, resolve
from services.producer.video import open_video
from shared.clock import NS
from shared.exceptions import InputError
from shared.frames import Frame
from shared.site import Camera
from shared.telemetry import metrics
from shared.telemetry.logs import logger

SERVICE = "producer"
# A connection that held this long was good: the next failure begins with a short wait again.
_GOOD_S = 60.0
# Frames that wait for the bus: under a second of video. Older ones are worth less than the next.
_OUTBOX = 8


class Outbox:
    """The frames of one camera that wait for the bus; the oldest is shed when it is full."""

    def __init__(self, camera: str, size: int = _OUTBOX) -> None:
        self._camera, self._size = camera, size
        self._frames: deque[Frame] = deque()
        self._changed = threading.Condition()

    def put(self, frame: Frame) -> None:
        """Add a frame; never waits."""
        with self._changed:
            if len(self._frames) >= self._size:
                self._frames.popleft()
                metrics.FRAMES_SHED.labels(SERVICE, self._camera, "bus-slow").inc()
            self._frames.append(frame)
            self._changed.notify()

    def take(self, timeout_s: float) -> Frame | None:
        """The oldest frame, or None after the time-out."""
        with self._changed:
            if not self._frames:
                self._changed.wait(timeout_s)
            return self._frames.popleft() if self._frames else None


class LiveCamera:
    """Reads one camera until `stop` is set; every error leads to a new attempt after a while."""

    def __init__(
        self,
        camera: Camera,
        emit: Callable[[Frame], None],
        stop: threading.Event,
        *,
        run: str | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """`emit` takes each frame; `clock` gives UTC ns."""
        self._camera, self._emit, self._stop, self._run, self._clock = camera, emit, stop, run, clock
        self._seq = 0
        self._last = -1
        self._log = logger(SERVICE, camera=camera.id)

    def serve(self) -> None:
        """Connect, read, and connect again."""
        backoff = Backoff()
        up = metrics.SOURCE_UP.labels(self._camera.id)
        clock = CaptureClock()
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._read(clock, lambda: up.set(1))
                if not resolve(self._camera).finite:
                    raise InputError("the stream ended")
                if not self._camera.loop:
                    self._log.info("source is at its end")
                    up.set(0)
                    return
                continue
            except InputError as error:
                up.set(0)
                metrics.SOURCE_CONNECTS.labels(self._camera.id, "failed").inc()
                if time.monotonic() - began > _GOOD_S:
                    backoff.reset()
                wait_s = backoff.wait_s(random.random())
                self._log.warning("source lost", reason=str(error), retry_in_s=round(wait_s, 1))
                self._stop.wait(wait_s)

    def _read(self, clock: CaptureClock, on_up: Callable[[], None]) -> None:
        source = resolve(self._camera)
        if source.finite:
            series = picture_series if source.kind is Kind.PICTURES else video_series
            on_up()
            metrics.SOURCE_CONNECTS.labels(self._camera.id, "connected").inc()
            self._play(series(source, self._camera))
            return
        limiter = RateLimiter(self._camera.fps)
        with open_video(source) as video:
            clock.connected()
            metrics.SOURCE_CONNECTS.labels(self._camera.id, "connected").inc()
            self._log.info("source connected", source=source.shown)
            on_up()
            for pts_ns, frame in video.frames():
                if self._stop.is_set():
                    return
                captured_at = clock.stamp(pts_ns, self._clock())
                if limiter.admits(captured_at):
                    self._send(captured_at, *encode_frame(frame, self._camera))

    def _play(self, series: Iterator[Encoded]) -> None:
        """Play a file at its own pace; its first frame is captured now."""
        start = max(self._clock(), self._last + round(NS / self._camera.fps))
        for pts_ns, jpeg, width, height in series:
            wait_s = (start + pts_ns - self._clock()) / NS
            if wait_s > 0 and self._stop.wait(wait_s):
                return
            if self._stop.is_set():
                return
            self._send(start + pts_ns, jpeg, width, height)

    def _send(self, captured_at: int, jpeg: bytes, width: int, height: int) -> None:
        self._last = max(captured_at, self._last + 1)
        frame = Frame(self._camera.id, self._seq, self._last, width, height, jpeg, self._run)
        self._seq += 1
        self._emit(replace(frame, traceparent=new_traceparent()))


def new_traceparent() -> str:
    """A sampled root span, as W3C Trace Context (level 1, section 3.2) writes it."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
