"""Boxes and polygons, vectorised. Coordinates are normalised 0..1, x right, y down, unless said otherwise."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def ground_points(boxes: Floats) -> Floats:
    """The middle of each box's lower edge, where the object stands.

    Args:
        boxes: (N, 4) as x1, y1, x2, y2.

    Returns:
        (N, 2).
    """
    return np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]], axis=1)


def inside_polygon(points: Floats, polygon: Floats) -> NDArray[np.bool_]:
    """Even-odd test of each point.

    Args:
        points: (N, 2).
        polygon: (M, 2), M >= 3, closed implicitly.

    Returns:
        (N,) booleans; a point on an edge may fall on either side.
    """
    x, y = points[:, 0, None], points[:, 1, None]
    x1, y1 = polygon[:, 0], polygon[:, 1]
    x2, y2 = np.roll(x1, -1), np.roll(y1, -1)
    crosses = (y1 > y) != (y2 > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        at_x = x1 + (y - y1) * (x2 - x1) / (y2 - y1)
    hits: NDArray[np.bool_] = (crosses & (x < at_x)).sum(axis=1) % 2 == 1
    return hits


def iou(a: Floats, b: Floats) -> Floats:
    """Intersection over union of every box of `a` (N, 4) with every one of `b` (M, 4): (N, M)."""
    inter = intersection(a, b)
    total = area(a)[:, None] + area(b)[None, :] - inter
    return np.divide(inter, total, out=np.zeros_like(inter), where=total > 0)


def intersection(a: Floats, b: Floats) -> Floats:
    """Common area of every box of `a` (N, 4) with every one of `b` (M, 4): (N, M)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.maximum(high - low, 0)
    product: Floats = sides[..., 0] * sides[..., 1]
    return product


def area(boxes: Floats) -> Floats:
    """Area of each box (N, 4): (N,)."""
    product: Floats = np.maximum(boxes[:, 2] - boxes[:, 0], 0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0)
    return product


def polygon_area(polygon: Floats) -> float:
    """Area of a simple polygon (M, 2) by the shoelace formula."""
    x, y = polygon[:, 0], polygon[:, 1]
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def is_simple_polygon(polygon: Floats) -> bool:
    """Whether no two edges that are not neighbours cross."""
    n = len(polygon)
    following = np.roll(polygon, -1, axis=0)
    for i in range(n):
        for j in range(i + 2, n):
            if i == 0 and j == n - 1:
                continue
            if _segments_cross(polygon[i], following[i], polygon[j], following[j]):
                return False
    return True


def _segments_cross(a: Floats, b: Floats, c: Floats, d: Floats) -> bool:
    def side(p: Floats, q: Floats, r: Floats) -> float:
        return float((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]))

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0
