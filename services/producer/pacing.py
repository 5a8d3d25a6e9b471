"""Choosing the frames to analyse, and giving them capture times. Pure: no clock, no I/O."""

from fractions import Fraction

from shared.clock import NS

# Frames come a little early or late against the wanted rate (29.97 for 30, jitter of a network camera). One
# that is this share of the period early still counts as due, so that a 29.97 source at fps 30 loses none.
_EARLY = Fraction(1, 4)
# A jump of the stream's clock beyond this is a new time line (the camera restarted), not a gap.
_JUMP_NS = 5 * NS


class RateLimiter:
    """Lets through at most `fps` frames per second of stream time, on a grid that does not drift.

    Example:
        >>> limiter = RateLimiter(10)
        >>> [ms for ms in range(0, 500, 40) if limiter.admits(ms * 1_000_000)]
        [0, 80, 200, 280, 400, 480]
    """

    def __init__(self, fps: float) -> None:
        self._period = Fraction(NS) / Fraction(fps).limit_denominator(1000)
        self._origin: int | None = None
        self._taken = 0

    def admits(self, pts_ns: int) -> bool:
        """Whether the frame with this presentation time (ns) is analysed."""
        if self._origin is None or pts_ns < self._origin:
            self._origin, self._taken = pts_ns, 0
        slot = int((pts_ns - self._origin) / self._period + _EARLY)
        if slot < self._taken:
            return False
        self._taken = slot + 1
        return True


class CaptureClock:
    """Capture times of a network stream: its PTS, anchored to the wall clock at connect.

    The times grow strictly, also over reconnects and when the stream's clock jumps.
    """

    def __init__(self) -> None:
        self._anchor: tuple[int, int] | None = None
        self._last_pts = 0
        self._last = -1

    def connected(self) -> None:
        """A new connection: anchor again at its first frame."""
        self._anchor = None

    def stamp(self, pts_ns: int, now_ns: int) -> int:
        """Capture time (UTC ns) of a frame that arrived at `now_ns`."""
        jumped = self._anchor is not None and not -NS < pts_ns - self._last_pts < _JUMP_NS
        if self._anchor is None or jumped:
            self._anchor = (pts_ns, now_ns)
        self._last_pts = pts_ns
        self._last = max(self._last + 1, self._anchor[1] + pts_ns - self._anchor[0])
        return self._last


class Backoff:
    """Waiting times between connection attempts: doubling, bounded, with jitter against herds.

    `random` gives 0..1; the wait is 50 to 100 % of the doubled time.
    """

    # 30 s: an operator who repairs a camera does not wait longer for its picture.
    def __init__(self, first_s: float = 0.5, most_s: float = 30.0) -> None:
        self._first, self._most = first_s, most_s
        self._next = first_s

    def wait_s(self, random: float) -> float:
        """Seconds to wait before the next attempt."""
        wait = self._next * (0.5 + random / 2)
        self._next = min(self._next * 2, self._most)
        return wait

    def reset(self) -> None:
        """The connection held: begin small again."""
        self._next = self._first
