"""Vehicles as a few solids, in metres: x forward, y to the left, z up, the middle of the ground below at 0."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Colour = NDArray[np.float64]
Random = np.random.Generator
_GLASS, RUBBER = np.array((30.0, 36.0, 42.0)), np.array((22.0, 22.0, 24.0))


@dataclass(frozen=True, eq=False)
class Face:
    """A flat part. Attributes: points, (N, 3), counter-clockwise from outside; colour, RGB; whether light shades it."""

    points: Points
    colour: Colour
    shaded: bool = True


@dataclass(eq=False)
class Solid:
    """A vehicle. Attributes: label; faces in the order of drawing; footprint, (N, 2), and height for its shadow."""

    label: str
    length: float
    footprint: Points
    height: float
    faces: list[Face] = field(default_factory=list)

    def add(self, points: list[tuple[float, float, float]] | Points, colour: Colour, *, shaded: bool = True) -> None:
        """Add a face."""
        self.faces.append(Face(np.array(points, float), colour, shaded))

    def ring(self, low: Points, high: Points, colour: Colour, *, shaded: bool = True) -> None:
        """Add the sides between two outlines of as many points."""
        for index in range(len(low)):
            after = (index + 1) % len(low)
            self.add(np.stack([low[index], low[after], high[after], high[index]]), colour, shaded=shaded)

    def block(
        self, middle: tuple[float, float], size: tuple[float, float], z: tuple[float, float], colour: Colour
    ) -> None:
        """Add a box."""
        low = level(corners(middle, size), z[0])
        high = level(corners(middle, size), z[1])
        self.ring(low, high, colour)
        self.add(high, colour)


def paint_of(random: Random) -> Colour:
    """White, black, grey, silver, red or blue as on roads; at times any other."""
    kind = int(random.choice(6, p=[0.24, 0.18, 0.2, 0.1, 0.1, 0.18]))
    if kind == 5:
        return random.uniform(10, 225, 3)
    base = ((226, 228, 228), (28, 29, 31), (112, 115, 118), (170, 174, 177), (150, 24, 28))[kind]
    if kind == 4 and random.random() < 0.5:
        base = (34, 58, 122)
    return np.array(base, float) * float(random.uniform(0.8, 1.12)) + random.normal(0, 4, 3)


def glass_of(random: Random) -> Colour:
    """Dark, or lighter with the sky in it."""
    return _GLASS * float(random.uniform(0.5, 1.9)) + float(random.choice([0, 0, 25]))


def outline(length: float, width: float, front: float, rear: float) -> Points:
    """(N, 2): a rectangle with rounded ends; a larger exponent is squarer."""
    angle = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    cosine, sine = np.cos(angle), np.sin(angle)
    power = np.where(cosine > 0, front, rear)
    x = np.sign(cosine) * np.abs(cosine) ** (2 / power) * length / 2
    y = np.sign(sine) * np.abs(sine) ** (2 / np.maximum(power, 6)) * width / 2
    return np.stack([x, y], axis=1)


def level(outline: Points, z: float | Points) -> Points:
    """(N, 2) outline at a height, or at one per point: (N, 3)."""
    return np.column_stack([outline, np.broadcast_to(z, len(outline))])


def corners(middle: tuple[float, float], size: tuple[float, float]) -> Points:
    """(4, 2) of a rectangle along the axes, counter-clockwise from the front right."""
    square = np.array([(0.5, -0.5), (0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5)])
    return np.asarray(square * np.array(size) + middle, np.float64)
