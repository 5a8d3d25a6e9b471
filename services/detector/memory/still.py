"""Since when the unfamiliar patches have looked as they do: what lies there looks the same from look to look. What
crawls over the lens, a shadow that creeps, vehicles that move up do not, however long they are at one place."""

import numpy as np

from services.detector.memory.road import Floats, Mask, half_squared

# So many readings in a row are another look; one or two are something that passes.
_ANOTHER = 3
# Of the time of a look that is over this share counts: a sail that flaps is told later, not never.
_KEPT = 0.2


class Stillness:
    """Of K patches.

    Attributes:
        since: (K,) UTC ns; 0 where a patch is not unfamiliar, and was not when it was seen last.
    """

    def __init__(self, count: int) -> None:
        self.since = np.zeros(count, np.int64)
        self._look: Floats | None = None
        self._looked = np.zeros(count, np.int64)
        self._off = np.zeros(count, np.int64)

    def see(self, now: Floats, odd: Mask, free: Mask, unseen: Mask, limit: Floats, first: int, at: int) -> None:
        """Take a reading.

        Args:
            now: (K, D) descriptors.
            odd: (K,) whether a patch looks unfamiliar, and has for some readings.
            free: (K,) whether nothing hides it now.
            unseen: (K,) whether it was unfamiliar and is hidden since; what lies behind traffic goes on lying there.
            limit: (K,) distance up to which two looks are alike.
            first, at: UTC ns of the first of the readings that made it so, and of this one.
        """
        if self._look is None:
            self._look = np.zeros_like(now)
        began = odd & (self.since == 0)
        off = odd & free & ~began
        off[off] = half_squared(now[off] - self._look[off]) > limit[off]
        self._off = np.where(off, self._off + 1, np.where(free, 0, self._off))
        another = odd & (self._off >= _ANOTHER)
        self.since[began] = first
        self._looked[began] = first
        self.since[another] += ((1 - _KEPT) * (at - self._looked[another])).astype(np.int64)
        self._looked[another] = at
        self.since[~odd & ~unseen] = 0
        self._off[another | ~odd] = 0
        taken = began | another
        self._look[taken] = now[taken]

    def clear(self) -> None:
        """Nothing is unfamiliar."""
        self.since[:] = 0
        self._off[:] = 0
