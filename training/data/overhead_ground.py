"""Generated ground as a camera above it sees it: roads, parking places, yards; each with places for vehicles."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.drawn import stain
from training.data.overhead_view import DownwardView, Points, Random, smooth, turned
from training.scenes.canvas import Picture

Mask = NDArray[np.float32]
_WHITE, _YELLOW = (222.0, 222.0, 216.0), (206.0, 168.0, 62.0)


@dataclass(frozen=True, eq=False)
class Ground:
    """Attributes: picture, (H, W, 3) uint8 RGB; places, (N, 3) x, y in metres and heading in radians, may be none."""

    picture: Picture
    places: Points


def ground(random: Random, view: DownwardView) -> Ground:
    """An empty place with the places where vehicles would be."""
    angle = float(random.choice([0.0, np.pi / 2])) if random.random() < 0.5 else float(random.uniform(0, np.pi))
    corners = turned(view.corners(), -angle)
    low, high = corners.min(axis=0), corners.max(axis=0)
    paint = _Paint(random, view, angle, low, high)
    kind = str(random.choice(["road", "bays", "yard"], p=[0.35, 0.35, 0.3]))
    places = {"road": _road, "bays": _bays, "yard": _yard}[kind](paint)
    paint.wear()
    _marks_of_use(random, view, paint.picture)
    places[:, :2] = turned(places[:, :2], angle)
    places[:, 2] += angle
    return Ground(_light(random, paint.picture), places)


class _Paint:
    """Ground in the making: `low` and `high` bound, in metres along and across `angle`, what the picture shows."""

    def __init__(self, random: Random, view: DownwardView, angle: float, low: Points, high: Points) -> None:
        self.random, self._view, self._angle, self.low, self.high = random, view, angle, low, high
        tint = random.normal(0, 3, 3)
        self.picture = self.texture(np.full(3, float(random.uniform(34, 165))) + tint, float(random.uniform(2, 9)))
        self._marks = np.zeros(self.picture.shape[:2], np.uint8)
        self._colour = _YELLOW if random.random() < 0.15 else _WHITE

    def texture(self, colour: NDArray[np.float64], grain: float) -> Picture:
        """A surface as large as the picture."""
        random, shape = self.random, (self._view.height, self._view.width)
        fine = cv2.GaussianBlur(random.standard_normal(shape, np.float32), (0, 0), float(random.uniform(0.5, 1.3)))
        rough = 0.5 * smooth(random, shape, 8) + 0.6 * smooth(random, shape, 40) + 0.9 * smooth(random, shape, 260)
        field = colour.astype(np.float32) + (grain * (1.6 * fine + rough))[..., None]
        return np.asarray(np.clip(field, 0, 255), np.uint8)

    def outline(self, points: Points) -> NDArray[np.int32]:
        """(N, 2) metres along and across to pixels with four more binary digits."""
        return (self._view.flat(turned(points, self._angle)) * 16).round().astype(np.int32)

    def area(self, points: Points, surface: Picture) -> None:
        """Cover a part with another surface."""
        mask = np.zeros(self.picture.shape[:2], np.uint8)
        cv2.fillPoly(mask, [self.outline(points)], 255, cv2.LINE_AA, 4)
        weight = mask[..., None] / np.float32(255)
        self.picture = (surface * weight + self.picture * (1 - weight)).astype(np.uint8)

    def mark(self, points: Points) -> None:
        """A painted mark with this outline."""
        cv2.fillPoly(self._marks, [self.outline(points)], 255, cv2.LINE_AA, 4)

    def bar(self, left: float, bottom: float, right: float, top: float) -> None:
        """A painted bar along the axes."""
        self.mark(np.array([(left, bottom), (right, bottom), (right, top), (left, top)]))

    def wear(self) -> None:
        """Lay the marks on the ground, as worn as they are."""
        worn = smooth(self.random, (self._view.height, self._view.width), 14) * 0.18 + float(
            self.random.uniform(0.45, 1.0)
        )
        weight = (self._marks / np.float32(255) * np.clip(worn, 0, 0.97))[..., None]
        colour = np.array(self._colour, np.float32) * float(self.random.uniform(0.75, 1.05))
        self.picture = (colour * weight + self.picture * (1 - weight)).clip(0, 255).astype(np.uint8)


def _road(paint: _Paint) -> Points:
    random, low, high = paint.random, paint.low, paint.high
    lanes, width = int(random.integers(1, 7)), float(random.uniform(3.0, 3.8))
    middle = float(random.uniform(0.3, 0.7)) * (high[1] - low[1]) + low[1]
    begin = middle - lanes * width / 2
    end = begin + lanes * width
    shoulder = float(random.uniform(0.3, 3.0))
    for edge, beyond in ((begin - shoulder, low[1] - 9), (end + shoulder, high[1] + 9)):
        if (beyond - edge) * (beyond - begin) > 0:
            _verge(paint, edge, beyond)
    mark, gap = float(random.uniform(2, 6)), float(random.uniform(3, 12))
    for lane in range(lanes + 1):
        y, half = begin + lane * width, float(random.uniform(0.06, 0.12))
        if lane in (0, lanes) or random.random() < 0.2:
            paint.bar(low[0] - 5, y - half, high[0] + 5, y + half)
        else:
            for x in np.arange(low[0] - float(random.uniform(0, 9)), high[0], mark + gap):
                paint.bar(x, y - half, x + mark, y + half)
    oncoming = int(random.integers(0, lanes + 1))
    rows = []
    for lane in range(lanes):
        x = low[0] + float(random.uniform(0, 8))
        while x < high[0]:
            heading = np.pi * (lane < oncoming) + float(random.normal(0, 0.04))
            rows.append((x, begin + (lane + 0.5) * width + float(random.normal(0, 0.25)), heading))
            x += float(random.uniform(6, 22))
    return np.array(rows, float).reshape(-1, 3)


def _verge(paint: _Paint, edge: float, beyond: float) -> None:
    random = paint.random
    colour = np.array(((84, 104, 56), (112, 104, 82), (140, 138, 132), (60, 78, 44))[int(random.integers(4))], float)
    strip = np.array([(-1, edge), (1, edge), (1, beyond), (-1, beyond)])
    strip[:, 0] = [paint.low[0] - 9, paint.high[0] + 9, paint.high[0] + 9, paint.low[0] - 9]
    paint.area(strip, paint.texture(colour * float(random.uniform(0.7, 1.2)), float(random.uniform(6, 16))))
    if random.random() < 0.5:
        side = 0.15 if beyond > edge else -0.15
        paint.area(strip * [1, 0] + [0, edge] + np.array([(0, 0), (0, 0), (0, side), (0, side)]),
                   paint.texture(np.full(3, float(random.uniform(120, 190))), 3.0))  # fmt: skip


def _bays(paint: _Paint) -> Points:
    random, low, high = paint.random, paint.low, paint.high
    wide, deep, aisle = (float(random.uniform(*part)) for part in ((2.35, 2.9), (4.8, 5.6), (5.5, 7.5)))
    half, lean = float(random.uniform(0.04, 0.08)), float(random.choice([0.0, 0.0, 1.2]))
    drawn, back_line = random.random() < 0.9, random.random() < 0.4
    rows = []
    y = low[1] - float(random.uniform(0, deep + aisle))
    while y < high[1]:
        for side in (0, 1):
            base = y + side * deep
            first = low[0] - float(random.uniform(0, wide)) - 2
            for x in np.arange(first, high[0] + 2, wide):
                shift = lean * (1 - 2 * side)
                ends = np.array([(x - half, base), (x + half, base), (x + half + shift, base + deep),
                                 (x - half + shift, base + deep)])  # fmt: skip
                if drawn:
                    paint.mark(ends)
                heading = np.arctan2(deep, shift) + np.pi * (random.random() < 0.5) + float(random.normal(0, 0.03))
                rows.append((x + (wide + shift) / 2, base + deep / 2 + float(random.normal(0, 0.2)), heading))
        if back_line:
            paint.bar(low[0] - 5, y + deep - half, high[0] + 5, y + deep + half)
        middle = y + 2 * deep + aisle / 2
        for x in np.arange(low[0] + float(random.uniform(0, 9)), high[0], float(random.uniform(9, 25))):
            rows.append((x, middle + float(random.normal(0, 0.8)), np.pi * (random.random() < 0.5)))
        y += 2 * deep + aisle
    return np.array(rows, float).reshape(-1, 3)


def _yard(paint: _Paint) -> Points:
    random, low, high = paint.random, paint.low, paint.high
    for _ in range(int(random.integers(0, 5))):
        at, turn = random.uniform(low, high), float(random.uniform(0, np.pi))
        long, half = float(random.uniform(1, 12)), float(random.uniform(0.05, 0.3))
        shape = np.array([(0, -half), (long, -half), (long, half), (0, half)])
        if random.random() < 0.3:
            shape = np.array([(0, -0.08), (2, -0.08), (2, -0.3), (3.2, 0), (2, 0.3), (2, 0.08), (0, 0.08)])
        paint.mark(turned(shape, turn, at))
    if random.random() < 0.3:
        _verge(paint, float(random.uniform(low[1], high[1])), float(random.choice([low[1] - 9, high[1] + 9])))
    if random.random() < 0.3:  # slabs of concrete
        side = float(random.uniform(3, 7))
        for x in np.arange(low[0], high[0], side):
            paint.area(
                np.array([(x, low[1]), (x + 0.05, low[1]), (x + 0.05, high[1]), (x, high[1])]), paint.picture // 2
            )
        for y in np.arange(low[1], high[1], side):
            paint.area(
                np.array([(low[0], y), (low[0], y + 0.05), (high[0], y + 0.05), (high[0], y)]), paint.picture // 2
            )
    count = 24
    return np.column_stack([random.uniform(low, high, (count, 2)), random.uniform(0, 2 * np.pi, count)])


def _marks_of_use(random: Random, view: DownwardView, picture: Picture) -> None:
    """Stains, specks, cracks, covers of drains: drawn in place."""
    height, width = picture.shape[:2]
    for _ in range(int(random.integers(0, 7))):
        size = view.scale * float(random.uniform(0.3, 1.5))
        stain(random, picture, float(random.uniform(0, width)), float(random.uniform(0, height)), size)
    specks = random.integers(0, [width, height], (int(random.integers(0, 160)), 2))
    picture[specks[:, 1], specks[:, 0]] = random.integers(60, 235, (len(specks), 1))
    for _ in range(int(random.integers(0, 4))):
        heading = float(random.uniform(0, 2 * np.pi)) + random.normal(0, 0.35, 24).cumsum()
        steps = np.stack([np.cos(heading), np.sin(heading)], axis=1).cumsum(axis=0) * view.scale * 0.35
        line = (steps + random.uniform(0, [width, height])).round().astype(np.int32)
        shade = picture[min(max(line[0, 1], 0), height - 1), min(max(line[0, 0], 0), width - 1)] * 0.6
        cv2.polylines(picture, [line], False, shade.tolist(), max(1, round(view.scale * 0.04)), cv2.LINE_AA)
    for _ in range(int(random.integers(0, 3))):
        at = tuple(int(v) for v in random.uniform(0, [width, height]))
        grey = float(random.uniform(30, 110))
        cv2.circle(picture, at, max(1, round(view.scale * 0.32)), (grey, grey, grey), -1, cv2.LINE_AA)


def _light(random: Random, picture: Picture) -> Picture:
    """Uneven light, a darker rim, at times the shadow of a building or a tree."""
    shape = picture.shape[:2]
    field = 1 + float(random.uniform(0, 0.1)) * smooth(random, shape, shape[1] / 2.5)
    if random.random() < 0.4:
        rows, columns = np.indices(shape, np.float32)
        reach = np.hypot(columns / shape[1] - 0.5, rows / shape[0] - 0.5)
        field *= 1 - float(random.uniform(0.1, 0.6)) * reach**2
    if random.random() < 0.3:
        shadow = np.zeros(shape, np.float32)
        if random.random() < 0.6:
            middle, turn = random.uniform(0, shape[::-1]), float(random.uniform(0, 2 * np.pi))
            edge = np.array([(-3000, 0), (3000, 0), (3000, 3000), (-3000, 3000)], float)
            cv2.fillPoly(shadow, [turned(edge, turn, middle).round().astype(np.int32)], 1.0)
        else:
            for _ in range(9):
                at = random.uniform(0, shape[::-1]).astype(int).tolist()
                cv2.circle(shadow, at, int(random.uniform(0.03, 0.14) * shape[1]), 1.0, -1)
        field *= 1 - float(random.uniform(0.2, 0.55)) * cv2.GaussianBlur(shadow, (0, 0), float(random.uniform(1, 12)))
    return np.clip(picture * field[..., None], 0, 255).astype(np.uint8)
