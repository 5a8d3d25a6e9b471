"""Road that nobody has driven over yet: what looks like proven road at the same height of the picture is road as well,
and what looks unlike it may be a thing that has lain there since before the first look.

Proven road is that of the other lanes, or of other places of the same one; at the same height it is as far away, so
that texture and markings have the same scale. On scenes of the dev split the mean looks of empty patches were within
0.06 of the nearest proven patch, stains and wet patches up to 0.33, and of things of 16 px and more at least one patch
was 0.26 away.
"""

import numpy as np

from services.detector.memory.cells import Cells
from services.detector.memory.road import EmptyRoad, Floats, Mask, half_squared

# Nearer than this to proven road is road; farther than that is something else, and in between nobody can tell.
_ALIKE, _UNLIKE = 0.1, 0.16
# Rows of patches that count as the same height; to call a patch unlike takes proven ones in its own row.
_ROWS = 1


class Likeness:
    """Of K patches, to the proven ones.

    Attributes:
        alike: (K,) whether a patch that nobody has driven over looks like road.
        unlike: (K,) how far one is from all of it that looks like anything else, else 0; where nothing at its height is
            proven it is neither.
    """

    def __init__(self, cells: Cells) -> None:
        self._rows, self._inside = cells.index // cells.shape[1], cells.inside
        self.alike = np.zeros(len(cells), np.bool_)
        self.unlike = np.zeros(len(cells), np.float32)

    def see(self, road: EmptyRoad, proven: Mask) -> None:
        """Compare anew: the road has learned something, or more of it is proven."""
        known = road.known & self._inside
        asked, sure = np.flatnonzero(known & ~proven), np.flatnonzero(known & proven)
        self.alike[:], self.unlike[:] = False, 0
        if not len(asked) or not len(sure):
            return
        apart = self._apart(road.mean_looks(), asked, sure)
        self.alike[asked] = apart <= _ALIKE
        beside = np.isin(self._rows[asked], self._rows[sure])
        self.unlike[asked] = np.where((apart >= _UNLIKE) & beside, apart, 0)

    def _apart(self, looks: Floats, asked: np.ndarray, sure: np.ndarray) -> Floats:
        """(asked,) distance to the nearest of the sure ones at the same height; infinite where there is none."""
        theirs, others = looks[asked], looks[sure]
        apart = half_squared(theirs)[:, None] + half_squared(others) - theirs @ others.T
        apart[np.abs(self._rows[asked][:, None] - self._rows[sure]) > _ROWS] = np.inf
        return np.asarray(apart.min(axis=1), np.float32)
