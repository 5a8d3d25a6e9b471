"""How long each patch of a zone has been called damaged, through the traffic that hides it."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue, TypeAdapter

from services.analyzer.scene import BoxTuple, Point
from services.analyzer.state import plain
from shared.geometry import inside_polygon
from shared.site import Zone

# A patch is damaged when it was called so for this share of the time that it was in view. That is the same as to ask
# for the fifth of the readings that look soundest: a lorry or a shadow that passes is far from four fifths.
DAMAGED = 0.8
# An open incident is held with less, so that it does not flap.
HOLDS = 0.5
# Below this share nothing had begun yet.
_NONE = 0.02

Mask = NDArray[np.bool_]

_STATE: TypeAdapter[tuple[tuple[int, int], str, str]] = TypeAdapter(tuple[tuple[int, int], str, str])


@dataclass(frozen=True, slots=True)
class Patches:
    """The patches of a grid: their number, and the part of the picture that they cover, 0..1."""

    rows: int
    columns: int
    box: BoxTuple

    @property
    def size(self) -> Point:
        """Width and height of a patch, 0..1 of the picture."""
        x1, y1, x2, y2 = self.box
        return (x2 - x1) / self.columns, (y2 - y1) / self.rows

    def inside(self, zone: Zone) -> NDArray[np.int64]:
        """Indices (row by row) of the patches whose middle lies in the zone."""
        y, x = np.mgrid[0 : self.rows, 0 : self.columns] + 0.5
        middles = np.stack([x.ravel(), y.ravel()], axis=1) * self.size + self.box[:2]
        return np.flatnonzero(inside_polygon(middles, np.array(zone.polygon)))

    def touched(self, boxes: Sequence[BoxTuple]) -> Mask:
        """(rows * columns,) the patches that one of the boxes touches."""
        mask = np.zeros((self.rows, self.columns), np.bool_)
        if boxes:
            ends = (np.array(boxes) - np.tile(self.box[:2], 2)) / np.tile(self.size, 2)
            for x1, y1, x2, y2 in np.concatenate([np.floor(ends[:, :2]), np.ceil(ends[:, 2:])], axis=1).clip(0):
                mask[int(y1) : int(y2), int(x1) : int(x2)] = True
        return mask.ravel()

    def around(self, cells: NDArray[np.int64]) -> BoxTuple:
        """The box around some patches, 0..1."""
        row, column = np.divmod(cells, self.columns)
        (width, height), (left, top, *_) = self.size, self.box
        x1, x2 = left + int(column.min()) * width, left + (int(column.max()) + 1) * width
        y1, y2 = top + int(row.min()) * height, top + (int(row.max()) + 1) * height
        return round(x1, 5), round(y1, 5), round(min(x2, 1.0), 5), round(min(y2, 1.0), 5)


@dataclass(slots=True)
class PatchMemory:
    """The patches of one zone.

    Attributes:
        shape: rows and columns of the grid, so that another grid is noticed.
        share: (K,) per patch, the share of the time in view in which it was called damaged; what is long past counts
            less, so that unbroken damage reaches `DAMAGED` after the rule's time.
        began: (K,) UTC ns when it was first called so; meaningless where the share is nought.
    """

    shape: tuple[int, int]
    share: NDArray[np.float64]
    began: NDArray[np.int64]

    @classmethod
    def empty(cls, shape: tuple[int, int], count: int) -> Self:
        """Nothing known."""
        return cls(shape, np.zeros(count), np.zeros(count, np.int64))

    def take(self, called: Mask, in_view: Mask, elapsed_ns: int, after_ns: int, now: int) -> None:
        """Take one reading.

        Args:
            called, in_view: (K,) whether each patch is called damaged, and whether it can be seen at all.
            elapsed_ns: since the reading before.
            after_ns: time after which unbroken damage reaches `DAMAGED`.
        """
        self.began[in_view & called & (self.share < _NONE)] = now
        kept = (1 - DAMAGED) ** (elapsed_ns / after_ns) if after_ns else 0.0
        self.share[in_view] = kept * self.share[in_view] + (1 - kept) * called[in_view]

    def at_least(self, share: float) -> NDArray[np.int64]:
        """The patches with this share; what rounding took away in the sum does not count."""
        return np.flatnonzero(self.share >= share - 1e-9)

    def state(self) -> JsonValue:
        """See `Rule.state`: the arrays as base64 of their bytes."""
        share, began = (base64.b64encode(array.tobytes()).decode() for array in (self.share, self.began))
        return plain(_STATE, (self.shape, share, began))

    @classmethod
    def restored(cls, value: JsonValue) -> Self:
        """From a `state()`.

        Raises:
            ValueError: no such state.
        """
        shape, *texts = _STATE.validate_python(value)
        try:
            share, began = (base64.b64decode(text, validate=True) for text in texts)
        except binascii.Error as error:
            raise ValueError(f"not a memory of patches: {error}") from None
        if len(share) != len(began):
            raise ValueError("not a memory of patches: its arrays differ in length")
        return cls(shape, np.frombuffer(share, np.float64).copy(), np.frombuffer(began, np.int64).copy())
