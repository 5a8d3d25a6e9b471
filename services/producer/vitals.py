"""What a producer knows of one live camera beside its frames: whether it gives pictures, and what its clocks are worth.

The reader's thread tells it, the service's loop asks for a report; docs/camera-health.md.
"""

import threading
import time
from collections.abc import Callable

from services.producer.clocks import HostClock, StreamClock, Trouble
from shared.camera_status import CameraStatus, ClockFault, Presence
from shared.clock import in_words, to_ns
from shared.site import Camera

# A connection that gives no picture for so long is stalled; a slow camera may miss two frames. As on the console.
_STALL_S = 5.0
_MISSED_FRAMES = 3


class Vitals:
    """Thread-safe.

    Args:
        clock: UTC ns.
        monotonic: seconds.
    """

    def __init__(
        self,
        camera: Camera,
        run: str | None = None,
        *,
        clock: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._id, self._run, self._clock, self._monotonic = camera.id, run, clock, monotonic
        self._stall_s = max(_STALL_S, _MISSED_FRAMES / camera.fps)
        self._lock = threading.Lock()
        self._host, self._stream = HostClock(), StreamClock()
        self._born = monotonic()
        self._picture: float | None = None
        self._up_since = self._born
        self._failure: str | None = None
        self._ended: float | None = None
        self._captured_at: int | None = None
        self._walls: dict[float, int] = {}

    def connected(self) -> None:
        """The source was opened; that is no picture yet."""
        with self._lock:
            self._stream.connected()

    def stream_time(self, pts_ns: int, *, paced: bool) -> None:
        """A frame has arrived, with this time of the stream's own clock."""
        with self._lock:
            self._stream.see(pts_ns, self._monotonic(), paced=paced)

    def picture(self, captured_at: int) -> None:
        """A frame goes out."""
        with self._lock:
            now = self._monotonic()
            if self._lost(now) is not None:
                self._up_since = now
            self._picture, self._failure, self._captured_at = now, None, captured_at

    def failed(self, reason: str) -> None:
        """The source could not be opened, or broke off."""
        with self._lock:
            self._failure = reason

    def ended(self) -> None:
        """A clip that is not looped has been played."""
        with self._lock:
            self._ended = self._monotonic()

    def report(self) -> CameraStatus:
        """How it is now."""
        with self._lock:
            wall, now = self._clock(), self._monotonic()
            if self._host.see(wall, now):
                self._walls.clear()
            state, since, reason = self._presence(now)
            trouble = self._host.trouble(now) or self._stream.trouble(now)
            return CameraStatus(
                camera=self._id,
                run=self._run,
                by="producer",
                at=wall,
                state=state,
                since=self._wall(since, wall, now),
                reason=reason,
                captured_at=self._captured_at,
                clock=self._clock_fault(trouble, wall, now),
            )

    def _presence(self, now: float) -> tuple[Presence, float, str | None]:
        if self._ended is not None:
            return "ended", self._ended, None
        reason = self._lost(now)
        if reason is None:
            return "connected", self._up_since, None
        return "lost", self._born if self._picture is None else self._picture, reason

    def _lost(self, now: float) -> str | None:
        """Why it gives no picture; None while it does."""
        if self._failure is not None:
            return self._failure
        if self._picture is None:
            return "it has given no picture yet"
        quiet = now - self._picture
        return f"connected, but no picture for {in_words(to_ns(quiet))}" if quiet > self._stall_s else None

    def _clock_fault(self, trouble: Trouble | None, wall: int, now: float) -> ClockFault | None:
        if trouble is None:
            return None
        return ClockFault(since=self._wall(trouble.since, wall, now), detail=trouble.detail)

    def _wall(self, moment: float, wall: int, now: float) -> int:
        """A moment in UTC ns; the same at each asking, until the clock is set."""
        if len(self._walls) > 8:
            self._walls.clear()
        return self._walls.setdefault(moment, max(0, wall - to_ns(now - moment)))
