"""How each patch of the road has looked lately, followed while it changes slowly. Snow, drizzle, fog and dusk come
within minutes, a thing within a second: who compares with the last seconds as well sees the one and not the other.

Weather is all over the road. What changes a few patches within half a minute is a lorry that creeps, which nobody
detected: unless the whole road changes, patches are compared with a look that follows too slowly for it, though not for
a shadow.
"""

import math

import numpy as np

from services.detector.memory.road import Floats, Mask, half_squared
from shared.clock import NS

# Two looks follow what is there within so many seconds, and over a pause no further than by one of them: a thing that
# slides to its place within some seconds is no drift.
_FAST_NS, _SLOW_NS, _STEP_NS = 2 * NS, 30 * NS, NS
# It is weather while the two looks of half of the patches differ by this or more, and for so long after; less what
# noise makes them differ by, a share of what it makes a reading differ from the first.
_WEATHER, _HOLDS_NS, _NOISE = 0.0015, 10 * NS, 0.1
# So many patches tell of all.
_SOME = 256


class Drift:
    """Of K patches.

    Attributes:
        valid: (K,) whether there is a look to compare with.
    """

    def __init__(self, count: int) -> None:
        self.valid = np.zeros(count, np.bool_)
        self._readings = np.ones(count, np.int64)
        self._looks: dict[int, Floats] = {}
        self._at: int | None = None
        self._weather_at: int | None = None

    @property
    def is_weather(self) -> bool:
        """Whether the whole road changes."""
        return self._at is not None and self._weather_at is not None and self._at - self._weather_at <= _HOLDS_NS

    def distance(self, now: Floats) -> Floats:
        """(K,) of (K, D) descriptors to the look that was followed; infinite where there is none."""
        if not self._looks:
            return np.full(len(now), np.inf, np.float32)
        look = self._looks[_FAST_NS if self.is_weather else _SLOW_NS]
        return np.where(self.valid, half_squared(now - look), np.float32(np.inf)).astype(np.float32)

    def follow(self, now: Floats, near: Mask, familiar: Mask, at: int) -> None:
        """Take a reading, UTC ns.

        Args:
            near: (K,) where the patch is free and looks as it did lately: its look moves on a little.
            familiar: (K,) where it is free and looks as the road has looked before: that is its look now.
        """
        passed = min(max(at - self._at, 0), _STEP_NS) if self._at is not None else 0
        self._at, anew = at, familiar & ~near
        self._readings[near] += 1
        for within in (_FAST_NS, _SLOW_NS):
            look = self._looks.setdefault(within, np.zeros_like(now))
            # The mean of the first readings: the noise of one alone would be there for long. Of all patches at once,
            # by nothing where it is not near: that is quicker than taking some of them out and putting them back.
            share = np.where(near, np.maximum(1 - math.exp(-passed / within), 1 / self._readings), 0)
            step = now - look
            step *= share[:, None].astype(np.float32)
            look += step
            look[anew] = now[anew]
        self._readings[anew] = 1
        self.valid |= anew
        some = np.flatnonzero(self.valid)
        some = some[:: max(len(some) // _SOME, 1)]
        fast, slow = self._looks[_FAST_NS][some], self._looks[_SLOW_NS][some]
        apart = half_squared(fast - slow) - _NOISE * half_squared(now[some] - fast)
        if len(some) and 2 * np.count_nonzero(apart >= _WEATHER) >= len(some):
            self._weather_at = at

    def clear(self) -> None:
        """What was followed no longer holds."""
        self.valid[:] = False
        self._weather_at = None
