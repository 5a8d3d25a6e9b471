"""A camera's view as a field of edge directions: what is registered with the reference view, in whole and in cells.

Edges keep their direction when the light changes, which grey levels do not. Each pixel of the small picture is one
complex number: the gradient's direction, with a length of 0 (flat) to nearly 1 (a clear edge). The mean of many such
fields keeps what stands still, for directions of what moves cancel each other. Two fields are registered by
correlation over all shifts at once in the Fourier domain: "orientation correlation" (Fitch, Kadyrov, Christmas and
Kittler, BMVC 2002).
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

Field = NDArray[np.complex64]
Grey = NDArray[np.float32]

# Gradient, grey levels per pixel, at which an edge counts half: three to five times the noise that is left in a
# picture of 160 pixels after its pixels were averaged.
_EDGE = 6.0
# Cells of the picture, columns of the longer side: a cell is large enough to have some structure.
_CELLS = 12
# Of less than this presence little is left but what a mean remembers: a cover without any noise has no directions.
_TRACE = 0.1
# A correlation from here on is no chance, and a place is better than another from so much more on.
CLEAR, AHEAD = 0.2, 0.05
_STEPS = 31


def field_of(grey: Grey) -> Field:
    """(H, W) complex64 of a grey picture (0..255)."""
    gx = cv2.Scharr(grey, cv2.CV_32F, 1, 0, scale=1 / 16)
    gy = cv2.Scharr(grey, cv2.CV_32F, 0, 1, scale=1 / 16)
    length = cv2.magnitude(gx, gy) + np.float32(_EDGE)
    field: Field = np.empty(grey.shape, np.complex64)
    field.real, field.imag = gx / length, gy / length
    field[:2], field[-2:], field[:, :2], field[:, -2:] = 0, 0, 0, 0
    return field


@dataclass(frozen=True, slots=True)
class Fit:
    """How a field lies on the reference, without shifting it.

    Attributes:
        presence: how much of the reference's structure is there at all, as edge strength; 1 as much as in itself.
        alignment: -1..1, whether what is there has the reference's directions: about 0 where it is another view.
        cells: (rows, columns, 2) presence and alignment of each cell.
        structured: (rows, columns) bool, the cells that have structure in the reference.
    """

    presence: float
    alignment: float
    cells: NDArray[np.float32]
    structured: NDArray[np.bool_]


class Reference:
    """The reference view, to lay fields onto.

    Attributes:
        field: (H, W) complex64, the mean of many fields of the unmoved view.
    """

    def __init__(self, field: Field) -> None:
        self.field = field
        self._weight = np.abs(field)
        self._grid = grid_of(field.shape[0], field.shape[1])
        self._taper = _taper(field.shape[0], field.shape[1])
        tapered = field * self._taper
        self._spectrum, self._energy = np.conj(fft.fft2(tapered)), (np.abs(tapered) ** 2).sum()
        total = self._per_cell(self._weight * self._weight)
        mean = float(total.mean())
        # A quarter of the mean: sky and plain tarmac have less.
        self.structured: NDArray[np.bool_] = total > 0.25 * mean
        self._total = np.maximum(total, 1e-6)

    def fit(self, field: Field) -> Fit:
        """Lay a field onto the reference where it is."""
        both = self._weight * np.abs(field)
        same = (self.field.real * field.real + self.field.imag * field.imag).astype(np.float32)
        both_cells, same_cells = self._per_cell(both), self._per_cell(same)
        cells = np.stack(
            [both_cells / self._total, same_cells / np.maximum(both_cells, _TRACE * self._total)],
            axis=-1,
            dtype=np.float32,
        )
        whole, total = float(both_cells.sum()), float(self._total.sum())
        return Fit(whole / total, float(same_cells.sum()) / max(whole, 1e-6), cells, self.structured)

    def shift(self, field: Field) -> tuple[float, float, float, float]:
        """Where the field lies best: (dx, dy) in its pixels, and the correlation there and without a shift, 0..1."""
        tapered = field * self._taper
        surface = np.real(fft.ifft2(fft.fft2(tapered) * self._spectrum))
        energy = float(np.sqrt((np.abs(tapered) ** 2).sum() * self._energy))
        height, width = surface.shape
        row, column = divmod(int(surface.argmax()), width)
        dy = row + _vertex(surface[row - 1, column], surface[row, column], surface[(row + 1) % height, column])
        dx = column + _vertex(surface[row, column - 1], surface[row, column], surface[row, (column + 1) % width])
        dx, dy = (dx + width / 2) % width - width / 2, (dy + height / 2) % height - height / 2
        near = max(float(surface[y, x]) for y in (-1, 0, 1) for x in (-1, 0, 1))
        return dx, dy, float(surface[row, column]) / max(energy, 1e-6), near / max(energy, 1e-6)

    def turned(self, field: Field, limit: float) -> bool:
        """Whether two quarters of the field or more lie `limit` pixels off the reference's, as after a turn or zoom."""
        height, width = field.shape
        off = 0
        for rows in (np.s_[: height // 2], np.s_[height // 2 :]):
            for columns in (np.s_[: width // 2], np.s_[width // 2 :]):
                dx, dy, peak, here = Reference(self.field[rows, columns]).shift(field[rows, columns])
                off += peak >= CLEAR and peak >= here + AHEAD and float(np.hypot(dx, dy)) >= limit
        return off >= 2

    def blended(self, field: Field, share: float) -> "Reference":
        """The reference with a little of this field."""
        return Reference(((1 - share) * self.field + share * field).astype(np.complex64))

    def share(self, part: Field) -> NDArray[np.float32]:
        """(rows, columns) how much of each cell's structure this part of the field makes, 0 to 1 and a little more."""
        length = np.abs(part)
        return np.asarray(self._per_cell(length * length) / self._total, np.float32)

    def _per_cell(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        return cells_of(values, self._grid)

    def packed(self) -> NDArray[np.int8]:
        """(H, W, 2) int8: the field in steps of 1/31, finer than its noise."""
        return (np.stack([self.field.real, self.field.imag], axis=-1) * _STEPS).round().astype(np.int8)

    @classmethod
    def unpacked(cls, packed: NDArray[np.int8]) -> "Reference":
        """The way back."""
        values = packed.astype(np.float32) / _STEPS
        return cls((values[..., 0] + 1j * values[..., 1]).astype(np.complex64))


def cells_of(values: Grey, shape: tuple[int, ...]) -> Grey:
    """The mean of each cell of a grid with this many (rows, columns), of (H, W) values."""
    # As products: OpenCV's resize by area takes four times as long.
    down, across = (_shares(size, cells) for size, cells in zip(values.shape, shape, strict=True))
    return np.asarray(down @ values @ across.T, np.float32)


@lru_cache(maxsize=64)
def _shares(size: int, cells: int) -> Grey:
    """(cells, size): what share of each cell each of the pixels in a row is."""
    ends = np.linspace(0, size, cells + 1)
    low, high = np.maximum(ends[:-1, None], np.arange(size)), np.minimum(ends[1:, None], np.arange(size) + 1)
    return ((high - low).clip(0) * (cells / size)).astype(np.float32)


def grid_of(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of cells for a picture of this size."""
    longer = max(height, width)
    return max(2, round(_CELLS * height / longer)), max(2, round(_CELLS * width / longer))


def without(field: Field, boxes: NDArray[np.float64]) -> Field:
    """The field without what lies in one of the (K, 4) boxes, 0..1 of the picture, or is its outline."""
    rest = field.copy()
    height, width = field.shape
    ends = boxes * (width, height, width, height)
    around = np.concatenate([np.floor(ends[:, :2]) - 1, np.ceil(ends[:, 2:]) + 1], axis=1)
    for left, top, right, bottom in around.astype(int):
        rest[max(0, top) : bottom, max(0, left) : right] = 0
    return rest


def _vertex(before: float, at: float, after: float) -> float:
    """Sub-pixel place of a peak: the vertex of the parabola through three values."""
    bend = before - 2 * at + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0


def _taper(height: int, width: int) -> NDArray[np.float32]:
    """Falls to zero towards the edges, which a shift brings in or takes away."""
    rows, columns = (np.clip(np.minimum(np.arange(n), np.arange(n)[::-1]) / (0.1 * n), 0, 1) for n in (height, width))
    return np.outer(rows, columns).astype(np.float32)
