"""Which of the unfamiliar patches look so by light or weather alone: they came to when the light of the whole picture
changed, or little by little, while the whole road did or beside others of them. They are told with doubt, and learned
once vehicles have driven over them: nobody drives over a thing."""

import numpy as np
from numpy.typing import NDArray

from services.detector.memory.cells import Cells
from services.detector.memory.drift import Drift
from services.detector.memory.gradual import Gradual
from services.detector.memory.light import Light
from services.detector.memory.road import Floats, Mask

# A patch looks otherwise from this share of its threshold on.
OTHER = 0.5
_MOSTLY = 0.5
# A shadow creeps and its look with it; so many readings in a row that are otherwise at once are something else.
_ANOTHER = 3
Counts = NDArray[np.int64]


class Lit:
    """Of K patches.

    Attributes:
        light: of the whole picture.
        gradual: which patches have changed little by little.
        mask: (K,) whether a patch is so.
    """

    def __init__(self, cells: Cells, mask: Mask | None = None, passes: Counts | None = None) -> None:
        """`mask`: what another worker has found so before, and how often vehicles had driven over each patch then."""
        count = len(cells)
        self._cells = cells
        self.light, self.gradual = Light(), Gradual(count)
        self.mask = np.zeros(count, np.bool_) if mask is None else mask
        # With those that something else hides for now: they are so again when it is gone.
        self._held = self.mask.copy()
        self._look = Drift(count)
        self._off = np.zeros(count, np.int64)
        self._passes = np.zeros(count, np.int64) if passes is None else passes.copy()
        # What each patch was when it was free last, and between which times it changed last.
        self._strange = np.zeros(count, np.bool_)
        self._since, self._until = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self._other = np.zeros(count, np.bool_)

    def changes(self, now: Floats, distance: Floats, limit: Floats, free: Mask, at: int) -> None:
        """Take a reading, see `Gradual.see`."""
        strange = distance >= OTHER * limit
        new = free & strange & ~self._strange
        self._since[new], self._until[new] = self.gradual.free_at[new], at
        self._strange[free] = strange[free]
        self.gradual.see(now, distance, limit, free, at)

    def see(
        self, now: Floats, other: Mask, seen: Mask, limit: Floats, passes: Counts, at: int, *, weather: bool
    ) -> None:
        """Say what the same reading shows together with those before it.

        Args:
            now: (K, D) descriptors.
            other: (K,) whether a patch has looked otherwise for some readings, though it may not be unfamiliar.
            seen: (K,) whether it was free in them.
            limit: (K,) distance up to which two looks are alike.
            passes: (K,) how often vehicles have driven over it.
            at: UTC ns.
            weather: whether the whole road changes.
        """
        gradual, changed = self.gradual, self.light.changed
        came = changed(self._since, self._until) | changed(gradual.since, gradual.until)
        new = other & ~self._other & came
        slow = other & gradual.slow & ~self._held
        if slow.any():
            new |= slow if weather else slow & self._cells.beside(self.mask)
        self._other = other | (self._other & ~seen)
        if not (self._held.any() or new.any()):
            return
        self._held = (self._held & (other | ~seen)) | new
        changing = self.light.changing
        goes_on = self._held & (changing(self._since, self._until) | changing(gradual.since, gradual.until))
        self._look.valid[new | goes_on] = False  # until it is seen, for a vehicle may be there; and to the change's end
        near = self._look.distance(now) < limit
        resumed = self._held & seen & ~self._look.valid
        self._off = np.where(seen, np.where(near | resumed, 0, self._off + 1), self._off)
        self._off[new] = 0
        self.mask = self._held & ((self._off < _ANOTHER) | gradual.slow)
        self._look.follow(now, seen & near, resumed, at)
        self._passes[new] = passes[new]

    def mostly(self, part: Mask) -> bool:
        """Whether half of some patches are."""
        return bool(self.mask[part].mean() >= _MOSTLY)

    def driven(self, passes: Counts, times: int) -> Mask:
        """(K,) those over which vehicles have driven so often since."""
        return np.asarray(self.mask & (passes - self._passes >= times))

    def clear(self) -> None:
        """No patch is."""
        self.mask[:] = self._held[:] = False
        self._other[:] = False
        self._look.clear()
        self.gradual.clear()
