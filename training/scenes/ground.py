"""A camera that looks along a straight, flat road: metres on the ground to pixels."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GroundCamera:
    """A pinhole camera above the middle of the road; its pitch is folded into the horizon's row.

    Attributes:
        width, height: picture, pixels.
        focal: focal length, pixels.
        horizon: row of the horizon, pixels from the top.
        elevation: height above the road, metres.

    Example:
        >>> GroundCamera().project(0.0, 20.0)
        (640.0, 610.0)
    """

    width: int = 1280
    height: int = 720
    focal: float = 1100.0
    horizon: float = 170.0
    elevation: float = 8.0

    def project(self, x: float, z: float) -> tuple[float, float]:
        """Column and row of the ground point `x` metres to the right and `z` metres ahead."""
        return self.width / 2 + self.focal * x / z, self.horizon + self.focal * self.elevation / z

    def pixels_per_metre(self, z: float) -> float:
        """Scale of what stands `z` metres ahead."""
        return self.focal / z

    def distance_of_row(self, row: float) -> float:
        """Metres ahead of the ground seen in a row below the horizon."""
        return self.focal * self.elevation / (row - self.horizon)

    def normalised(self, x: float, z: float) -> tuple[float, float]:
        """`project` in 0..1 of the picture, clipped to it."""
        u, v = self.project(x, z)
        return min(max(u / self.width, 0.0), 1.0), min(max(v / self.height, 0.0), 1.0)
