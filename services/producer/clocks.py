"""Whether the clocks that capture times are made of can be believed. Pure: no clock, no I/O.

Capture times are the stream's own steps, anchored to the producer's wall clock (`pacing.CaptureClock`). Each of the two
is checked against the arrival of frames by a clock that nobody sets (monotonic seconds). What the anchoring mends, such
as one jump of a camera that restarts, is no fault.
"""

from collections import deque
from dataclasses import dataclass

from shared.clock import NS, in_words, to_ns

# NTP slews what is less than 0.128 s and steps the rest, mostly once at the start. 2 s is what the analyzer takes for a
# clock that was set back, so from there on a step changes what rules see.
_STEP_NS = 2 * NS
# A step is over at once. It is told for as long as it takes a person to see it.
_TOLD_S = 60.0
# As in pacing: less is disorder, and a gap of less is jitter.
_BACK_NS = NS
_JUMP_NS = 5 * NS
# One jump is mended by a new anchor. Three in a minute mean that speeds and rests are measured with a broken clock.
_JUMPS = 3
# A stream whose time has not moved for this long, over several frames.
_STILL_S = 5.0
_STILL_FRAMES = 5
# Rate: how much later frames come than their own times say, as the least delay in half a minute. Delay by the network
# only adds to that, and quartz is a thousand times better than the 10 % that are told.
_WINDOW_S = 30.0
_DRIFT_S = 6.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a clock, and since when (monotonic seconds)."""

    since: float
    detail: str


class HostClock:
    """The machine's wall clock: steps of it."""

    def __init__(self) -> None:
        self._offset: int | None = None
        self._step: Trouble | None = None

    def see(self, wall_ns: int, mono_s: float) -> bool:
        """Read both clocks at one moment; returns whether the wall clock has been set since the last time."""
        offset = wall_ns - to_ns(mono_s)
        step = 0 if self._offset is None else offset - self._offset
        self._offset = offset
        if abs(step) <= _STEP_NS:
            return False
        way = "ahead" if step > 0 else "back"
        self._step = Trouble(mono_s, f"its producer's clock was set {way} by {in_words(abs(step))}")
        return True

    def trouble(self, mono_s: float) -> Trouble | None:
        """A step of the last minute."""
        return self._step if self._step is not None and mono_s - self._step.since <= _TOLD_S else None


class StreamClock:
    """The presentation times of one network stream or device."""

    def __init__(self) -> None:
        self.connected()

    def connected(self) -> None:
        """A new connection: its times have nothing to do with those before, and are anchored anew."""
        self._jumps: deque[float] = deque(maxlen=_JUMPS)
        self._last: tuple[int, float] | None = None
        self._still: tuple[float, int] | None = None
        self._begin_rate()

    def see(self, pts_ns: int, mono_s: float, *, paced: bool = False) -> None:
        """Take the next frame's presentation time, at its arrival.

        Args:
            paced: it comes as fast as the network lets it, which says nothing about the rate of its clock.
        """
        if self._last is not None:
            step, passed = pts_ns - self._last[0], to_ns(mono_s - self._last[1])
            if step < -_BACK_NS or step - passed > _JUMP_NS:
                self._jumps.append(mono_s)
                self._begin_rate()
            since, count = self._still or (self._last[1], 0)
            self._still = (since, count + 1) if step == 0 else None
        self._last = (pts_ns, mono_s)
        if not paced:
            self._measure(to_ns(mono_s) - pts_ns, mono_s)

    def trouble(self, mono_s: float) -> Trouble | None:
        """What is wrong now."""
        if self._still is not None and self._still[1] >= _STILL_FRAMES and mono_s - self._still[0] >= _STILL_S:
            return Trouble(self._still[0], "the stream's clock stands still")
        if len(self._jumps) == _JUMPS and mono_s - self._jumps[0] <= _TOLD_S:
            return Trouble(self._jumps[0], f"the stream's clock jumped {_JUMPS} times within {_TOLD_S:.0f} s")
        return self._rate

    def _begin_rate(self) -> None:
        self._rate: Trouble | None = None
        self._windows: deque[int] = deque(maxlen=3)
        self._window: tuple[float, int] | None = None

    def _measure(self, delay: int, mono_s: float) -> None:
        began, least = self._window or (mono_s, delay)
        if mono_s - began < _WINDOW_S:
            self._window = (began, min(least, delay))
            return
        self._windows.append(least)
        self._window = (mono_s, delay)
        if len(self._windows) < 3:
            return
        drift_s = (self._windows[2] - self._windows[0]) / NS
        if abs(drift_s) <= _DRIFT_S:
            self._rate = None
        else:
            way, since = ("slow" if drift_s > 0 else "fast"), mono_s - 3 * _WINDOW_S
            share = abs(drift_s) / (2 * _WINDOW_S)
            self._rate = self._rate or Trouble(since, f"the stream's clock runs {share:.0%} too {way}")
