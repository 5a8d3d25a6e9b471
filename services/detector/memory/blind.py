"""Patches on which nothing can be seen, because they are white or black: glare on a wet road, a lamp in the lens, the
dark beyond the headlights. They look the same whatever lies there, so nobody can say that nothing does."""

import cv2
import numpy as np

from services.detector.memory.cells import Cells, pixels_of
from services.detector.memory.light import Luma
from services.detector.memory.road import Mask

# Mean grey levels of a patch. A dark thing on white, or a lit one on black, brings it within them.
_BLACK, _WHITE = 6, 249


def blind(luma: Luma, cells: Cells) -> Mask:
    """(K,) those of a picture, (H, W) uint8 of the model's input."""
    window, place = cells.window
    rows, columns = window
    size = columns.stop - columns.start, rows.stop - rows.start
    means = cv2.resize(luma[pixels_of(window)], size, interpolation=cv2.INTER_AREA).ravel()[place]
    return np.asarray((means <= _BLACK) | (means >= _WHITE))
