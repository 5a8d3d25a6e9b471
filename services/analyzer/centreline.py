"""Which way a zone runs at each of its points: roads bend, and one direction for a whole zone is true in its middle."""

import math

import numpy as np

from services.analyzer.scene import Point
from shared.geometry import Floats
from shared.site import Zone

# Fine enough for the far end of a bend, which lies within a few per cent of a zone's length in the picture.
_SLICES = 65
PLACES = _SLICES - 1
"""A zone's length is divided into so many places."""
# The ends of a polygon are cut across, often askew. Where in this outer share of the length a side turns by more than
# this from one slice to the next, the zone ends; roads do not turn like that.
_OUTER = 0.25
_CUT = math.radians(40)
# A bend is drawn with corners; the road turns evenly. The mean over so many slices before and after rounds them off.
_SMOOTH = 4


class Centreline:
    """The middle of a polygon along an axis, by slices across it."""

    def __init__(self, polygon: Floats, axis: Point) -> None:
        """
        Args:
            polygon: (M, 2), in picture heights.
            axis: the zone's direction as a whole, of any length.
        """
        length = math.hypot(*axis)
        self._axis = (axis[0] / length, axis[1] / length)
        along, across = polygon @ self._axis, polygon @ (-self._axis[1], self._axis[0])
        margin = 0.005 * float(np.ptp(along))
        self._first = float(along.min()) + margin
        cuts = np.linspace(self._first, float(along.max()) - margin, _SLICES)
        self._step = max(float(cuts[1] - cuts[0]), 1e-9)
        s, c, s_next, c_next = along, across, np.roll(along, -1), np.roll(across, -1)
        crossed = (s[None] > cuts[:, None]) != (s_next[None] > cuts[:, None])
        with np.errstate(divide="ignore", invalid="ignore"):
            at = c + (cuts[:, None] - s) * (c_next - c) / (s_next - s)
        sides = np.where(crossed, at, np.inf).min(axis=1), np.where(crossed, at, -np.inf).max(axis=1)
        self._widths: list[float] = (sides[1] - sides[0]).tolist()
        # Between two slices each side has a slope; the middle has their mean.
        low, high = (_without_ends(np.arctan(np.diff(side) / self._step)) for side in sides)
        self._slopes: list[float] = _smooth((np.tan(low) + np.tan(high)) / 2).round(9).tolist()

    def tangent(self, point: Point) -> Point:
        """Unit vector of the zone's run at a point (picture heights); beyond the ends that of the end."""
        slope = self._slopes[self.place(point)]
        x, y = self._axis[0] - slope * self._axis[1], self._axis[1] + slope * self._axis[0]
        length = math.hypot(x, y)
        return x / length, y / length

    def width(self, point: Point) -> float:
        """How wide the zone is across its axis at a point, in picture heights."""
        return self._widths[self.place(point)]

    def place(self, point: Point) -> int:
        """Where along the zone a point lies, 0 to `PLACES` - 1, along the axis; beyond an end that of the end."""
        s = point[0] * self._axis[0] + point[1] * self._axis[1]
        return min(max(math.floor((s - self._first) / self._step), 0), PLACES - 1)


def _smooth(values: Floats) -> Floats:
    padded = np.pad(values, _SMOOTH, mode="edge")
    return np.convolve(padded, np.full(2 * _SMOOTH + 1, 1 / (2 * _SMOOTH + 1)), mode="valid")


def _without_ends(angles: Floats) -> Floats:
    """Angles of one side, slice by slice, with those at the zone's ends replaced by the last ones before."""
    result, outer = angles.copy(), round(_OUTER * len(angles))
    first, last = range(outer - 1, -1, -1), range(len(angles) - outer, len(angles))
    for before, outwards in ((outer, first), (len(angles) - outer - 1, last)):
        for index in outwards:
            if abs(result[index] - result[before]) > _CUT:
                result[index] = result[before]
            before = index
    return result


class Runs:
    """The centrelines of a camera's zones, each made when it is first asked for."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, float], Centreline] = {}

    def tangent(self, zone: Zone, aspect: float, point: Point) -> Point:
        """Unit vector of a zone's run at a point, in picture heights; without a `direction` either way."""
        return self._line(zone, aspect).tangent(point)

    def width(self, zone: Zone, aspect: float, point: Point) -> float:
        """How wide a zone is at a point, in picture heights."""
        return self._line(zone, aspect).width(point)

    def place(self, zone: Zone, aspect: float, point: Point) -> int:
        """Where along the zone a point lies, 0 to `PLACES` - 1."""
        return self._line(zone, aspect).place(point)

    def _line(self, zone: Zone, aspect: float) -> Centreline:
        line = self._lines.get((zone.id, aspect))
        if line is None:
            # The site gives positions and directions in normalised coordinates.
            polygon = np.array(zone.polygon) * (aspect, 1.0)
            axis = zone.direction or np.linalg.svd(polygon - polygon.mean(axis=0))[2][0] / (aspect, 1.0)
            line = Centreline(polygon, (float(axis[0]) * aspect, float(axis[1])))
            self._lines[zone.id, aspect] = line
        return line
