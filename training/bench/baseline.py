"""What a user would write around Ultralytics `track`: ByteTrack with its defaults, and dwell rules in polygons."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray
from ultralytics.engine.results import Boxes
from ultralytics.trackers.byte_tracker import BYTETracker
from ultralytics.utils import YAML, IterableSimpleNamespace
from ultralytics.utils.checks import check_yaml

from shared.catalogue import ANIMALS, NOT_OBSTACLES, PERSONS, ROAD_VEHICLES
from shared.site import Camera

# A vehicle or thing that moved less than this since its clock began stands, pixels.
_STILL = 20.0
_AFTER_S = {"stopped-vehicle": 10.0, "person-on-lane": 1.0, "animal-on-lane": 1.0, "obstacle-on-lane": 3.0}
# Travel of this many pixels in one second against the lane's direction is the wrong way.
_BACKWARDS = 20.0
_FORGET_S = 2.0


@dataclass(slots=True)
class BaselineAlert:
    """One alert, seconds since the first frame."""

    incident: str
    started_s: float
    detected_s: float
    ended_s: float
    track: int
    box: tuple[float, float, float, float]


@dataclass(slots=True)
class _Seen:
    anchor: NDArray[np.float64]
    since: float
    inside_since: float | None = None
    last: float = 0.0
    path: list[tuple[float, NDArray[np.float64]]] = field(default_factory=list)


def track(boxes: Sequence[NDArray[np.float32]], shape: tuple[int, int]) -> Iterator[NDArray[np.float32]]:
    """ByteTrack over frames, as `YOLO.track` runs it: tests/unit/test_bench_baseline.py compares them.

    Args:
        boxes: per frame (K, 6): x1, y1, x2, y2 in pixels, score, class.
        shape: height and width of the picture; tracks are clipped to it, which keeps the foot of a vehicle that
            leaves at the lower edge within its lane.

    Yields:
        (N, 8): x1, y1, x2, y2, track id, score, class, index.
    """
    options = IterableSimpleNamespace(**YAML.load(check_yaml("bytetrack.yaml")))  # type: ignore[no-untyped-call]
    tracker = BYTETracker(options)  # type: ignore[no-untyped-call]
    height, width = shape
    for frame in boxes:
        rows = np.asarray(tracker.update(Boxes(frame.reshape(-1, 6), shape)), np.float32).reshape(-1, 8)
        rows[:, :4] = rows[:, :4].clip(0, (width, height, width, height))
        yield rows


def judge(
    frames: Sequence[NDArray[np.float32]], labels: Sequence[str], camera: Camera, shape: tuple[int, int], fps: float
) -> list[BaselineAlert]:
    """Alerts of one scene by dwell rules; one per track and type."""
    height, width = shape
    scale = np.array([width, height])
    polygons = [((np.array(zone.polygon) * scale).astype(np.float32), zone.direction) for zone in camera.zones]
    seen: dict[int, _Seen] = {}
    alerts: dict[tuple[int, str], BaselineAlert] = {}
    for index, rows in enumerate(track(frames, shape)):
        now = index / fps
        for x1, y1, x2, y2, key, _, label, _ in rows.tolist():
            foot = np.array([(x1 + x2) / 2, y2])
            state = seen.setdefault(int(key), _Seen(foot, now, last=now))
            if now - state.last > _FORGET_S:
                state = seen[int(key)] = _Seen(foot, now, last=now)
            if np.hypot(*(foot - state.anchor)) > _STILL:
                state.anchor, state.since = foot, now
            lane = next(
                (p for p in polygons if cv2.pointPolygonTest(p[0], (float(foot[0]), float(foot[1])), False) >= 0), None
            )
            state.inside_since = None if lane is None else now if state.inside_since is None else state.inside_since
            state.last = now
            state.path = [(t, p) for t, p in state.path if now - t <= 1.01] + [(now, foot)]
            for incident, started in _causes(labels[int(label)], state, lane, scale, now):
                box = (x1 / width, y1 / height, x2 / width, y2 / height)
                opened = BaselineAlert(incident, started, now, now, int(key), box)
                alert = alerts.setdefault((int(key), incident), opened)
                alert.ended_s = now
    return sorted(alerts.values(), key=lambda item: (item.detected_s, item.track))


def _causes(label: str, state: _Seen, lane: tuple[NDArray[np.float32], tuple[float, float] | None] | None,
            scale: NDArray[np.int64], now: float) -> Iterator[tuple[str, float]]:  # fmt: skip
    if lane is None or state.inside_since is None:
        return
    still = max(state.since, state.inside_since)
    if label in ROAD_VEHICLES:
        if now - still >= _AFTER_S["stopped-vehicle"]:
            yield "stopped-vehicle", still
        first, origin = state.path[0]
        if lane[1] is not None and now - first >= 0.99:
            allowed = np.array(lane[1]) * scale
            if (state.path[-1][1] - origin) @ allowed / np.hypot(*allowed) < -_BACKWARDS:
                yield "wrong-way", first
    elif label in PERSONS | (ANIMALS - {"bird"}):
        incident = "person-on-lane" if label in PERSONS else "animal-on-lane"
        if now - state.inside_since >= _AFTER_S[incident]:
            yield incident, state.inside_since
    elif label not in NOT_OBSTACLES and now - still >= _AFTER_S["obstacle-on-lane"]:
        yield "obstacle-on-lane", still
