"""Which patches have come to look otherwise little by little, while they were in view: snow that settles, the shadow
that the sun draws on. What is laid down, or falls, is there from one look to the next."""

import math

import numpy as np

from services.detector.memory.road import Floats, Mask, half_squared
from shared.clock import NS

# Nearer to the road than this share of its threshold a patch is calm; two looks apart by more than that are a step.
_CALM, _STEP = 0.3, 0.6
# So many readings in a row, so that flakes before the lens are none.
_ANOTHER = 3
# The look that a reading is compared with follows within so long.
_WITHIN_NS = 2 * NS


class Gradual:
    """Of K patches.

    Attributes:
        slow: (K,) whether a patch is not calm, and has not made a step since it was.
        since, until: (K,) UTC ns of the last reading in view before the last step of each, and of the first after it.
        free_at: (K,) UTC ns of its last reading in view.
    """

    def __init__(self, count: int) -> None:
        self.slow = np.zeros(count, np.bool_)
        self.since, self.until = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self._followed = np.zeros(count, np.bool_)
        self._look: Floats | None = None
        self._off = np.zeros(count, np.int64)
        self.free_at = np.zeros(count, np.int64)
        # The same times of what may become a step.
        self._from, self._to = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self._at = 0

    def see(self, now: Floats, distance: Floats, limit: Floats, free: Mask, at: int) -> None:
        """Take a reading, UTC ns.

        Args:
            now: (K, D) descriptors.
            distance, limit: (K,) to the road, and from where on it is unfamiliar.
            free: (K,) whether nothing hides it.
        """
        if self._look is None:
            self._look = np.zeros_like(now)
        look = self._look
        share = np.float32(1 - math.exp(-min(max(at - self._at, 0), _WITHIN_NS) / _WITHIN_NS))
        self._at = at
        calm = distance < _CALM * limit
        self._followed &= ~(free & calm)
        self._off[free & calm] = 0
        open_ = np.flatnonzero(free & ~calm)
        followed, step = self._followed[open_], _STEP * limit[open_]
        far = np.where(followed, half_squared(now[open_] - look[open_]), distance[open_]) >= step
        off = self._off[open_] = np.where(far, self._off[open_] + 1, 0)
        first = open_[off == 1]
        self._from[first], self._to[first] = self.free_at[first], at
        self.free_at[free] = at
        stepped = off >= _ANOTHER
        steps = open_[stepped]
        self.since[steps], self.until[steps] = self._from[steps], self._to[steps]
        begun = stepped | (~followed & ~far)
        moves, anew = open_[followed & ~far], open_[begun]
        look[moves] += share * (now[moves] - look[moves])
        look[anew] = now[anew]
        self._off[anew] = 0
        self._followed[anew] = True
        self.slow[anew] = ~stepped[begun]
        self.slow &= self._followed

    def clear(self) -> None:
        """All are calm."""
        self._followed[:] = self.slow[:] = False
        self._off[:] = 0
