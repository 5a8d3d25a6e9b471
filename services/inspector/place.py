"""Whether a box of the picture touches a lane."""

import cv2
import numpy as np

from shared.messages import Box
from shared.site import Zone

# Cells of the raster along each side. A zone is drawn with its outline, so that what only touches counts as well.
_CELLS = 512


class Place:
    """A zone as a raster of the picture.

    Example:
        >>> lane = Zone(id="lane-1", kind="lane", polygon=[(0, 0), (0.5, 0), (0.5, 1), (0, 1)])
        >>> Place(lane).touches((0.4, 0.4, 0.6, 0.6)), Place(lane).touches((0.6, 0.4, 0.8, 0.6))
        (True, False)
    """

    def __init__(self, zone: Zone) -> None:
        corners = np.array(zone.polygon)
        self._mask = np.zeros((_CELLS, _CELLS), np.uint8)
        points = np.floor(corners * _CELLS).clip(0, _CELLS - 1).astype(np.int32)
        cv2.fillPoly(self._mask, [points], 1)
        (x1, y1), (x2, y2) = corners.min(axis=0), corners.max(axis=0)
        self.box: Box = (float(x1), float(y1), float(x2), float(y2))

    def touches(self, box: Box) -> bool:
        """Whether the box and the zone have a cell in common."""
        x1, y1 = (int(np.floor(value * _CELLS)) for value in box[:2])
        x2, y2 = (int(np.ceil(value * _CELLS)) for value in box[2:])
        # A box without extent, or at the very edge, still lies in a cell.
        x1, y1 = min(x1, _CELLS - 1), min(y1, _CELLS - 1)
        return bool(self._mask[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)].any())
