"""What every rival sees: the pictures that the detector sees, and the lanes in them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from services.detector.letterbox import Letterbox
from services.detector.memory.cells import Cells, cells_of
from shared.geometry import inside_polygon
from shared.jpeg import Picture, decode_jpeg
from shared.site import Zone
from shared.surface import Unfamiliar

Mask = NDArray[np.bool_]
_EIGHT = np.ones((3, 3), np.bool_)


@dataclass(frozen=True, eq=False)
class Ground:
    """A camera's lanes in an input of one size.

    Attributes:
        cells: the patches of 8 x 8 pixels that the memory would know.
        mask: (height, width) pixels of the input that lie in a lane.
    """

    letterbox: Letterbox
    cells: Cells
    mask: Mask

    @classmethod
    def of(cls, zones: Sequence[Zone], width: int, height: int, imgsz: int) -> "Ground":
        """For pictures of this size.

        Raises:
            ValueError: no zone is a lane.
        """
        letterbox = Letterbox.fit(width, height, imgsz)
        cells = cells_of(zones, letterbox)
        if cells is None:
            raise ValueError("the camera has no lanes")
        y, x = np.mgrid[0 : letterbox.height, 0 : letterbox.width]
        pixels = np.stack([x.ravel(), y.ravel()], axis=1) + 0.5
        points = (pixels - (letterbox.left, letterbox.top)) / (letterbox.inner_width, letterbox.inner_height)
        inner = ((points > 0) & (points < 1)).all(axis=1)
        lanes = np.any([inside_polygon(points, np.array(zone.polygon)) for zone in zones], axis=0)
        return cls(letterbox, cells, (lanes & inner).reshape(letterbox.shape))

    def picture(self, jpeg: bytes) -> Picture:
        """(height, width, 3) uint8 RGB: a frame as the detector decodes it."""
        box = self.letterbox
        out = np.empty((*box.shape, 3), np.uint8)
        box.place(decode_jpeg(jpeg, min_width=box.inner_width, min_height=box.inner_height), out)
        return out

    def unfamiliar(self, part: Mask, score: float, since: int) -> Unfamiliar:
        """A region: the box around the pixels or patches of `part`, which is a grid of either, and one patch more.

        The memory's regions are that coarse, for each of its patches is seen with its neighbours, and the analyzer's
        rules are made for them: of a tight box, a weak box with a name would take everything.
        """
        rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
        size, box = np.array(self.letterbox.shape[::-1]) / part.shape[::-1], self.letterbox
        ends = np.array([(columns[0], rows[0]), (columns[-1] + 1, rows[-1] + 1)]) * size
        units = (ends - (box.left, box.top)) / (box.inner_width, box.inner_height)
        units += np.array([[-1], [1]]) * self.cells.size
        x1, y1, x2, y2 = units.clip(0, 1).round(5).ravel().tolist()
        return Unfamiliar(box=(x1, y1, x2, y2), score=score, since=since)


def parts(mask: Mask) -> Iterator[Mask]:
    """Each connected part of a grid."""
    labels, count = ndimage.label(mask, structure=_EIGHT)
    for number in range(1, count + 1):
        yield labels == number
