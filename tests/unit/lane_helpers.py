"""Tracked vehicles by function of time, straight into the lane meter: no detector, no tracker in between."""

from collections.abc import Callable, Sequence

import numpy as np

from services.analyzer.lanes import LaneMeter
from services.analyzer.scene import Scene, TrackView
from services.analyzer.zones import ZoneMap
from shared.clock import NS, to_ns
from shared.messages import FrameRef, LaneStats
from shared.site import Camera, Zone
from tests.unit.analyzer_helpers import LANE, LANE_2

FPS = 10
ASPECT = 1280 / 720
Place = tuple[float, float]
Driver = Callable[[float], "TrackView | None"]
ZONES = (LANE, LANE_2)


def camera(zones: Sequence[Zone] = ZONES, fps: float = FPS) -> Camera:
    return Camera(id="cam", source="clip.mp4", fps=fps, zones=list(zones))


def meter(zones: Sequence[Zone] = ZONES, seconds: int = 60, fps: float = FPS) -> LaneMeter:
    return LaneMeter(camera(zones, fps), seconds * NS)


def view(
    track_id: int, x: float, y: float, label: str = "car", *, kmh: float | None = None, size: Place = (0.06, 0.1),
    speed: Place = (0.0, 0.0),
) -> TrackView:  # fmt: skip
    """A vehicle whose ground point is at x, y (0..1), with a box of this size, this speed (0..1 per second) and no
    zones yet."""
    width, height = size
    box = (x - width / 2, y - height, x + width / 2, y)
    root = (width * ASPECT * height) ** 0.5
    velocity = (speed[0] * ASPECT / root, speed[1] / root)
    return TrackView(track_id, label, 0.8, box, (x * ASPECT, y), root, (), 0, 0, 0.8, 1.0, velocity, kmh)


def drive(
    track_id: int, start: Place, speed: Place, *, at: float = 0.0, until: float = 1e9, label: str = "car",
    kmh: float | None = None,
) -> Driver:  # fmt: skip
    """Drives from `start` with `speed` (0..1 per second), from `at` s to `until` s or the picture's edge."""

    def driver(t: float) -> TrackView | None:
        x, y = start[0] + speed[0] * (t - at), start[1] + speed[1] * (t - at)
        inside = 0.0 <= x <= 1.0 and 0.0 <= y <= 1.0
        return view(track_id, x, y, label, kmh=kmh, speed=speed) if at <= t < until and inside else None

    return driver


def scene(tracks: Sequence[TrackView], time_s: float, zones: Sequence[Zone] = ZONES) -> Scene:
    """One frame of these tracks, in their zones."""
    boxes = np.array([track.box for track in tracks]).reshape(-1, 4)
    seen = tuple(
        TrackView(**{name: getattr(track, name) for name in TrackView.__slots__} | {"zones": inside})
        for track, inside in zip(tracks, ZoneMap(camera(zones)).of(boxes), strict=True)
    )
    ref = FrameRef(topic="frames", partition=0, offset=0, captured_at=to_ns(time_s))
    return Scene("cam", None, to_ns(time_s), ASPECT, "test@0", ref, seen)


def scenes(seconds: float, *drivers: Driver, start: float = 0.0, zones: Sequence[Zone] = ZONES) -> list[Scene]:
    """The frames of this many seconds, both ends among them."""
    times = [start + index / FPS for index in range(round(seconds * FPS) + 1)]
    return [scene([found for driver in drivers if (found := driver(t)) is not None], t, zones) for t in times]


def watch(lanes: LaneMeter, frames: Sequence[Scene]) -> list[LaneStats]:
    """All that is told of these frames, with the last interval as far as it goes."""
    return [stats for item in frames for stats in lanes.step(item)] + lanes.close()


def counts(told: Sequence[LaneStats]) -> dict[str, int]:
    """Vehicles per lane over all intervals."""
    total: dict[str, int] = {}
    for stats in told:
        total[stats.zone] = total.get(stats.zone, 0) + stats.count
    return total
