"""The frames of one live camera that wait for the bus."""

import threading
from collections import deque

from shared.frames import Frame
from shared.telemetry import metrics

# Under a second of video at the usual rates. Older frames are worth less than the next one.
_SIZE = 8


class Outbox:
    """A short queue between a camera's reader and the bus; the oldest frame is shed when it is full."""

    def __init__(self, camera: str, size: int = _SIZE) -> None:
        self._camera, self._size = camera, size
        self._frames: deque[Frame] = deque()
        self._closed = False
        self._changed = threading.Condition()

    def put(self, frame: Frame) -> None:
        """Add a frame; never waits."""
        with self._changed:
            if len(self._frames) >= self._size:
                self._frames.popleft()
                metrics.FRAMES_SHED.labels("producer", self._camera, "bus-slow").inc()
            self._frames.append(frame)
            self._changed.notify()

    def take(self, timeout_s: float) -> Frame | None:
        """The oldest frame; None when none came within the time-out, or none will come any more."""
        with self._changed:
            if not self._frames and not self._closed:
                self._changed.wait(timeout_s)
            return self._frames.popleft() if self._frames else None

    def close(self) -> None:
        """No frame will come any more; those that wait can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    @property
    def finished(self) -> bool:
        """Closed and empty."""
        with self._changed:
            return self._closed and not self._frames
