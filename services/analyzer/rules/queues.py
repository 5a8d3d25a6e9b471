"""Which standing vehicles wait in a queue. A queue is congestion; its head, and whoever stands alone, is not."""

import math
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue, TypeAdapter

from services.analyzer.centreline import Centreline
from services.analyzer.rules.base import Watches
from services.analyzer.scene import Point, Scene, TrackView
from services.analyzer.state import plain
from shared.catalogue import ROAD_VEHICLES
from shared.clock import NS
from shared.geometry import Floats

# Slower than this (box sizes per second) a vehicle crawls or stands; that is about walking pace.
SLOW = 0.5
# Faster than this it flows, and shows which way the zone's traffic runs.
_FLOWS = 1.0
# Two cars after a crash are no queue; the third that waits behind them makes one.
MIN_QUEUE = 3
# A halt in stop-and-go is shorter than this; who stands longer is told, whatever stands around.
LONGEST_HALT_NS = 30 * NS
# Neighbours of a queue stand at most this many sizes apart along the lane (7 m of spacing, seen from the side)
# and this many across it (half a lane).
_REACH = 3.0
_ACROSS = 1.0
# So much free road must be in view before its head, sizes: more than the spacing of a queue that is seen from above.
# With less it may be only the last visible car of a queue that leaves the picture.
FREE = 3.5
# A neighbour counts as ahead from this many sizes on; beside each other nobody waits for the other.
AHEAD = 0.3
# The learned direction follows the traffic over some 50 sightings, and is believed when they agree.
_LEARN = 0.02
_AGREE = 0.5


# Who has come so many sizes further while it waited has moved up with its queue.
_MOVED_UP = 1.0


@dataclass(slots=True)
class _Waiting:
    """Where a vehicle joined the queue, where it last waited, its size there (picture heights), and when (UTC ns)."""

    joined: Point
    ground: Point
    size: float
    last: int


_STATE: TypeAdapter[tuple[dict[str, Point], list[tuple[int, _Waiting]]]] = TypeAdapter(
    tuple[dict[str, Point], list[tuple[int, _Waiting]]]
)


class Queues:
    """Remembers which vehicles of the watched lanes have waited in a queue, and when last."""

    def __init__(self, watches: Watches) -> None:
        self._zones = {key: watch.zone for key, watch in watches.items() if watch.zone.kind == "lane"}
        self._keep = max([LONGEST_HALT_NS, *(watch.after_ns for watch in watches.values())])
        self._flow: dict[str, Point] = {}
        self._waiting: dict[int, _Waiting] = {}

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return plain(_STATE, (self._flow, list(self._waiting.items())))

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        self._flow, waiting = _STATE.validate_python(value)
        self._waiting = dict(waiting)

    def waited(self, track: TrackView, now: int, within_ns: int) -> bool:
        """Whether the vehicle, or one whose track was lost where it stands, waited in a queue within this time.

        A car whose queue has just moved on is given the time to follow; one that never does is told then.
        """
        own = self._waiting.get(track.track_id)
        if own is not None:
            return now - own.last < within_ns
        return any(
            now - other.last < within_ns and math.dist(other.ground, track.ground) <= 0.5 * track.size
            for other in self._waiting.values()
        )

    def moved_up(self, track: TrackView) -> bool:
        """Whether the vehicle has itself waited in a queue lately, and come further with it since: stop and go."""
        own = self._waiting.get(track.track_id)
        return own is not None and math.dist(own.joined, track.ground) >= _MOVED_UP * track.size

    def update(self, scene: Scene) -> None:
        """Take one frame."""
        now = scene.captured_at
        slow: dict[str, list[TrackView]] = {}
        for track in scene.tracks:
            speed = track.speed
            if speed is None or track.label not in ROAD_VEHICLES:
                continue
            for zone in track.zones:
                if zone.id not in self._zones:
                    continue
                if speed <= SLOW:
                    slow.setdefault(zone.id, []).append(track)
                elif speed >= _FLOWS and track.velocity:
                    self._learn(zone.id, (track.velocity[0] / speed, track.velocity[1] / speed))
        for zone_id, tracks in slow.items():
            if len(tracks) < MIN_QUEUE:
                continue
            for track, waits in zip(tracks, self._queued(zone_id, tracks, scene.aspect), strict=True):
                if waits:
                    own = self._waiting.get(track.track_id)
                    joined = own.joined if own is not None else track.ground
                    self._waiting[track.track_id] = _Waiting(joined, track.ground, track.size, now)
        for track_id in [key for key, item in self._waiting.items() if now - item.last > self._keep]:
            del self._waiting[track_id]

    def _learn(self, zone_id: str, heading: Point) -> None:
        x, y = self._flow.get(zone_id, (0.0, 0.0))
        self._flow[zone_id] = (x + _LEARN * (heading[0] - x), y + _LEARN * (heading[1] - y))

    def _queued(self, zone_id: str, tracks: list[TrackView], aspect: float) -> list[bool]:
        """Per slow vehicle of a zone whether it waits: one of at least three in a row, and not their head."""
        polygon = np.array(self._zones[zone_id].polygon) * (aspect, 1.0)
        axis, known = self._axis(zone_id, polygon, aspect)
        points, sizes = np.array([track.ground for track in tracks]), np.array([track.size for track in tracks])
        apart = (points[None] - points[:, None]) / ((sizes[None] + sizes[:, None]) / 2)[..., None]
        line = Centreline(polygon, (float(axis[0]), float(axis[1])))
        runs = np.array([line.tangent(track.ground) for track in tracks])
        between = runs[None] + runs[:, None]  # of two neighbours in a bend the mean
        between /= np.linalg.norm(between, axis=2, keepdims=True)
        along = (apart * between).sum(axis=2)
        across = np.abs(apart[..., 1] * between[..., 0] - apart[..., 0] * between[..., 1])
        near = (across <= _ACROSS) & (np.abs(along) <= _REACH)
        row = near
        for _ in range(len(tracks).bit_length()):
            row = (row.astype(np.float32) @ row.astype(np.float32)) > 0
        reach = ((polygon[None] - points[:, None]) @ axis) / sizes[:, None]
        waits = (near & (along > AHEAD)).any(axis=1) | (reach.max(axis=1) < FREE)
        if not known:  # either end may be the head
            waits &= (near & (along < -AHEAD)).any(axis=1) | (reach.min(axis=1) > -FREE)
        result: list[bool] = (waits & (row.sum(axis=1) >= MIN_QUEUE)).tolist()
        return result

    def _axis(self, zone_id: str, polygon: Floats, aspect: float) -> tuple[Floats, bool]:
        """Unit vector along the zone in picture heights, and whether traffic is known to run that way."""
        direction = self._zones[zone_id].direction
        if direction is not None:
            axis = np.array(direction) * (aspect, 1.0)
            return axis / np.hypot(*axis), True
        flow = np.array(self._flow.get(zone_id, (0.0, 0.0)))
        if np.hypot(*flow) >= _AGREE:
            return flow / np.hypot(*flow), True
        return np.linalg.svd(polygon - polygon.mean(axis=0))[2][0], False
