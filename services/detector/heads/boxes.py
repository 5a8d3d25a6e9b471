"""Boxes of a patch head: what the cells of its grid say of the sides of the thing that lies on them.

Dense and without anchors, as in Tian et al., "FCOS: Fully Convolutional One-Stage Object Detection", ICCV 2019: each
cell tells how far left, above, right and below its middle the box ends. The distances are told as logarithms, in cells,
so that nothing depends on the size of the input.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.detector.backends.base import Boxes, Inner
from services.detector.backends.select import suppress_one
from services.detector.heads.decision import decided
from shared.geometry import area, intersection

# Every cell of a thing tells its box, and neighbours tell it a little differently, coarse as the features are. At the
# detector's own 0.7 one thing would come several times; on drawn rectangles 0.4 gave a better F1 than 0.5.
_SAME = 0.4
# And a cell at the edge of a thing may tell a part of it, whose IoU with the whole is small: of two boxes of one class,
# of which the smaller has this share in the other, one stays. It raised F1 and average precision there as well.
_PART = 0.5
# For a message, and far more than anyone looks at.
_MOST = 100
# Bounds of a logarithm: from a hundredth of a cell to more than any input has.
LOG_BOUND = 5.0


@dataclass(frozen=True, slots=True)
class GridPlace:
    """Where a head's grid lies on a picture.

    Attributes:
        part: left, top, right, bottom of the grid, pixels of the input.
        inner: where the picture lies in the input.
        rows, columns: of the grid.

    Example:
        >>> GridPlace((0, 16, 640, 368), (0, 12, 640, 360), 22, 40).to_cells(np.array([[0.5, 0.5, 1.0, 1.0]]))
        array([[20.  , 11.  , 40.  , 22.25]])
    """

    part: tuple[int, int, int, int]
    inner: Inner
    rows: int
    columns: int

    def to_cells(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """(M, 4) in 0..1 of the picture to cells of the grid, whose first one's left upper corner is 0, 0."""
        scale, shift = self._line()
        return (boxes - shift) / scale

    def to_picture(self, cells: NDArray[np.floating]) -> NDArray[np.float64]:
        """(M, 4) in cells to 0..1 of the picture, clipped to it."""
        scale, shift = self._line()
        return (cells.astype(np.float64) * scale + shift).clip(0, 1)

    def _line(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(4,) each: a cell's side, and where the grid begins, as shares of the picture."""
        x1, y1, x2, y2 = self.part
        left, top, width, height = self.inner
        scale = [(x2 - x1) / self.columns / width, (y2 - y1) / self.rows / height]
        shift = [(x1 - left) / width, (y1 - top) / height]
        return np.array(scale * 2), np.array(shift * 2)


def found_boxes(probabilities: NDArray[np.floating], sides: NDArray[np.floating], threshold: float) -> Boxes:
    """What one picture shows: the boxes of all cells that are decided to be not normal, each thing once.

    Of boxes that overlap the one stays whose cell is sure and lies in the middle of its box, since it sees most of the
    thing: FCOS's centre-ness, but of the distances as told, for which no further output has to be trained.

    Args:
        probabilities: (K, rows, columns).
        sides: (4, rows, columns): logarithms of the distances from a cell's middle to left, top, right and bottom.
        threshold: of the decision.

    Returns:
        `xyxy` in cells of the grid, classes as indices of the head's, best score first.
    """
    labels = decided(np.moveaxis(probabilities, 0, -1), threshold)
    rows, columns = np.nonzero(labels)
    classes = labels[rows, columns]
    left, top, right, bottom = np.exp(sides[:, rows, columns].astype(np.float64).clip(-LOG_BOUND, LOG_BOUND))
    x, y = columns + 0.5, rows + 0.5
    xyxy = np.stack([x - left, y - top, x + right, y + bottom], axis=1).astype(np.float32)
    scores = probabilities[classes, rows, columns].astype(np.float32)
    central = np.sqrt(_evenness(left, right) * _evenness(top, bottom))
    kept = suppress_one(xyxy, (scores * central).astype(np.float32), np.arange(len(scores)), overlap=_SAME, most=_MOST)
    chosen = kept.classes[_no_parts(kept.xyxy.astype(np.float64), classes[kept.classes])]
    order = chosen[np.argsort(-scores[chosen], kind="stable")]
    return Boxes(xyxy[order], scores[order], classes[order])


def _no_parts(xyxy: NDArray[np.float64], classes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(K,) which of the boxes, the preferred first, are no part of one that stays, nor hold it."""
    sizes = area(xyxy)
    shares = intersection(xyxy, xyxy) / np.minimum(sizes[:, None], sizes[None])
    same = (shares > _PART) & (classes[:, None] == classes[None])
    stays = np.ones(len(xyxy), np.bool_)
    for row in range(len(xyxy)):
        if stays[row]:
            stays[row + 1 :] &= ~same[row, row + 1 :]
    return stays


def _evenness(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.minimum(one, other) / np.maximum(one, other)
