"""What the cells of a head's grid are to say of the labelled boxes on a picture.

As FCOS (Tian et al., ICCV 2019, section 3.1, with the centre sampling of its authors' later code): the cells in the
middle of a box are of its class, and all whose middle lies in the box tell its sides. Where boxes overlap, the smallest
is meant. Cells between a box's middle and its border show a bit of both: they are not asked for a class.
"""

import numpy as np
from numpy.typing import NDArray

from services.detector.heads.boxes import GridPlace
from training.heads.cells import Cells
from training.heads.dataset import IGNORED, Objects

Array = NDArray[np.float64]
# Share of a box's sides, about its middle, in which a cell is of its class.
_MIDDLE = 0.5
# A box between the middles of cells is told by the nearest cell, as if it reached this far beyond that cell's middle,
# in cells: distances are positive.
_REACH = 0.05


def targets(objects: Objects, cells: Cells) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Classes and sides for each cell.

    Returns:
        (gh, gw) classes, 0 where no box is, `IGNORED` where nothing is asked; (gh, gw, 4) distances from a cell's
        middle to left, top, right and bottom, in cells, NaN where none are to be told.
    """
    place = cells.on(objects.width, objects.height)
    label = np.zeros((place.rows, place.columns), np.int64)
    sides = np.full((place.rows, place.columns, 4), np.nan, np.float32)
    boxes = place.to_cells(objects.boxes)
    size = np.array([place.columns, place.rows])
    seen = (boxes[:, :2] < size).all(1) & (boxes[:, 2:] > 0).all(1)
    if not seen.any():
        return label, sides
    boxes, classes = boxes[seen], objects.classes[seen]
    order = np.argsort(-(boxes[:, 2:] - boxes[:, :2]).prod(1), kind="stable")
    boxes, classes = _grown(boxes[order], size), classes[order]
    distances = _distances(boxes, place)
    inside: NDArray[np.bool_] = np.all(distances > 0, axis=-1)
    middle = inside & _in_middle(boxes, distances)
    # Smaller boxes come later and overwrite.
    for own, name, here, centre in zip(distances, classes, inside, middle, strict=True):
        sides[here] = own[here]
        label[here] = IGNORED
        label[centre] = name
    return label, sides


def _grown(boxes: Array, size: NDArray[np.int64]) -> Array:
    """(M, 4): boxes that hold the middle of no cell reach to that of the nearest."""
    nearest = np.floor((boxes[:, :2] + boxes[:, 2:]) / 2).clip(0, size - 1) + 0.5
    ends, starts = np.minimum(boxes[:, 2:], size), np.maximum(boxes[:, :2], 0)
    held: NDArray[np.bool_] = np.all(np.ceil(ends - 0.5) > np.floor(starts - 0.5) + 1, axis=1)
    grown = np.concatenate([np.minimum(boxes[:, :2], nearest - _REACH), np.maximum(boxes[:, 2:], nearest + _REACH)], 1)
    return np.where(held[:, None], boxes, grown)


def _distances(boxes: Array, place: GridPlace) -> Array:
    """(M, gh, gw, 4) from the middle of each cell to each box's sides, negative where it lies beyond."""
    y, x = np.mgrid[: place.rows, : place.columns] + 0.5
    left, top, right, bottom = boxes[:, :, None, None].transpose(1, 0, 2, 3)
    return np.stack([x - left, y - top, right - x, bottom - y], axis=-1)


def _in_middle(boxes: Array, distances: Array) -> NDArray[np.bool_]:
    """(M, gh, gw): cells near the middle of each box, the nearest one always."""
    size = (boxes[:, 2:] - boxes[:, :2])[:, None, None]
    off = (np.abs(distances[..., :2] - distances[..., 2:]) / size).max(-1)
    near: NDArray[np.bool_] = (off <= _MIDDLE) | (off == off.min((1, 2), keepdims=True))
    return near
