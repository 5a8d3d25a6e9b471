"""Where vehicles have driven: nothing lies there that stands up.

A camera of 5 frames/s sees a vehicle every 4 m at 80 km/h, so near the camera rows of the road lie between one sight
and the next. Who is seen on both sides of them has driven over them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.detector.memory.cells import Cells
from shared.clock import NS

Rows = NDArray[np.float64]

# A vehicle proves the road below the lower part of its box, and beside it as far as a car's door opens: nobody drives
# that close past a thing.
_FOOT, _ARM = 0.4, 0.4
# Two boxes are of one vehicle when each is the other's nearest, within so many of their sides, and when neither side
# has grown by more than this. Vehicles of one lane keep several times that distance at such a speed.
_REACH, _GROWTH = 1.0, 1.5
# Of the way between them so many places are taken; each is as deep as the foot.
_PLACES = 8
_SHARES = np.linspace(0, 1, _PLACES)[:, None, None]
# Frames farther apart than this do not show one vehicle's way.
_LINK_NS = NS // 2
# Frames are counted together, for each costs as much as all; the memory asks every few, and no later than after these.
_TOGETHER = 16


class Passes:
    """How often vehicles have begun to drive over each of K patches.

    Attributes:
        counts: (K,) of the frames that were counted; those that `take` has taken since wait for `count`.
    """

    def __init__(self, cells: Cells, counts: NDArray[np.int64] | None = None) -> None:
        self.counts = np.zeros(len(cells), np.int64) if counts is None else counts
        self._cells = cells
        self._driven = np.zeros(len(cells), np.bool_)
        self._before: tuple[int, Rows] = (0, np.zeros((0, 4)))
        self._waiting: list[tuple[int, Rows]] = []

    def take(self, vehicles: Rows, at: int) -> bool:
        """Take the (N, 4) boxes of the vehicles on a frame, UTC ns; whether many wait to be counted."""
        self._waiting.append((at, vehicles))
        return len(self._waiting) >= _TOGETHER

    def count(self, known: NDArray[np.bool_]) -> None:
        """Count what waits, on the patches that are known."""
        if not self._waiting:
            return
        frames = [self._before, *self._waiting]
        numbers = [np.full(len(boxes), number) for number, (_, boxes) in enumerate(frames)]
        boxes, number = np.concatenate([boxes for _, boxes in frames]), np.concatenate(numbers)
        way, later = between(boxes, number, _linked([at for at, _ in frames]))
        over = self._cells.under_each(feet(np.concatenate([boxes, way])), np.concatenate([number, later]), len(frames))
        over[0] = self._driven  # with the way to it, which began before these frames
        begun = over[1:] & ~over[:-1]
        self.counts += np.where(known, begun.sum(axis=0), 0)
        self._driven, self._before, self._waiting = over[-1], frames[-1], []


def _linked(times: Sequence[int]) -> NDArray[np.bool_]:
    """(F,) whether a frame shows the way from the one before it."""
    steps = np.diff(np.array(times, np.int64))
    return np.concatenate([[False], (steps > 0) & (steps <= _LINK_NS)])


def feet(boxes: Rows) -> Rows:
    """(N, 4) of the boxes of vehicles: the part of each picture that covers the road it drives on, not the road behind
    it."""
    low = boxes.copy()
    low[:, 1] = low[:, 3] - _FOOT * (low[:, 3] - low[:, 1])
    wide = _ARM * (low[:, 2] - low[:, 0])
    low[:, 0] -= wide
    low[:, 2] += wide
    return low


def between(boxes: Rows, number: NDArray[np.int64], linked: NDArray[np.bool_]) -> tuple[Rows, NDArray[np.int64]]:
    """Boxes of vehicles on their way from one frame to the next.

    Args:
        boxes: (N, 4) of the vehicles of some frames.
        number: (N,) of each one's frame.
        linked: (F,) whether a frame comes a moment after the one before it.

    Returns:
        (M, 4) boxes, and (M,) the later frame of each.
    """
    if not len(boxes):
        return np.zeros((0, 4)), np.zeros(0, np.int64)
    sides = boxes[:, 2:] - boxes[:, :2]
    across, along = (
        np.abs(place[:, None] - place) / np.maximum((side[:, None] + side) / 2, 1e-9)
        for place, side in ((boxes[:, 0] + sides[:, 0] / 2, sides[:, 0]), (boxes[:, 3], sides[:, 1]))
    )
    apart = np.where((number[:, None] + 1 == number) & linked[number], np.maximum(across, along), np.inf)
    row, column = np.arange(len(boxes)), apart.argmin(axis=1)
    same = (apart.argmin(axis=0)[column] == row) & (apart[row, column] <= _REACH)
    begin, end = row[same], column[same]
    grown = np.maximum(sides[begin], sides[end]) / np.maximum(np.minimum(sides[begin], sides[end]), 1e-9)
    alike = grown.max(axis=1) <= _GROWTH
    begin, end = begin[alike], end[alike]
    way: Rows = boxes[begin] + _SHARES * (boxes[end] - boxes[begin])
    return way.reshape(-1, 4), np.tile(number[end], _PLACES)
