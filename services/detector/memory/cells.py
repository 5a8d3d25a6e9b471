"""Which patches of the feature maps lie on a camera's lanes, runways and taxiways."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from services.detector.letterbox import Letterbox
from shared.catalogue import ZoneKind
from shared.geometry import inside_polygon
from shared.site import Zone

# The kinds of zones on which nothing may lie, or somebody asks whether anything does.
KINDS: frozenset[ZoneKind] = frozenset({"lane", "shoulder", "runway", "taxiway", "stand"})
# Pixels of the model's input per patch: the finest layer that the memory looks at has this stride.
STRIDE = 8
# Neighbours of a patch, by side and by corner.
EIGHT = np.ones((3, 3), np.bool_)


@dataclass(frozen=True, eq=False)
class Cells:
    """The patches that a camera's memory knows; K of them.

    Those of the zones, and one row above them: what stands at a lane's far edge hides what is behind it in the picture,
    and little of the lane.

    Attributes:
        shape: (rows, columns) of the whole grid.
        index: (K,) of each patch in the grid, row by row.
        centres: (K, 2) their middles, 0..1 of the picture.
        columns, rows: (columns,) and (rows,) middles of the grid's, 0..1 of the picture.
        size: width and height of a patch, 0..1 of the picture.
        zones: ids of the zones.
        member: (zones, K) whether a patch's middle lies in a zone.
        inside: (K,) whether it lies in any.
    """

    shape: tuple[int, int]
    index: NDArray[np.int64]
    centres: NDArray[np.float64]
    columns: NDArray[np.float64]
    rows: NDArray[np.float64]
    size: tuple[float, float]
    zones: tuple[str, ...]
    member: NDArray[np.bool_]
    inside: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.index)

    def __deepcopy__(self, memo: dict[int, object]) -> "Cells":
        """Itself: nothing in it changes, and a copied memory is still one of these patches."""
        return self

    @property
    def digest(self) -> str:
        """Names the patches: a memory of others is of no use."""
        text = f"{self.shape} {self.zones}".encode()
        return hashlib.sha256(text + self.index.tobytes() + self.member.tobytes()).hexdigest()[:16]

    @property
    def picture(self) -> tuple[slice, slice]:
        """Rows and columns of the model's input, in pixels, that show the picture and no padding: whole patches."""
        down, across = (np.flatnonzero((part > 0) & (part < 1)) for part in (self.rows, self.columns))
        return pixels_of((slice(int(down[0]), int(down[-1]) + 1), slice(int(across[0]), int(across[-1]) + 1)))

    def grid(self, values: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(K,) as (rows, columns); False elsewhere."""
        whole = np.zeros(self.shape[0] * self.shape[1], np.bool_)
        whole[self.index] = values
        return whole.reshape(self.shape)

    def beside(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(K,) a mask and the patches that touch it, by side or corner."""
        near: NDArray[np.bool_] = ndimage.binary_dilation(self.grid(mask), structure=EIGHT).ravel()[self.index]
        return near

    def groups(self, mask: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
        """(K,) of each group of patches of a mask that touch each other, by side or corner."""
        if not mask.any():
            return []
        labels, count = ndimage.label(self.grid(mask), structure=EIGHT)
        label = labels.ravel()[self.index]
        return [label == number for number in range(1, count + 1)]

    def box(self, part: NDArray[np.bool_]) -> tuple[float, float, float, float]:
        """Around some patches, 0..1 of the picture."""
        middle, (width, height) = self.centres[part], self.size
        low, high = middle.min(axis=0), middle.max(axis=0)
        box = (low[0] - width / 2, low[1] - height / 2, high[0] + width / 2, high[1] + height / 2)
        x1, y1, x2, y2 = (round(min(max(float(value), 0.0), 1.0), 5) for value in box)
        return x1, y1, x2, y2

    def under(self, boxes: NDArray[np.float64], grow: float = 0.0) -> NDArray[np.bool_]:
        """(K,) the patches whose middle lies in one of the (N, 4) boxes, each larger by `grow` of its sides all
        around."""
        if grow:
            beside = grow * (boxes[:, 2:] - boxes[:, :2])
            boxes = np.concatenate([boxes[:, :2] - beside, boxes[:, 2:] + beside], axis=1)
        found: NDArray[np.bool_] = self.under_each(boxes, np.zeros(len(boxes), np.int64), 1)[0]
        return found

    def under_each(self, boxes: NDArray[np.float64], number: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
        """(count, K) the same for several frames at once, each box on that of its (N,) number."""
        (down, across), place = self.window
        x1, y1, x2, y2 = boxes.T[:, :, None]
        columns, rows = self.columns[across], self.rows[down]
        wide = ((columns >= x1) & (columns <= x2)).astype(np.float32)
        high = ((rows >= y1) & (rows <= y2)).astype(np.float32)
        # A box's patches are its rows by its columns; their products, summed, count the boxes over each patch.
        over = np.stack([high[own].T @ wide[own] for own in (number == frame for frame in range(count))])
        found: NDArray[np.bool_] = over.reshape(count, -1)[:, place] > 0.5
        return found

    @cached_property
    def window(self) -> tuple[tuple[slice, slice], NDArray[np.int64]]:
        """The rows and columns of the grid in which the patches are, and (K,) the place of each among those."""
        rows, columns = np.divmod(self.index, self.shape[1])
        top, left, right = rows.min(), columns.min(), columns.max() + 1
        place = (rows - top) * (right - left) + columns - left
        return (slice(int(top), int(rows.max()) + 1), slice(int(left), int(right))), place


def pixels_of(place: tuple[slice, slice]) -> tuple[slice, slice]:
    """Rows and columns of patches as those of the model's input, in pixels."""
    rows, columns = place
    return slice(rows.start * STRIDE, rows.stop * STRIDE), slice(columns.start * STRIDE, columns.stop * STRIDE)


def cells_of(zones: Sequence[Zone], letterbox: Letterbox) -> Cells | None:
    """The patches on the zones of a camera; None when it has none to remember."""
    watched = [zone for zone in zones if zone.kind in KINDS]
    rows, columns = letterbox.height // STRIDE, letterbox.width // STRIDE
    across = ((np.arange(columns) + 0.5) * STRIDE - letterbox.left) / letterbox.inner_width
    down = ((np.arange(rows) + 0.5) * STRIDE - letterbox.top) / letterbox.inner_height
    centres = np.stack([part.ravel() for part in np.meshgrid(across, down)], axis=1)
    # A patch that the padding touches looks at both.
    inner = ((centres > 0) & (centres < 1)).all(axis=1)
    member = np.array([inside_polygon(centres, np.array(zone.polygon)) & inner for zone in watched], np.bool_)
    if not member.any():
        return None
    inside: NDArray[np.bool_] = np.asarray(member.any(axis=0))
    below = np.zeros_like(inside)
    below[:-columns] = inside[columns:]
    index = np.flatnonzero(inside | (below & inner))
    return Cells(
        shape=(rows, columns),
        index=index,
        centres=centres[index],
        columns=across,
        rows=down,
        size=(STRIDE / letterbox.inner_width, STRIDE / letterbox.inner_height),
        zones=tuple(zone.id for zone in watched),
        member=member[:, index],
        inside=inside[index],
    )
