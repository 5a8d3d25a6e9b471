"""How each patch of the road has looked lately, followed while it changes slowly. Snow, drizzle, fog and dusk come
within minutes, a thing within a second: who compares with the last seconds as well sees the one and not the other."""

import math

import numpy as np

from services.detector.memory.road import Floats, Mask, half_squared
from shared.clock import NS

# The look follows what is there within so many seconds, and over a pause no further than by one of them: a thing that
# slides to its place, or a lorry that creeps over a patch within some seconds, is no drift.
_WITHIN_NS, _STEP_NS = 2 * NS, NS


class Drift:
    """Of K patches.

    Attributes:
        valid: (K,) whether there is a look to compare with.
    """

    def __init__(self, count: int) -> None:
        self._look: Floats | None = None
        self.valid = np.zeros(count, np.bool_)
        self._at: int | None = None

    def distance(self, now: Floats) -> Floats:
        """(K,) of (K, D) descriptors to the look that was followed; infinite where there is none."""
        if self._look is None:
            return np.full(len(now), np.inf, np.float32)
        return np.where(self.valid, half_squared(now - self._look), np.float32(np.inf)).astype(np.float32)

    def follow(self, now: Floats, near: Mask, familiar: Mask, at: int) -> None:
        """Take a reading, UTC ns.

        Args:
            near: (K,) where the patch is free and looks as it did lately: its look moves on a little.
            familiar: (K,) where it is free and looks as the road has looked before: that is its look now.
        """
        if self._look is None:
            self._look = np.zeros_like(now)
        passed = min(max(at - self._at, 0), _STEP_NS) if self._at is not None else 0
        self._at = at
        self._look[near] += np.float32(1 - math.exp(-passed / _WITHIN_NS)) * (now[near] - self._look[near])
        anew = familiar & ~near
        self._look[anew] = now[anew]
        self.valid |= anew

    def clear(self) -> None:
        """What was followed no longer holds."""
        self.valid[:] = False
