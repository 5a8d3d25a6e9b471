"""The road of a calibrated camera as a plane: picture points (0..1) to metres and back, by a homography."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.geometry import Floats

# Beyond this many times the depth of the farthest calibration point a pixel spans so much road that metres
# mean nothing; the horizon itself is infinitely deep.
_DEPTHS = 4.0


class RoadPlane:
    """Metres on the ground, by least squares over all given pairs of points.

    Points at or above the horizon, and so far beyond the calibrated part that a pixel spans metres, have no place
    on the road: NaN.

    Raises:
        ValueError: the points determine no plane (three of four on one line), or lie on both sides of its horizon.

    Example:
        >>> plane = RoadPlane([(0, 0), (1, 0), (1, 1), (0, 1)], [(0, 10), (8, 10), (8, 0), (0, 0)])
        >>> plane.distance(np.array([[0.5, 1.0]]), np.array([[0.5, 0.5]])).round(3).tolist()
        [5.0]
    """

    def __init__(self, pixels: Sequence[tuple[float, float]], metres: Sequence[tuple[float, float]]) -> None:
        self._pixels, self._metres = np.array(pixels, np.float64), np.array(metres, np.float64)
        # Normalised to the middle and spread of the points, as Hartley (PAMI 1997) advises: metres may be map
        # coordinates of seven digits.
        self._middle = self._metres.mean(axis=0)
        self._spread = float(np.abs(self._metres - self._middle).max()) or 1.0
        found, _ = cv2.findHomography(self._pixels, (self._metres - self._middle) / self._spread)
        matrix = None if found is None else np.asarray(found, np.float64)
        if matrix is None or not np.isfinite(matrix).all() or np.linalg.cond(matrix) > 1e8:
            raise ValueError("the points determine no plane; no three of four may lie on one line")
        depths = self._homogeneous(self._pixels) @ matrix[2]
        if depths.min() * depths.max() <= 0:
            raise ValueError("the points lie on both sides of the horizon; check their order and signs")
        self._matrix: NDArray[np.float64] = matrix / (np.sign(depths[0]) * np.abs(depths).max())
        depths = np.abs(depths) / np.abs(depths).max()
        self._least = float(depths.min()) / _DEPTHS
        if self.worst_error_m > 10 * self._spread:
            raise ValueError("the points determine no plane; no three of four may lie on one line")

    def metres(self, points: Floats) -> Floats:
        """(N, 2) picture points to (N, 2) metres; NaN where the point is not on the calibrated road."""
        mapped = self._homogeneous(points) @ self._matrix.T
        depth = mapped[:, 2:]
        with np.errstate(divide="ignore", invalid="ignore"):
            places = np.where(depth >= self._least, mapped[:, :2] / depth, np.nan)
        return np.asarray(places * self._spread + self._middle, np.float64)

    def distance(self, start: Floats, end: Floats) -> Floats:
        """Metres between picture points (N, 2) and (N, 2), pairwise: (N,); NaN where either is not on the road."""
        steps = self.metres(end) - self.metres(start)
        return np.asarray(np.hypot(steps[:, 0], steps[:, 1]), np.float64)

    def picture(self, metres: Floats) -> Floats:
        """(N, 2) metres to (N, 2) picture points, which may lie outside 0..1; NaN behind the horizon."""
        back = np.linalg.inv(self._matrix)
        mapped = self._homogeneous((metres - self._middle) / self._spread) @ back.T
        with np.errstate(divide="ignore", invalid="ignore"):
            points = mapped[:, :2] / mapped[:, 2:]
            depths = self._homogeneous(points) @ self._matrix[2]
        return np.asarray(np.where((depths >= self._least)[:, None], points, np.nan), np.float64)

    def horizon(self) -> tuple[float, float, float]:
        """The line a·x + b·y + c = 0 (0..1) beyond which nothing is on the road; positive on the road's side."""
        a, b, c = self._matrix[2].tolist()
        return a, b, c

    @property
    def errors_m(self) -> Floats:
        """How far each given point lies from where the plane puts it, metres (N,); 0 with four points."""
        mapped = self._homogeneous(self._pixels) @ self._matrix.T
        off = mapped[:, :2] / mapped[:, 2:] * self._spread + self._middle - self._metres
        return np.asarray(np.hypot(off[:, 0], off[:, 1]), np.float64)

    @property
    def error_m(self) -> float:
        """Root of the mean squared error over the given points, metres."""
        return float(np.sqrt(np.mean(self.errors_m**2)))

    @property
    def worst_error_m(self) -> float:
        """Largest error of a given point, metres."""
        return float(self.errors_m.max())

    @property
    def extent(self) -> tuple[Floats, Floats]:
        """Least and greatest metres of the given points, (2,) each."""
        return self._metres.min(axis=0), self._metres.max(axis=0)

    @staticmethod
    def _homogeneous(points: Floats) -> Floats:
        return np.column_stack([points, np.ones(len(points))])
