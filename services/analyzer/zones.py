"""Which zones an object stands in, by its ground point; and speeds on the road of a calibrated camera."""

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.geometry import Floats, ground_points, inside_polygon
from shared.site import Camera, Ground, Zone


class ZoneMap:
    """The zones of one camera.

    Example:
        >>> zone = Zone(id="lane-1", kind="lane", polygon=[(0, 0), (1, 0), (1, 1), (0, 1)])
        >>> camera = Camera(id="c", source="clip.mp4", zones=[zone])
        >>> [[z.id for z in row] for row in ZoneMap(camera).of(np.array([[0.4, 0.4, 0.6, 0.6]]))]
        [['lane-1']]
    """

    def __init__(self, camera: Camera) -> None:
        self._zones = [(zone, np.array(zone.polygon)) for zone in camera.zones]

    def of(self, boxes: Floats) -> list[tuple[Zone, ...]]:
        """Zones per box, in the site's order.

        Args:
            boxes: (N, 4) normalised 0..1.
        """
        if not len(boxes) or not self._zones:
            return [()] * len(boxes)
        points = ground_points(boxes)
        member = np.stack([inside_polygon(points, polygon) for _, polygon in self._zones])
        return [tuple(self._zones[i][0] for i in np.flatnonzero(column)) for column in member.T]


class RoadPlane:
    """From picture points (0..1) to metres on the ground, by the homography of the site's `ground:` points."""

    def __init__(self, ground: Ground) -> None:
        matrix, _ = cv2.findHomography(np.array(ground.pixels), np.array(ground.metres))
        self._matrix: NDArray[np.float64] = np.asarray(matrix, np.float64)

    def metres(self, points: Floats) -> Floats:
        """(N, 2) picture points to (N, 2) metres."""
        mapped = np.column_stack([points, np.ones(len(points))]) @ self._matrix.T
        return np.asarray(mapped[:, :2] / mapped[:, 2:])
