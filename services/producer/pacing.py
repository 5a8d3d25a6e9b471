"""Choosing the frames to analyse, and giving them capture times. Pure: no clock, no I/O."""

from fractions import Fraction

from shared.camera_status import CLOCK_RESET_NS
from shared.clock import NS

# Frames come a little early or late against the wanted rate (29.97 for 30, jitter of a network camera). One
# that is this share of the period early still counts as due, so that a 29.97 source at fps 30 loses none.
_EARLY = Fraction(1, 4)
# A jump of the stream's clock beyond this is a new time line (the camera restarted), not a gap.
_JUMP_NS = 5 * NS
# A step back below this is disorder within one time line, not a new one.
_BACK_NS = NS
# Capture times that fall this far behind the wall clock say that the clocks drift apart. It is also the age
# at which the detector sheds live frames.
_STALE_NS = 5 * NS


class RateLimiter:
    """Lets through at most `fps` frames per second of stream time, on a grid that does not drift.

    Example:
        >>> limiter = RateLimiter(10)
        >>> [ms for ms in range(0, 500, 40) if limiter.admits(ms * 1_000_000)]
        [0, 80, 200, 280, 400, 480]
    """

    def __init__(self, fps: float) -> None:
        # 1001: NTSC's rates (30000/1001) stay exact.
        self._period = Fraction(NS) / Fraction(fps).limit_denominator(1001)
        self._origin: int | None = None
        self._taken = 0
        self._newest = 0

    def admits(self, pts_ns: int) -> bool:
        """Whether the frame with this presentation time (ns) is analysed."""
        if self._origin is None or pts_ns < max(self._origin, self._newest - _BACK_NS):
            self._origin, self._taken, self._newest = pts_ns, 0, pts_ns
        self._newest = max(self._newest, pts_ns)
        slot = int((pts_ns - self._origin) / self._period + _EARLY)
        if slot < self._taken:
            return False
        self._taken = slot + 1
        return True


class ClipClock:
    """Time in a clip: ns since its first frame, growing strictly, also where the file's own clock steps back.

    Example:
        >>> clock = ClipClock(period_ns=40)
        >>> [clock.elapsed(pts) for pts in (1000, 1040, 1040, 1120)]
        [0, 40, 41, 120]
    """

    def __init__(self, period_ns: int) -> None:
        """`period_ns` is the usual step between two frames."""
        self._period = period_ns
        self._offset: int | None = None
        self._last = -1

    def elapsed(self, pts_ns: int) -> int:
        """Time of the frame with this presentation time."""
        if self._offset is None:
            self._offset = -pts_ns
        elif pts_ns + self._offset < self._last - _BACK_NS:  # joined clips: go on one frame after the last
            self._offset = self._last + self._period - pts_ns
        self._last = max(self._last + 1, pts_ns + self._offset)
        return self._last


class CaptureClock:
    """Capture times of a network stream: its PTS, anchored to the wall clock.

    The times grow strictly, also over reconnects and when the stream's clock jumps, and never lie ahead of the
    wall clock: a frame that arrives before its time shows that the anchor's frame had waited in a buffer (as
    the first ones of an RTSP session do), so the anchor moves to it. Only where the wall clock itself is set back by
    2 s or more do they follow it: else they would stand still, and the rules with them, until it has caught up.
    """

    def __init__(self) -> None:
        self._offset: int | None = None
        self._last_pts = 0
        self._last = -1

    def connected(self) -> None:
        """A new connection: anchor again at its first frame."""
        self._offset = None

    def early_ns(self, pts_ns: int, now_ns: int) -> int:
        """How long before its time the frame came: a recording over HTTP is waited for, a live stream not."""
        if self._offset is None or self._jumped(pts_ns) or self._set_back(now_ns):
            return 0
        return max(0, pts_ns + self._offset - now_ns)

    def stamp(self, pts_ns: int, now_ns: int) -> int:
        """Capture time (UTC ns) of a frame that arrived at `now_ns`."""
        offset = self._offset
        if self._set_back(now_ns):
            self._last, offset = -1, None
        if offset is None or self._jumped(pts_ns) or not now_ns - _STALE_NS <= pts_ns + offset <= now_ns:
            offset = now_ns - pts_ns
        self._offset, self._last_pts = offset, pts_ns
        self._last = max(self._last + 1, pts_ns + offset)
        return self._last

    def _set_back(self, now_ns: int) -> bool:
        return now_ns < self._last - CLOCK_RESET_NS

    def _jumped(self, pts_ns: int) -> bool:
        return not -_BACK_NS < pts_ns - self._last_pts < _JUMP_NS


class Backoff:
    """Waiting times between connection attempts: doubling, bounded, with jitter against herds.

    Example:
        >>> backoff = Backoff(first_s=0.5, most_s=2.0)
        >>> [backoff.wait_s(1.0) for _ in range(4)]
        [0.5, 1.0, 2.0, 2.0]
    """

    # 30 s: an operator who repairs a camera does not wait longer for its picture.
    def __init__(self, first_s: float = 0.5, most_s: float = 30.0) -> None:
        self._first, self._most = first_s, most_s
        self._next = first_s

    def wait_s(self, random: float) -> float:
        """Seconds to wait before the next attempt: 50 to 100 % of the doubled time, as `random` (0..1) says."""
        wait = self._next * (0.5 + random / 2)
        self._next = min(self._next * 2, self._most)
        return wait

    def reset(self) -> None:
        """The connection held: begin small again."""
        self._next = self._first
