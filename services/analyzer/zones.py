"""Which zones an object stands in, by its ground point; and speeds on the road of a calibrated camera."""

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.geometry import Floats, ground_points
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
        self._zones = camera.zones
        # The edges of all zones in one row, so that a frame costs one test and not one per zone.
        polygons = [np.array(zone.polygon) for zone in camera.zones]
        self._starts = np.cumsum([0] + [len(polygon) for polygon in polygons])[:-1]
        if polygons:
            self._x1, self._y1 = np.concatenate(polygons).T
            self._x2, self._y2 = np.concatenate([np.roll(polygon, -1, axis=0) for polygon in polygons]).T
            with np.errstate(divide="ignore", invalid="ignore"):
                self._slope = (self._x2 - self._x1) / (self._y2 - self._y1)

    def of(self, boxes: Floats) -> list[tuple[Zone, ...]]:
        """Zones per box, in the site's order.

        Args:
            boxes: (N, 4) normalised 0..1.
        """
        if not len(boxes) or not self._zones:
            return [()] * len(boxes)
        x, y = ground_points(boxes).T[..., None]
        crosses = (self._y1 > y) != (self._y2 > y)  # even-odd rule, as in `shared.geometry.inside_polygon`
        with np.errstate(invalid="ignore"):
            left = crosses & (x < self._x1 + (y - self._y1) * self._slope)
        member = np.add.reduceat(left, self._starts, axis=1, dtype=np.int64) % 2 == 1
        return [tuple(zone for zone, inside in zip(self._zones, row, strict=True) if inside) for row in member.tolist()]


class RoadPlane:
    """From picture points (0..1) to metres on the ground, by the homography of the site's `ground:` points."""

    def __init__(self, ground: Ground) -> None:
        matrix, _ = cv2.findHomography(np.array(ground.pixels), np.array(ground.metres))
        self._matrix: NDArray[np.float64] = np.asarray(matrix, np.float64)

    def metres(self, points: Floats) -> Floats:
        """(N, 2) picture points to (N, 2) metres."""
        mapped = np.column_stack([points, np.ones(len(points))]) @ self._matrix.T
        return np.asarray(mapped[:, :2] / mapped[:, 2:])
