"""Speed on the road of a calibrated camera, over a lasting window and in event time.

Each track's ground points are put on the road first, and a line is fitted through the last second of them. A
displacement in the picture would not do: within a second a vehicle at 100 km/h crosses 28 m, over which the scale of
the picture changes by half.
"""

import math
from collections import deque
from collections.abc import Sequence

import numpy as np
from pydantic import JsonValue, TypeAdapter

from services.analyzer.state import plain
from shared.clock import NS
from shared.plane import RoadPlane
from shared.site import Ground

# Long against the jitter of boxes, short against braking: at 8 m/s² a second's mean is 4 m/s late.
WINDOW_NS = NS
# A shorter path is not judged.
LEAST_NS = WINDOW_NS // 2
# No road vehicle is faster; such a step is the track's jump to another one. Metres per second.
_JUMP_MPS = 100.0
# A track unseen for as long starts anew.
_FORGET_NS = 2 * NS

_STATE: TypeAdapter[list[tuple[int, deque[tuple[int, float, float]]]]] = TypeAdapter(
    list[tuple[int, deque[tuple[int, float, float]]]]
)
# Ground, and the tracks' ways over it in metres: without the same calibration they mean nothing.
_ON_GROUND = TypeAdapter(tuple[Ground, list[tuple[int, list[tuple[int, float, float]]]]])


class SpeedMeter:
    """Speeds of the tracks of one camera."""

    def __init__(self, plane: RoadPlane) -> None:
        self._plane = plane
        self._paths: dict[int, deque[tuple[int, float, float]]] = {}

    def update(self, track_ids: Sequence[int], points: Sequence[tuple[float, float]], now: int) -> list[float | None]:
        """Take one frame's tracks.

        Args:
            points: ground points, 0..1 of the picture.
            now: UTC ns.

        Returns:
            km/h per track; None before half a second, and where the track is not on the calibrated road.
        """
        for gone in [key for key, path in self._paths.items() if now - path[-1][0] > _FORGET_NS]:
            del self._paths[gone]
        if not points:
            return []
        places = self._plane.metres(np.array(points, np.float64)).tolist()
        return [self._step(track, x, y, now) for track, (x, y) in zip(track_ids, places, strict=True)]

    def _step(self, track: int, x: float, y: float, now: int) -> float | None:
        if not math.isfinite(x + y):
            self._paths.pop(track, None)
            return None
        path = self._paths.setdefault(track, deque())
        if path:
            time, last_x, last_y = path[-1]
            if math.hypot(x - last_x, y - last_y) > _JUMP_MPS * max(now - time, 1) / NS:
                path.clear()
        path.append((now, x, y))
        while len(path) > 2 and now - path[1][0] >= WINDOW_NS:
            path.popleft()
        return _kmh(path) if now - path[0][0] >= LEAST_NS else None

    def state(self) -> JsonValue:
        """All that further frames depend on, as plain JSON data; see `Rule.state`."""
        return plain(_STATE, list(self._paths.items()))

    def restore(self, value: JsonValue) -> None:
        """Go on from a `state()`; see `Rule.restore`."""
        self._paths = dict(_STATE.validate_python(value))


def ground_state(ground: Ground | None, speeds: SpeedMeter | None) -> JsonValue:
    """The meter's state with the calibration that it is of; None without one."""
    if speeds is None or ground is None:
        return None
    return [ground.model_dump(mode="json"), speeds.state()]


def restore_on_ground(ground: Ground | None, speeds: SpeedMeter | None, saved: JsonValue) -> list[str]:
    """Let the meter go on from a `ground_state`; returns `speeds` when that is of another calibration, or none."""
    if speeds is None or saved is None:
        return []
    try:
        of, _ = _ON_GROUND.validate_python(saved)
    except ValueError:
        return ["speeds"]
    if of != ground:
        return ["speeds"]
    assert isinstance(saved, list)
    speeds.restore(saved[1])
    return []


def _kmh(path: deque[tuple[int, float, float]]) -> float:
    """Slope of the line of least squares through the path."""
    start, count = path[0][0], len(path)
    times = [(time - start) / NS for time, _, _ in path]
    middle = sum(times) / count
    weights = [time - middle for time in times]
    total = sum(weight * weight for weight in weights)
    vx = sum(weight * place[1] for weight, place in zip(weights, path, strict=True)) / total
    vy = sum(weight * place[2] for weight, place in zip(weights, path, strict=True)) / total
    return round(math.hypot(vx, vy) * 3.6, 1)
