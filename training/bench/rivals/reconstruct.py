"""The autoencoder as a camera's watch: it learns for the learning time, then tells what stays badly drawn."""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.clock import NS
from shared.jpeg import Picture
from shared.surface import Unfamiliar
from training.bench.rivals.autoencoder import CELL, PATCH, PatchAutoencoder, Schedule, errors, train
from training.bench.rivals.ground import Ground, Mask, parts

# Patches overlap by half; the error of a square is the mean over those that hold it.
_STEP = 16
# As the memory: a look counts where no box is near, a thing is unfamiliar in all but one of the last readings.
_GROW, _SURE = 0.25, 0.3
_READINGS, _OPEN = 6, 5
# The last quarter of the learning time is held out: what the errors are on frames that it was not fitted to.
_HELD_OUT = 0.25

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Limits:
    """What was tuned on `dev`.

    Attributes:
        margin: how many times its greatest held-out error a patch must be off.
        alone: how much more one patch alone must be off than two side by side.
    """

    margin: float = 2.0
    alone: float = 1.5


class Reader:
    """A camera's errors, which watches with several limits may share.

    Attributes:
        learning_s: seconds of CPU that the training took.
        stays: (K,) the second least of the last errors of each patch; NaN where too few were open.
        worst: (K,) the greatest of these on held-out frames; NaN where there was none. None: still learning.
    """

    def __init__(self, ground: Ground, learn_s: float, schedule: Schedule, seed: int) -> None:
        self.ground, self._schedule, self._seed, self._learn_ns = ground, schedule, seed, int(learn_s * NS)
        rows, columns = ground.cells.shape
        cells = ground.cells.grid(np.ones(len(ground.cells), np.bool_))
        side = PATCH // CELL
        step = _STEP // CELL
        self._origins = np.array(
            [
                (row, column)
                for row in range(0, rows - side + 1, step)
                for column in range(0, columns - side + 1, step)
                if cells[row : row + side, column : column + side].any()
            ]
        )
        self._frames: list[tuple[Picture, Mask]] = []
        self._network: PatchAutoencoder | None = None
        self._readings: list[Floats] = []
        self._began: int | None = None
        self.learning_s = 0.0
        self.stays = np.full(len(ground.cells), np.nan, np.float32)
        self.worst: Floats | None = None

    def read(self, picture: Picture, boxes: NDArray[np.float64], at: int) -> None:
        """Take a frame.

        Args:
            picture: (height, width, 3) uint8 RGB, of `ground`.
            boxes: (N, 5) the detector's, x1, y1, x2, y2 in 0..1 and the score.
            at: UTC ns, which never runs back.

        Raises:
            ValueError: no patch was free in the whole learning time.
        """
        self._began = at if self._began is None else self._began
        if self._network is None:
            self._frames.append((picture, self.ground.cells.under(boxes[:, :4], _GROW)))
            if at - self._began >= self._learn_ns:
                begin = time.thread_time()
                self._learn()
                self.learning_s = time.thread_time() - begin
            return
        self._take(picture, self.ground.cells.under(boxes[boxes[:, 4] >= _SURE, :4], _GROW))

    def _learn(self) -> None:
        split = round(len(self._frames) * (1 - _HELD_OUT))
        kept = [patches[self._free(hidden)] for frame, hidden in self._frames[:split] for patches in [self._cut(frame)]]
        self._network = train(np.concatenate(kept), self._schedule, self._seed)
        worst = np.full(len(self.ground.cells), np.nan, np.float32)
        for frame, hidden in self._frames[split:]:
            self._take(frame, hidden)
            worst = np.fmax(worst, self.stays)
        self.worst = self._around(worst)
        self._frames.clear()

    def _take(self, picture: Picture, hidden: Mask) -> None:
        assert self._network is not None
        now = np.where(hidden, np.nan, self._errors(errors(self._network, self._cut(picture)))).astype(np.float32)
        self._readings = [*self._readings[1 - _READINGS :], now]
        held = np.stack(self._readings)
        few = np.isfinite(held).sum(axis=0) < _OPEN
        second = np.sort(held, axis=0)[min(1, len(held) - 1)]  # NaN sorts last
        self.stays = np.where(few, np.nan, second).astype(np.float32)

    def _cut(self, picture: Picture) -> NDArray[np.uint8]:
        """(N, 3, 32, 32) the patches on the road."""
        windows = np.lib.stride_tricks.sliding_window_view(picture, (PATCH, PATCH), axis=(0, 1))
        return np.ascontiguousarray(windows[self._origins[:, 0] * CELL, self._origins[:, 1] * CELL])

    def _free(self, hidden: Mask) -> Mask:
        """(N,) patches that no box touches."""
        grid, side = self.ground.cells.grid(hidden), PATCH // CELL
        windows = np.lib.stride_tricks.sliding_window_view(grid, (side, side))
        free: Mask = ~windows[self._origins[:, 0], self._origins[:, 1]].any(axis=(1, 2))
        return free

    def _errors(self, squares: Floats) -> Floats:
        """(K,) of (N, 4, 4): the mean over the patches that hold a square."""
        total, count = np.zeros((2, *self.ground.cells.shape), np.float32)
        row, column = self._origins[:, 0], self._origins[:, 1]
        for y in range(squares.shape[1]):
            for x in range(squares.shape[2]):
                # No two patches have the same square at the same place of theirs.
                total[row + y, column + x] += squares[:, y, x]
                count[row + y, column + x] += 1
        mean = total / np.maximum(count, 1)
        return np.asarray(mean.ravel()[self.ground.cells.index], np.float32)

    def _around(self, worst: Floats) -> Floats:
        """The greatest of each patch and its eight neighbours on the road: a quarter of a minute is few readings."""
        grid = np.full(self.ground.cells.shape, np.nan, np.float32)
        grid.ravel()[self.ground.cells.index] = worst
        padded = np.pad(grid, 1, constant_values=np.nan)
        rows, columns = grid.shape
        most = grid
        for y in range(3):
            for x in range(3):
                most = np.fmax(most, padded[y : y + rows, x : x + columns])
        # What was never seen free in that time stays unknown, as for the memory.
        return np.where(np.isnan(worst), np.nan, most.ravel()[self.ground.cells.index]).astype(np.float32)


class Reconstruction:
    """Regions of a reader under some limits."""

    def __init__(self, reader: Reader, limits: Limits) -> None:
        self._reader, self._limits, self.ground = reader, limits, reader.ground
        self._since = np.zeros(len(reader.ground.cells), np.int64)

    def see(self, at: int) -> list[Unfamiliar]:
        """The regions of the frame that the reader has just taken."""
        if self._reader.worst is None:
            return []
        with np.errstate(invalid="ignore"):
            ratio = self._reader.stays / (self._limits.margin * self._reader.worst)
        ratio = np.nan_to_num(ratio, nan=0.0)
        odd = ratio >= 1
        # A reading is about the last ones, but for one that may differ.
        self._since = np.where(odd, np.where(self._since > 0, self._since, at - 2 * NS), 0)
        cells, found = self.ground.cells, []
        for part in parts(cells.grid(odd)):
            inside = part.ravel()[cells.index]
            if inside.sum() > 1 or ratio[inside].max() >= self._limits.alone:
                found.append(self.ground.unfamiliar(part, 1.0, int(self._since[inside].min())))
        return found
