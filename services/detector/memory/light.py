"""When the light of the whole picture has changed: the sun comes out, lamps are switched on, the exposure jumps.
Shadows and pools of light that come in that moment are no things."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.clock import NS

Luma = NDArray[np.uint8]
Times = NDArray[np.int64]

# The picture in so many cells, of each every so many columns and rows: some hundred pixels.
_COLUMNS, _ROWS, _EVERY = 16, 9, 4
# A cell changes that is brighter or darker than so long before by more than this share. By the lesser share it begins.
_BEFORE_NS, _OTHER, _BEGINS = 2 * NS, 0.06, 0.02
# Noise in the dark is no light: grey levels that count as none.
_FLOOR = 4.0
# So many of the cells without a vehicle or person must have changed; fewer than these are no whole picture.
_SHARE, _LEAST = 0.3, 36
# Where all cells but so few are brighter by the same factor, the camera exposes otherwise: no shadows come with that.
# The same within so much, and a share of it; cells that are nearly white say nothing. On `dev` exposures made at most
# 3 % uneven, with traffic that was not detected, and suns 8 % and more; but 2 % on a road with few shadows. A camera
# makes this share of the step or more from one picture to the next, for which a cloud takes seconds.
_UNEVEN, _SAME, _OF_IT, _WHITE, _AT_ONCE = 0.04, 0.06, 0.15, 190.0, 0.5
# What comes so long before or after belongs to it; changes are remembered for as long as traffic may hide a place.
_AROUND_NS, _REMEMBERED_NS = 3 * NS // 5, 60 * NS
# Light that has changed for so long in all in that time flickers or drifts: everything comes with it, which says
# nothing.
_UNSTEADY_NS = 15 * NS
# Readings farther apart than this cannot be compared.
_GAP_NS = 5 * NS


class Light:
    """Of one camera."""

    def __init__(self) -> None:
        self._seen: list[tuple[int, NDArray[np.float32], NDArray[np.bool_]]] = []
        self._changes: list[tuple[int, int]] = []
        self._goes_on = False
        x, y = np.meshgrid((np.arange(_COLUMNS) + 0.5) / _COLUMNS, (np.arange(_ROWS) + 0.5) / _ROWS)
        self._x, self._y = x.ravel(), y.ravel()

    def see(self, luma: Luma, boxes: NDArray[np.float64], at: int) -> None:
        """Take a picture without its padding, (H, W) uint8, UTC ns, with the (N, 4) boxes of what moves on it, 0..1."""
        if self._seen and not 0 <= at - self._seen[-1][0] <= _GAP_NS:
            self._seen.clear()
            self._goes_on = False
        some = np.ascontiguousarray(luma[_EVERY // 2 :: _EVERY, _EVERY // 2 :: _EVERY])
        means = cv2.resize(some, (_COLUMNS, _ROWS), interpolation=cv2.INTER_AREA).ravel().astype(np.float32)
        x1, y1, x2, y2 = boxes[:, :, None].transpose(1, 0, 2)
        free = ~((x1 <= self._x) & (self._x < x2) & (y1 <= self._y) & (self._y < y2)).any(axis=0)
        self._seen.append((at, np.log(means + np.float32(_FLOOR)), free))
        while len(self._seen) > 1 and self._seen[1][0] <= at - _BEFORE_NS:
            del self._seen[0]
        changed = self._changed(-1, _OTHER) and not self._exposes_otherwise()
        if changed and self._goes_on:  # it is seen for as long as pictures are compared with one before it
            begin, end = self._changes[-1]
            self._changes[-1] = begin, max(end, at - _BEFORE_NS + at - self._seen[-2][0])
        elif changed:
            first = next(number for number in range(1, len(self._seen)) if self._changed(number, _BEGINS))
            self._changes.append((self._seen[first - 1][0], at))
        self._goes_on = changed
        while self._changes and self._changes[0][1] < at - _REMEMBERED_NS:
            del self._changes[0]

    def _changed(self, number: int, least: float) -> bool:
        """Whether the picture of this number is brighter or darker than the first of those that are kept."""
        by, _ = self._steps(number)
        return bool(len(by) >= _LEAST and (np.abs(by) > least).sum() >= _SHARE * len(by))

    def _exposes_otherwise(self) -> bool:
        """Whether it is the same factor all over the last picture, and came at once."""
        by, brightest = self._steps(-1)
        shown = by[brightest < np.log(_WHITE)]
        if len(shown) < _LEAST:
            return False
        middle = np.median(shown)
        uneven = np.abs(shown - middle) > _SAME + _OF_IT * abs(middle)
        if uneven.sum() > _UNEVEN * len(by):
            return False
        between = [self._steps(number, number - 1)[0] for number in range(1, len(self._seen))]
        # What a lorry has hidden may have come at once.
        most = max((abs(np.median(step)) for step in between if len(step)), default=np.inf)
        return bool(most >= _AT_ONCE * abs(middle))

    def _steps(self, number: int, first: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Of the cells that nothing hides on the pictures of these numbers: by how much they are brighter on this one
        than on the first, and how bright at most, as logarithms."""
        (_, before, was_free), (_, after, free) = self._seen[first], self._seen[number]
        both = was_free & free
        return (after - before)[both], np.maximum(after, before)[both]

    def changed(self, since: Times, until: Times) -> NDArray[np.bool_]:
        """(K,) of UTC ns: whether the light, else steady, changed in these times, or a moment before or after."""
        return self._within(self._changes, since, until)

    def changing(self, since: Times, until: Times) -> NDArray[np.bool_]:
        """(K,) the same of the change that goes on now; none where the light is steady."""
        return self._within(self._changes[-1:] if self._goes_on else [], since, until)

    def _within(self, changes: Sequence[tuple[int, int]], since: Times, until: Times) -> NDArray[np.bool_]:
        found = np.zeros(len(since), np.bool_)
        if sum(end - begin for begin, end in self._changes) > _UNSTEADY_NS:
            return found
        for begin, end in changes:
            found |= (since <= end + _AROUND_NS) & (until >= begin - _AROUND_NS)
        return found
