"""Which zones an object stands in, by its ground point."""

import numpy as np

from shared.geometry import Floats, ground_points
from shared.site import Camera, Zone

# Of the picture; a zone that is drawn to the picture's edge ends this near to it, or nearer.
_EDGE = 0.01


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
        # What the picture's edge cuts off stands on it, which no polygon contains.
        x, y = ground_points(boxes).clip(_EDGE, 1 - _EDGE).T[..., None]
        crosses = (self._y1 > y) != (self._y2 > y)  # even-odd rule, as in `shared.geometry.inside_polygon`
        with np.errstate(invalid="ignore"):
            left = crosses & (x < self._x1 + (y - self._y1) * self._slope)
        member = np.add.reduceat(left, self._starts, axis=1, dtype=np.int64) % 2 == 1
        return [tuple(zone for zone, inside in zip(self._zones, row, strict=True) if inside) for row in member.tolist()]
