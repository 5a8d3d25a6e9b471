"""The last readings of every patch: a passing vehicle makes each unfamiliar for a moment; what stays is so in all of
them but one."""

import numpy as np

from services.detector.memory.road import Floats, Mask
from shared.clock import NS

_READINGS, _OPEN = 6, 5
# Readings that lie farther apart than this are no sequence any more.
_GAP_NS = 5 * NS


class Readings:
    """Distances of K patches to their nearest looks; NaN where a patch was hidden."""

    def __init__(self) -> None:
        self._held: list[tuple[int, Floats]] = []

    @property
    def first(self) -> int:
        """UTC ns of the first of them."""
        return self._held[0][0]

    def take(self, distance: Floats, at: int) -> None:
        """Take the (K,) distances of one more, UTC ns."""
        if self._held and at - self._held[-1][0] > _GAP_NS:
            self._held.clear()
        self._held = [*self._held[1 - _READINGS :], (at, distance)]

    def stays(self) -> tuple[Floats, Mask]:
        """(K,) the second least distance of each patch, and where too few were open to say."""
        held = np.array([values for _, values in self._held])
        few = np.isfinite(held).sum(axis=0) < _OPEN
        if len(held) < 2:
            return np.zeros(held.shape[1], np.float32), np.ones(held.shape[1], np.bool_)
        least = np.sort(np.where(np.isnan(held), np.inf, held), axis=0)[1]
        return np.where(few, np.float32(0), least).astype(np.float32), few

    def once_below(self, limit: Floats) -> Mask:
        """(K,) whether a patch was open and nearer than this in any of them."""
        return np.asarray((np.array([values for _, values in self._held]) < limit).any(axis=0))

    def clear(self) -> None:
        """Begin anew."""
        self._held.clear()
