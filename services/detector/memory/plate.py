"""The empty road as a picture, to see whether what is unfamiliar has an edge. Whatever lies on the road is in focus as
the road is; a drop on the lens, a pool of light and the ghost of a lamp have soft borders."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from services.detector.memory.cells import STRIDE, Cells
from services.detector.memory.light import Luma
from services.detector.memory.road import Mask

# So many of the last pictures are averaged in which no vehicle hides the place, so that noise makes no edges; these are
# kept, of which fewer say nothing new.
_PICTURES, _KEPT, _LEAST = 3, 8, 2
# Of what is learned anew this share is taken, so that a vehicle that was missed fades.
_TAKEN = 0.5
# Range of the change by its steepest slope, in pixels: 2 for an edge that lies between two of them. On the dev split
# that of things of 12 to 47 px is 0.5 to 3.9, that of drops 9 and more. In a picture without focus edges are as wide as
# its own markings.
_SOFT, _BY_OWN = 6.0, 2.0
# A place of the road has an edge of its own from so many grey levels on; the sharpest of them count.
_WINDOW, _CONTRAST, _SHARPEST = 25, 30.0, 10.0
_NOISE_SIGMA = 0.7
# The change's range and its slope leave out so many percent: single pixels are noise.
_RANGE, _STEEPEST = (3.0, 97.0), 98.0
# Fog leaves less than this share of the road's own contrast, and a thing in it adds to that.
_VEILED = 0.4
# Where less than this share of the place was ever learned nothing can be said.
_KNOWN = 0.7


class Plate:
    """Of one camera's patches."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        size = cells.shape[0] * STRIDE, cells.shape[1] * STRIDE
        self._road = np.zeros(size, np.float32)
        self._learned = np.zeros(cells.shape, np.bool_)
        self._last: list[tuple[Luma, Mask]] = []
        self._soft = np.zeros(len(cells), np.bool_)
        self._sharpness: float | None = None

    def see(self, luma: Luma, free: Mask) -> None:
        """Take a picture, (H, W) uint8 of the model's input; (K,) the patches that nothing hides."""
        self._last = [*self._last[1 - _KEPT :], (luma, free)]

    def learn(self, which: Mask) -> None:
        """The last picture shows the empty road on these of the K patches."""
        if not self._last:
            return
        patches = self._cells.grid(which)
        place = _around(patches)
        if place is None:
            return
        learned, anew = self._learned[place], patches[place]
        share = np.where(anew & learned, np.float32(_TAKEN), anew.astype(np.float32))
        road = self._road[_pixels_of(place)]
        road += _pixels(share) * (self._last[-1][0][_pixels_of(place)] - road)
        learned |= anew
        self._sharpness = None

    def is_soft(self, part: Mask) -> bool:
        """Whether what has changed on these patches and around them has no edge, or veils the road; False where it
        cannot be told."""
        around = self._cells.beside(part)
        free = [luma for luma, open_ in self._last if open_[around].all()][-_PICTURES:]
        learned = self._learned.ravel()[self._cells.index] & around
        if len(free) < _LEAST or learned.sum() < _KNOWN * around.sum():
            return bool(self._soft[part].all())
        width, veil = self._look(free, learned)
        self._soft[part] = width > max(_SOFT, _BY_OWN * self._own()) or veil < _VEILED
        return bool(self._soft[part].all())

    def _own(self) -> float:
        """The same of the road's own markings; 0 where it has none."""
        if self._sharpness is None:
            road, window = cv2.GaussianBlur(self._road, (0, 0), _NOISE_SIGMA), np.ones((_WINDOW, _WINDOW), np.uint8)
            reach = cv2.dilate(road, window) - cv2.erode(road, window)
            inner = _inner(self._learned, _WINDOW)
            marked = inner & (reach >= _CONTRAST)
            wide = reach[marked] / np.maximum(cv2.dilate(_slope(road), window)[marked], 1e-3)
            self._sharpness = float(np.percentile(wide, _SHARPEST)) if marked.any() else 0.0
        return self._sharpness

    def _look(self, pictures: Sequence[Luma], patches: Mask) -> tuple[float, float]:
        """Of what has changed on some patches its range by its steepest slope, pixels; and the contrast that the place
        has now (Weber's: range by mean), as a share of that of the road."""
        grid = self._cells.grid(patches)
        place = _around(grid)
        assert place is not None
        pixels = _pixels_of(place)
        now = np.stack([luma[pixels] for luma in pictures]).mean(axis=0, dtype=np.float32)
        change = cv2.GaussianBlur(now - self._road[pixels], (0, 0), _NOISE_SIGMA)
        inner = _inner(grid[place])
        steepest = max(float(np.percentile(_slope(change)[inner], _STEEPEST)), 1e-3)
        share = _contrast(now[inner]) / max(_contrast(self._road[pixels][inner]), 1e-3)
        return _reach(change[inner]) / steepest, share


def _reach(values: NDArray[Any]) -> float:
    """How far grey levels range."""
    low, high = (float(value) for value in np.percentile(values, _RANGE))
    return high - low


def _contrast(values: NDArray[Any]) -> float:
    """Weber's: the range of grey levels by their mean."""
    return _reach(values) / max(float(values.mean()), 1.0)


def _slope(picture: NDArray[Any]) -> NDArray[Any]:
    """(H, W) grey levels per pixel."""
    across, along = (cv2.Sobel(picture, cv2.CV_32F, x, 1 - x, scale=1 / 8) for x in (1, 0))
    return np.asarray(np.hypot(across, along))


def _inner(patches: Mask, window: int = 1) -> Mask:
    """(rows, columns) of learned patches as (H, W) of pixels whose window shows nothing else: a change or an edge at
    the border of what was never learned is none of the road."""
    return cv2.erode(_pixels(patches.astype(np.uint8)), np.ones((window + 4, window + 4), np.uint8)) > 0


def _around(patches: Mask) -> tuple[slice, slice] | None:
    """The least rows and columns that hold all patches of a mask; None when there is none."""
    rows, columns = np.flatnonzero(patches.any(axis=1)), np.flatnonzero(patches.any(axis=0))
    return (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)) if len(rows) else None


def _pixels_of(place: tuple[slice, slice]) -> tuple[slice, slice]:
    """Rows and columns of patches as those of pixels."""
    rows, columns = place
    return slice(rows.start * STRIDE, rows.stop * STRIDE), slice(columns.start * STRIDE, columns.stop * STRIDE)


def _pixels(patches: NDArray[Any]) -> NDArray[Any]:
    """(rows, columns) of patches as (H, W) of pixels."""
    return patches.repeat(STRIDE, axis=0).repeat(STRIDE, axis=1)
