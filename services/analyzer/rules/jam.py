"""Whether a standing vehicle is explained by congestion around it, also where its own row cannot be seen.

A queue reaches beyond its first and last visible vehicle: far away only some of its cars are detected, and those stand
too far apart for a row. So vehicles that stand anywhere on its lane and on the lanes beside explain one more, unless it
has free road where theirs do not, or traffic flows and nobody stands on its lane ahead of it. This is weaker than a row
of vehicles (`queues.py`), so it holds for a limited time only.
"""

import math
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue, TypeAdapter

from services.analyzer.centreline import Runs
from services.analyzer.rules.base import Watches
from services.analyzer.rules.queues import AHEAD, FREE, LONGEST_HALT_NS, MIN_QUEUE
from services.analyzer.rules.standing import Stand, Stands
from services.analyzer.scene import Point, Scene, TrackView
from services.analyzer.state import plain
from shared.catalogue import ROAD_VEHICLES
from shared.clock import NS
from shared.site import Zone

# The lane beside is within so many sizes across: 3.7 m, and a car's box measures 1.6 m.
_BESIDE = 3.5
# Sizes per second of traffic that flows; most queues are slower when they move up.
_FLOWS = 2.0
# Traffic has flowed ahead of it within this time.
_FLOWED_NS = 10 * NS
# A vehicle of the queue that is not seen now was within this time.
_SEEN_NS = 2 * NS
# Far traffic that comes towards the camera hardly moves for a second or two; what stands in a queue does so for longer.
_STANDS_NS = 3 * NS
# A rest that began on another track may be that of the vehicle before: in a queue the next one stands where it stood.
# But a track may also be lost on one that stays, so such a rest is told after twice the time.
_INHERITED_NS = 2 * LONGEST_HALT_NS
# Lanes of one carriageway run the same way within 60 degrees.
_SAME_WAY = 0.5


@dataclass(slots=True)
class _Flow:
    zone: str
    ground: Point
    last: int


_STATE: TypeAdapter[tuple[JsonValue, list[tuple[int, _Flow]]]] = TypeAdapter(tuple[JsonValue, list[tuple[int, _Flow]]])


class Jam:
    """Knows what stands and what flows on the watched lanes."""

    def __init__(self, watches: Watches) -> None:
        self._zones = {key: watch.zone for key, watch in watches.items() if watch.zone.kind == "lane"}
        self._runs = Runs()
        self._stands = Stands(self._zones)
        self._flows: dict[int, _Flow] = {}

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return plain(_STATE, (self._stands.state(), list(self._flows.items())))

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        stands, flows = _STATE.validate_python(value)
        self._stands.restore(stands)
        self._flows = dict(flows)

    def update(self, scene: Scene) -> None:
        """Take one frame."""
        self._stands.update(scene)
        now = scene.captured_at
        for track in scene.tracks:
            if (track.speed or 0.0) >= _FLOWS and track.label in ROAD_VEHICLES:
                for zone in track.zones:
                    if zone.id in self._zones:
                        self._flows[track.track_id] = _Flow(zone.id, track.ground, now)
        for track_id in [key for key, flow in self._flows.items() if now - flow.last > _FLOWED_NS]:
            del self._flows[track_id]

    def explains(self, track: TrackView, zone_id: str, scene: Scene, moved_up: bool) -> bool:
        """Whether the standing vehicle is one of a queue that is seen in part: at least three stand on its lane and
        those beside, and one of them is ahead of it, or the queue may go on ahead where the picture or zone ends, or
        the vehicle has stopped and gone with it before (`moved_up`)."""
        now, zone = scene.captured_at, self._zones.get(zone_id)
        if zone is None or now - track.settled_since >= LONGEST_HALT_NS or now - track.rest_since >= _INHERITED_NS:
            return False
        run = self._runs.tangent(zone, scene.aspect, track.ground)
        standing = [
            stand
            for stand in self._stands.seen(now, _SEEN_NS)
            if stand.last - stand.since >= _STANDS_NS and self._together(stand, track, zone, run, scene.aspect)
        ]
        ahead = [stand for stand in standing if self._ahead(zone, _along(track, stand.ground, run), track)]
        # Where somebody stands ahead of it on its lane, what flowed there has moved up; elsewhere it may be the head.
        if not any(zone_id in stand.zones for stand in ahead) and (
            now - track.rest_since >= LONGEST_HALT_NS or self._flowed_ahead(track, zone, run)
        ):
            return False
        if len(standing) < MIN_QUEUE:
            return False
        if moved_up:
            return True
        polygon = np.array(zone.polygon) * (scene.aspect, 1.0)
        free = max(_along(track, (float(x), float(y)), run) for x, y in polygon)
        return bool(ahead) or free < FREE * track.size

    def _flowed_ahead(self, track: TrackView, zone: Zone, run: Point) -> bool:
        return any(
            flow.zone == zone.id and self._ahead(zone, _along(track, flow.ground, run), track)
            for flow in self._flows.values()
        )

    def _together(self, stand: Stand, track: TrackView, zone: Zone, run: Point, aspect: float) -> bool:
        """Whether a place lies on the vehicle's lane, or on one beside that runs the same way."""
        if zone.id in stand.zones:
            return True
        other = self._runs.tangent(self._zones[stand.zones[0]], aspect, stand.ground)
        cosine = run[0] * other[0] + run[1] * other[1]
        if cosine < _SAME_WAY and (zone.direction is not None or cosine > -_SAME_WAY):
            return False
        x, y = stand.ground[0] - track.ground[0], stand.ground[1] - track.ground[1]
        return abs(x * run[1] - y * run[0]) <= _BESIDE * (stand.size + track.size) / 2

    @staticmethod
    def _ahead(zone: Zone, along: float, track: TrackView) -> bool:
        """Without a direction either end may be the head."""
        return (along if zone.direction is not None else math.fabs(along)) > AHEAD * track.size


def _along(track: TrackView, point: Point, run: Point) -> float:
    return (point[0] - track.ground[0]) * run[0] + (point[1] - track.ground[1]) * run[1]
