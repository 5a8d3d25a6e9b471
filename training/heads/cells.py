"""The grid of a head with boxes on pictures of any size: the same in training as in the detector."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.detector.heads.boxes import GridPlace
from services.detector.heads.panel import Part, seen_part
from services.detector.letterbox import Letterbox


@dataclass(frozen=True, slots=True)
class Cells:
    """The grid that a head has on pictures of any size.

    Attributes:
        imgsz: longer side of the input, pixels.
        side: of a cell, pixels of the input; what the detector's coarsest map for heads has, times the head's step.
        stride: the input's sides are multiples of it.
    """

    imgsz: int
    side: int
    stride: int = 32

    def seen(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What the grid covers of an (H, W, 3) picture, at the size of the input."""
        letterbox = Letterbox.fit(pixels.shape[1], pixels.shape[0], self.imgsz, self.stride)
        x1, y1, x2, y2 = self._part(letterbox)
        return letterbox.placed(pixels)[y1:y2, x1:x2]

    def on(self, width: int, height: int) -> GridPlace:
        """The grid on a picture of this size, pixels."""
        letterbox = Letterbox.fit(width, height, self.imgsz, self.stride)
        part = self._part(letterbox)
        rows, columns = (part[3] - part[1]) // self.side, (part[2] - part[0]) // self.side
        return GridPlace(part, letterbox.inner, rows, columns)

    def _part(self, letterbox: Letterbox) -> Part:
        return seen_part(letterbox.inner, letterbox.shape, [letterbox.height // self.side])
