"""Which of the unfamiliar patches look so by the light alone: they came to when the light of the whole picture changed.
They are told with doubt, and learned once vehicles have driven over them: nobody drives over a thing."""

import numpy as np
from numpy.typing import NDArray

from services.detector.memory.drift import Drift
from services.detector.memory.light import Light
from services.detector.memory.road import Floats, Mask

_MOSTLY = 0.5
# A shadow creeps and its look with it; so many readings in a row that are otherwise at once are something else.
_ANOTHER = 3
Counts = NDArray[np.int64]


class Lit:
    """Of K patches.

    Attributes:
        light: of the whole picture.
        mask: (K,) whether a patch is so.
    """

    def __init__(self, count: int, mask: Mask | None = None) -> None:
        """`mask`: what another worker has found so before."""
        self.light = Light()
        self.mask = np.zeros(count, np.bool_) if mask is None else mask
        self._look = Drift(count)
        self._off = np.zeros(count, np.int64)
        self._passes = np.zeros(count, np.int64)
        # What each patch was when it was free last, and between which times it changed last.
        self._free_at, self._strange = np.zeros(count, np.int64), np.zeros(count, np.bool_)
        self._since, self._until = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self._other = np.zeros(count, np.bool_)

    def changes(self, strange: Mask, free: Mask, at: int) -> None:
        """Take a reading, UTC ns: (K,) where a patch does not look as the road does, and where nothing hides it."""
        now = free & strange & ~self._strange
        self._since[now], self._until[now] = self._free_at[now], at
        self._strange[free], self._free_at[free] = strange[free], at

    def see(self, now: Floats, other: Mask, seen: Mask, limit: Floats, passes: Counts, at: int) -> None:
        """Say what the same reading shows together with those before it.

        Args:
            now: (K, D) descriptors.
            other: (K,) whether a patch has looked otherwise for some readings, though it may not be unfamiliar.
            seen: (K,) whether it was free in them.
            limit: (K,) distance up to which two looks are alike.
            passes: (K,) how often vehicles have driven over it.
            at: UTC ns.
        """
        new = other & ~self._other & self.light.changed(self._since, self._until)
        self._other = other | (self._other & ~seen)
        if not (self.mask.any() or new.any()):
            return
        near = self._look.distance(now) < limit
        resumed = self.mask & seen & ~self._look.valid
        self._off = np.where(seen, np.where(near | resumed, 0, self._off + 1), self._off)
        self.mask = (self.mask & (other | ~seen) & (self._off < _ANOTHER)) | new
        self._look.follow(now, seen & near, new | resumed, at)
        self._off[new] = 0
        self._passes[new] = passes[new]

    def mostly(self, part: Mask) -> bool:
        """Whether half of some patches are."""
        return bool(self.mask[part].mean() >= _MOSTLY)

    def driven(self, passes: Counts, times: int) -> Mask:
        """(K,) those over which vehicles have driven so often since."""
        return np.asarray(self.mask & (passes - self._passes >= times))

    def clear(self) -> None:
        """No patch is."""
        self.mask[:] = False
        self._other[:] = False
        self._look.clear()
