"""Where scenes play: an empty picture, its lanes, and the scale of what stands on them."""

from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.site import Camera, Site, Zone
from training.scenes.canvas import Picture
from training.scenes.footage import empty_road
from training.scenes.roads import FOCAL, road

_CLIPS = Path(__file__).resolve().parents[3] / "shared" / "clips"
HIGHWAY, PARKING = _CLIPS / "highway.mp4", _CLIPS / "parking-overhead.mp4"

# The lane lines of highway.mp4, read off its empty picture: (column, row) from near to far.
_HIGHWAY_LINES = (
    ((138, 720), (270, 560), (333, 480), (397, 400), (452, 340), (497, 300), (535, 270), (580, 240), (625, 215)),
    ((428, 720), (462, 560), (484, 460), (502, 400), (516, 362), (530, 328), (550, 285), (580, 250), (660, 210)),
    ((695, 720), (654, 560), (630, 460), (620, 400), (616, 360), (620, 330), (622, 283), (640, 240), (690, 210)),
    ((970, 720), (870, 575), (800, 470), (755, 400), (715, 330), (690, 285), (682, 250), (700, 225), (740, 205)),
)


@dataclass(frozen=True, eq=False)
class Place:
    """A fixed camera over lanes.

    Attributes:
        plate: (H, W, 3) uint8 RGB, the empty place.
        horizon: row at which the scale is zero; `elevation` metres of camera height set how it grows below.
        lines: (H, lanes + 1) column of each lane line per row.
        far: the farthest row that is used.
        watched: the zones begin at this row, which may be nearer; None for `far`.
        away: lanes whose traffic drives away from the camera.
        directed: whether the zones have a direction; cars cross a parking place as they like.
    """

    name: str
    plate: Picture
    horizon: float
    elevation: float
    lines: NDArray[np.float64]
    far: int
    watched: int | None = None
    away: frozenset[int] = frozenset()
    directed: bool = True

    @property
    def lanes(self) -> int:
        """How many lanes there are."""
        return int(self.lines.shape[1]) - 1

    def scale_of_row(self, row: float) -> float:
        """Pixels per metre of what stands in this row."""
        return max(row - self.horizon, 1.0) / self.elevation

    def row_of(self, z: float) -> float:
        """Row of the ground `z` metres ahead (at a focal length of 1100 pixels)."""
        return self.horizon + FOCAL * self.elevation / max(z, 0.5)

    def distance_for(self, pixels: float, metres: float) -> float:
        """How far away a thing of this height is so many pixels tall."""
        return FOCAL * metres / pixels

    @property
    def farthest(self) -> float:
        """Metres to the farthest row."""
        return self.distance_of_row(self.far)

    def distance_of_row(self, row: float) -> float:
        """Metres to the ground in this row."""
        return FOCAL * self.elevation / (row - self.horizon)

    @property
    def nearest(self) -> float:
        """Metres to the picture's lower edge."""
        return self.distance_of_row(len(self.plate))

    def column(self, x: float, row: float) -> float:
        """Column of `x` lanes to the right of the first line, also beside the road."""
        lines = self.lines[min(max(round(row), 0), len(self.lines) - 1)]
        lane = min(max(int(np.floor(x)), 0), self.lanes - 1)
        return float(lines[lane] + (x - lane) * (lines[lane + 1] - lines[lane]))

    def site(self, camera_id: str, fps: float) -> Site:
        """Zones as a person would draw them: each lane with its direction."""
        height, width = self.plate.shape[:2]
        rows = np.linspace(self.watched or self.far, height - 1, 8).round().astype(int)
        zones = []
        for lane in range(self.lanes):
            left = [(self.lines[row, lane] / width, row / height) for row in rows]
            right = [(self.lines[row, lane + 1] / width, row / height) for row in rows[::-1]]
            polygon = [(round(min(max(u, 0), 1), 4), round(min(max(v, 0), 1), 4)) for u, v in (*left, *right)]
            middle = (self.lines[:, lane] + self.lines[:, lane + 1]) / 2
            fall = middle[rows[-1]] - middle[rows[2]], float(rows[-1] - rows[2])
            sign = -1 if lane in self.away else 1
            direction = (round(sign * float(fall[0]) / width, 4), round(sign * fall[1] / height, 4))
            given = direction if self.directed else None
            zones.append(Zone(id=f"lane-{lane + 1}", kind="lane", polygon=polygon, direction=given))
        return Site(site="bench", cameras=[Camera(id=camera_id, source="staged", fps=fps, zones=zones)])

    def viewed(self, view: "View") -> "Place":
        """The same place through a tighter or mirrored view."""
        height, width = self.plate.shape[:2]
        scale = 1 / view.zoom
        left, top = view.x * width * (1 - scale), view.y * height * (1 - scale)
        lines = self.lines[np.clip((np.arange(height) * scale + top).round().astype(int), 0, height - 1)]
        lines = (lines - left) / scale
        if view.mirror:
            lines = np.ascontiguousarray(width - 1 - lines[:, ::-1])
        return replace(
            self,
            plate=view.of(self.plate),
            horizon=(self.horizon - top) / scale,
            elevation=self.elevation,
            lines=lines,
            far=max(4, round((self.far - top) / scale)),
        )


@dataclass(frozen=True, slots=True)
class View:
    """A part of a picture, brought to its full size: zoom ≥ 1, x and y 0..1 say which part."""

    zoom: float = 1.0
    x: float = 0.5
    y: float = 0.5
    mirror: bool = False

    def of(self, picture: Picture) -> Picture:
        """Cut and scale one picture."""
        if self.zoom > 1:
            height, width = picture.shape[:2]
            h, w = round(height / self.zoom), round(width / self.zoom)
            top, left = round(self.y * (height - h)), round(self.x * (width - w))
            picture = cv2.resize(picture[top : top + h, left : left + w], (width, height))  # type: ignore[assignment]
        return np.ascontiguousarray(picture[:, ::-1]) if self.mirror else picture


@cache
def highway() -> Place:
    """The motorway of highway.mp4; the scale comes from its lanes of 3.7 m."""
    rows = np.arange(720)
    lines = []
    for line in _HIGHWAY_LINES:
        columns, at = np.array(line[::-1], float).T
        lines.append(np.interp(rows, at, columns))
    return Place("highway", empty_road(HIGHWAY), 157.0, 7.5, np.stack(lines, axis=1), 225)


@cache
def parking() -> Place:
    """The tarmac of parking-overhead.mp4, seen from above: the scale is the same all over.

    Its own vehicles stop on it (`overhead`). People and things are not staged: COCO's were photographed from the side.
    """
    lines = np.repeat(np.array([[100.0, 390.0, 680.0]]), 432, axis=0)
    return Place("parking", empty_road(PARKING), -1e5, 1e5 / 68, lines, 10, directed=False)


@lru_cache(maxsize=4)
def generated(lanes: int, elevation: float, horizon: float, curve: float, aside: float, seed: int) -> Place:
    """A road seen from a bridge: see `roads.road`."""
    plate, lines = road(lanes, elevation, horizon, curve, aside, seed)
    return Place("generated", plate, horizon, elevation, lines, round(horizon + 70))


def lit(plate: Picture, random: np.random.Generator) -> Picture:
    """The plate in another light: clouds over parts of it, other saturation and contrast."""
    height, width = plate.shape[:2]
    clouds = random.uniform(0.82, 1.1, (3, 4)).astype(np.float32)
    field = cv2.resize(clouds, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
    grey = cv2.cvtColor(plate, cv2.COLOR_RGB2GRAY)[..., None]
    contrast, saturation = float(random.uniform(0.85, 1.1)), float(random.uniform(0.6, 1.15))
    coloured = grey + (plate - grey.astype(np.float32)) * saturation
    return np.clip((coloured - 110) * contrast * field + 110 * field, 0, 255).astype(np.uint8)
