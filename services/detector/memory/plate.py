"""The empty road as a picture, to see whether what is unfamiliar has an edge. Whatever lies on the road is in focus as
the road is; a drop on the lens, a pool of light and the ghost of a lamp have soft borders."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from services.detector.memory.cells import STRIDE, Cells, pixels_of
from services.detector.memory.light import Luma
from services.detector.memory.road import Mask

# So many of the last pictures are averaged in which no vehicle hides the place, so that noise makes no edges; one alone
# says nothing. What is unfamiliar now is on all that are kept, but for one.
_PICTURES, _KEPT, _LEAST = 3, 5, 2
# Of what is learned anew this share is taken, so that a vehicle that was missed fades.
_TAKEN = 0.5
# An edge is as wide as the grey levels range within a window, by its steepest slope: some 2 pixels for one that lies
# between two of them, and 8 and more for a soft border. In a picture without focus edges are as wide as its markings.
_WINDOW, _SOFT, _BY_OWN = np.ones((11, 11), np.uint8), 6.0, 2.0
# An edge of the change has at least this share of its range, for a thing may be paler than its shadow; one of the road
# so many grey levels. The sharpest of them count, but for single pixels.
_SHARE, _CONTRAST, _SHARPEST = 0.25, 30.0, 5.0
_NOISE_SIGMA = 0.7
# A range leaves out so many percent.
_RANGE = 3.0, 97.0
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
        road = self._road[pixels_of(place)]
        road += _pixels(share) * (self._last[-1][0][pixels_of(place)] - road)
        learned |= anew
        self._sharpness = None
        self._soft[which] = False  # what was there is gone

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
        """How wide the edges of the road's own markings are; 0 where it has none."""
        if self._sharpness is None:
            road = cv2.GaussianBlur(self._road, (0, 0), _NOISE_SIGMA)
            wide = _width(road, _inner(self._learned, len(_WINDOW)), _CONTRAST)
            self._sharpness = wide if np.isfinite(wide) else 0.0
        return self._sharpness

    def _look(self, pictures: Sequence[Luma], patches: Mask) -> tuple[float, float]:
        """How wide the edges are of what has changed on some patches, pixels; and the contrast of the place now, as a
        share of that of the road."""
        grid = self._cells.grid(patches)
        place = _around(grid)
        assert place is not None
        pixels = pixels_of(place)
        now = np.stack([luma[pixels] for luma in pictures]).mean(axis=0, dtype=np.float32)
        change = cv2.GaussianBlur(now - self._road[pixels], (0, 0), _NOISE_SIGMA)
        inner = _inner(grid[place])
        share = _contrast(now[inner]) / max(_contrast(self._road[pixels][inner]), 1e-3)
        return _width(change, inner, _SHARE * _reach(change[inner])), share


def _width(picture: NDArray[Any], inner: Mask, least: float) -> float:
    """How wide the sharpest edges are, pixels, among those of so many grey levels; infinite when there is none."""
    local = cv2.dilate(picture, _WINDOW) - cv2.erode(picture, _WINDOW)
    edges = inner & (local >= least)
    if not edges.any():
        return float("inf")
    return float(np.percentile(local[edges] / np.maximum(_slope(picture)[edges], 1e-3), _SHARPEST))


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


def _pixels(patches: NDArray[Any]) -> NDArray[Any]:
    """(rows, columns) of patches as (H, W) of pixels."""
    return patches.repeat(STRIDE, axis=0).repeat(STRIDE, axis=1)
