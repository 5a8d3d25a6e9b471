"""A camera that looks straight or nearly straight down: metres above the ground to pixels."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Random = np.random.Generator
Points = NDArray[np.float64]
# Optics and codec do not draw edges as sharply as polygons have them.
_EDGE_PX = 1.0
_SIZES = ((1280, 720), (768, 432), (640, 384))


@dataclass(frozen=True, slots=True)
class DownwardView:
    """A pinhole camera; the picture's middle shows the ground's origin.

    Attributes:
        width, height: picture, pixels.
        focal: focal length, pixels.
        elevation: metres above the ground.
        tilt: radians from straight down towards +y, which is up in the picture.

    Example:
        >>> DownwardView(768, 432, 800.0, 10.0, 0.0).project(np.array([(1.0, 0.0, 0.0)])).tolist()
        [[464.0, 216.0]]
    """

    width: int
    height: int
    focal: float
    elevation: float
    tilt: float

    @classmethod
    def draw(cls, random: Random) -> "DownwardView":
        """A mast, a ceiling or a drone: a car is 24 to 380 px long."""
        width, height = _SIZES[int(random.integers(len(_SIZES)))]
        scale = float(np.exp(random.uniform(np.log(26), np.log(min(380, 0.85 * height))))) / 4.5
        focal = width * float(random.uniform(0.8, 1.7))
        elevation = max(focal / scale, 6.0)
        tilt = 0.0 if random.random() < 0.2 else float(random.uniform(0.0, 0.55))
        return cls(width, height, elevation * scale * np.cos(tilt), elevation, tilt)

    @property
    def scale(self) -> float:
        """Pixels per metre on the ground in the middle of the picture."""
        return float(self.focal * np.cos(self.tilt) / self.elevation)

    @property
    def eye(self) -> Points:
        """Where the camera is, metres."""
        return np.array([0.0, -self.elevation * np.tan(self.tilt), self.elevation])

    def project(self, points: Points) -> Points:
        """(N, 3) metres to (N, 2) pixels."""
        sine, cosine = np.sin(self.tilt), np.cos(self.tilt)
        away = points - self.eye
        depth = away @ np.array([0.0, sine, -cosine])
        down = away @ np.array([0.0, -cosine, -sine])
        seen = np.stack([away[:, 0], down], axis=1) * (self.focal / depth)[:, None]
        return np.asarray(seen + np.array((self.width / 2, self.height / 2)), np.float64)

    def ground(self, pixels: Points) -> Points:
        """(N, 2) pixels to the (N, 2) metres on the ground that they show."""
        sine, cosine = np.sin(self.tilt), np.cos(self.tilt)
        right, down = ((pixels - [self.width / 2, self.height / 2]) / self.focal).T
        ray = np.stack([right, sine - down * cosine, -cosine - down * sine], axis=1)
        return (self.eye + ray * (-self.elevation / ray[:, 2])[:, None])[:, :2]

    def flat(self, points: Points) -> Points:
        """(N, 2) metres on the ground to (N, 2) pixels."""
        return self.project(np.column_stack([points, np.zeros(len(points))]))

    def corners(self) -> Points:
        """(4, 2) metres: what the picture's corners show."""
        w, h = self.width, self.height
        return self.ground(np.array([(0, 0), (w, 0), (w, h), (0, h)], float))


def turned(points: Points, angle: float, at: Points | tuple[float, float] = (0.0, 0.0)) -> Points:
    """(N, 2 or 3) points turned about the vertical axis, then moved to `at`."""
    sine, cosine = np.sin(angle), np.cos(angle)
    moved = np.array(points, float)
    moved[:, 0] = cosine * points[:, 0] - sine * points[:, 1] + at[0]
    moved[:, 1] = sine * points[:, 0] + cosine * points[:, 1] + at[1]
    return moved


def smooth(random: Random, shape: tuple[int, int], cell: float) -> NDArray[np.float32]:
    """Noise of unit spread that changes over about `cell` pixels: (H, W)."""

    size = max(2, round(shape[1] / cell) + 1), max(2, round(shape[0] / cell) + 1)
    small = random.standard_normal(size[::-1], np.float32)
    return np.asarray(cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)
