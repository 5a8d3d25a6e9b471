"""Which vehicles pass the middle of a lane: a line across each zone, as a loop detector in the road.

The line runs through the middle of the zone, at right angles to its `direction` in the picture; in a zone without one,
at right angles to each vehicle's own travel. A vehicle passes when its ground point crosses the line within the zone
and gets clear of it; either way counts. The line makes the count proof against most of what trackers do: a track that
breaks, flickers between zones or stands somewhere crosses no line, and of two tracks that follow one vehicle one after
the other only one is there when it does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from pydantic import JsonValue, TypeAdapter

from services.analyzer.motion import JUMP, REST_RADIUS
from services.analyzer.scene import Point, Scene, TrackView
from services.analyzer.state import plain
from shared.clock import NS
from shared.site import Zone

# A vehicle has passed when it is this many of its sizes beyond the line: a parked one's jitter stays within.
_CLEAR = REST_RADIUS
# Where no direction is given, travel shows after this many sizes which way it goes; jitter does not get there.
_TRAVEL = 0.5
# Whoever straddles two lanes is in the one, the other or between them by turns: a lane can still count it this long
# after it was there. The lines of lanes side by side are level or nearly so: within this many sizes after one line no
# other lane counts it.
_RECENT_NS = NS // 2
_STATION = 2.0
# A track that ended goes on in a new one (hidden for a moment, another id) that begins within this many sizes of
# where its motion leads, is not much larger or smaller, and begins this soon: the tracker itself keeps a lost track
# as long.
_REACH = 1.0
_GROWTH = 1.5
_KEEP_NS = 2 * NS


@dataclass(frozen=True, slots=True)
class Passing:
    """A vehicle has passed the line of a zone on this frame."""

    zone: str
    track: TrackView


@dataclass(slots=True)
class _Way:
    """What is remembered of a vehicle; lengths in picture heights, times UTC ns.

    Attributes:
        origin: where it was first seen.
        velocity: sizes per second, as last known.
        zones: the zones that it is or lately was in, and when last.
        pending: zones whose line it has crossed without being clear of it yet, and to which side (1 or -1).
        counted: zones that have counted it.
        station: where it crossed a line last, and the zones that could count it there.
    """

    origin: Point
    last: Point
    size: float
    seen: int
    velocity: Point
    zones: dict[str, int]
    pending: dict[str, int] = field(default_factory=dict)
    counted: list[str] = field(default_factory=list)
    station: tuple[Point, list[str]] | None = None


_STATE: TypeAdapter[list[tuple[int, _Way]]] = TypeAdapter(list[tuple[int, _Way]])


class Line:
    """The line across one zone: which way it faces, and where it lies along that way."""

    def __init__(self, zone: Zone, aspect: float) -> None:
        """`aspect` is the picture's width over its height."""
        self._corners = np.array(zone.polygon) * (aspect, 1.0)
        self.axis: Point | None = None
        self.offset = 0.0
        self._inverse = (0.0, 0.0)
        if zone.direction is not None:
            x, y = zone.direction[0] * aspect, zone.direction[1]
            length = math.hypot(x, y)
            self.axis = (x / length, y / length)
            self.offset = self._middle(self.axis)
            self._inverse = (length / max(abs(x), 1e-9), length / max(abs(y), 1e-9))

    def covered(self, ground: Point, width: float, height: float) -> bool:
        """Whether a footprint of this width and height above its ground point lies over the line; all in picture
        heights. It counts as long as it is along the line's axis through its middle."""
        if self.axis is None:
            return False
        beyond = ground[0] * self.axis[0] + (ground[1] - height / 2) * self.axis[1] - self.offset
        return 2 * abs(beyond) <= min(width * self._inverse[0], height * self._inverse[1])

    def sides(self, origin: Point, points: Sequence[Point], size: float) -> list[float] | None:
        """How far beyond the line each point lies, picture heights; None while there is no line yet, because a
        vehicle that came from `origin` has not moved on."""
        axis, offset = self.axis, self.offset
        if axis is None:
            x, y = points[-1][0] - origin[0], points[-1][1] - origin[1]
            length = math.hypot(x, y)
            if length < _TRAVEL * size:
                return None
            axis = (x / length, y / length)
            offset = self._middle(axis)
        return [x * axis[0] + y * axis[1] - offset for x, y in points]

    def _middle(self, axis: Point) -> float:
        along = self._corners @ np.array(axis)
        return float(along.min() + along.max()) / 2


class PassingCounter:
    """Finds the passings of one camera's counted zones, each vehicle once per zone."""

    def __init__(self) -> None:
        self._ways: dict[int, _Way] = {}

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return plain(_STATE, list(self._ways.items()))

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        self._ways = dict(_STATE.validate_python(value))

    def step(self, scene: Scene, where: Sequence[list[str] | None], lines: dict[str, Line]) -> list[Passing]:
        """Take one frame.

        Args:
            where: per track of the scene the ids of the zones that count it; None for what is no vehicle.
            lines: per counted zone.
        """
        now = scene.captured_at
        for track_id in [key for key, way in self._ways.items() if now - way.seen > _KEEP_NS]:
            del self._ways[track_id]
        passings: list[Passing] = []
        present: set[int] | None = None
        ways = self._ways
        for track, zones in zip(scene.tracks, where, strict=True):
            if zones is None:
                continue
            ground, way = track.ground, ways.get(track.track_id)
            if way is None:
                if present is None:
                    present = {item.track_id for item in scene.tracks}
                way = self._taken_over(track, now, present)
            if way is None or (math.dist(way.last, ground) > JUMP * track.size and _jumped(way, track, now)):
                way = ways[track.track_id] = _Way(ground, ground, track.size, now, (0.0, 0.0), {})
            elif _may_pass(way, ground, zones, lines):
                passings += [Passing(zone, track) for zone in _passed(way, track, zones, lines)]
            way.last, way.size, way.seen = ground, track.size, now
            if track.velocity is not None:
                way.velocity = track.velocity
            for zone in zones:
                way.zones[zone] = now
            if len(way.zones) > len(zones):
                way.zones = {zone: time for zone, time in way.zones.items() if now - time <= _RECENT_NS}
        return passings

    def _taken_over(self, track: TrackView, now: int, present: set[int]) -> _Way | None:
        """The way of a lost vehicle that this new track goes on with."""
        found, nearest = None, _REACH * track.size
        for track_id, way in self._ways.items():
            if track_id in present or max(way.size, track.size) > _GROWTH * min(way.size, track.size):
                continue
            seconds = (now - way.seen) / NS
            steps = seconds * way.size
            place = (way.last[0] + way.velocity[0] * steps, way.last[1] + way.velocity[1] * steps)
            if (apart := math.dist(place, track.ground)) <= nearest:
                found, nearest = track_id, apart
        if found is None:
            return None
        way = self._ways[track.track_id] = self._ways.pop(found)
        return way


def _jumped(way: _Way, track: TrackView, now: int) -> bool:
    """Whether the track is on another vehicle than before: its step is longer than its motion explains."""
    reach = (JUMP + math.hypot(*way.velocity) * (now - way.seen) / NS) * max(way.size, track.size)
    return math.dist(way.last, track.ground) > reach


def _may_pass(way: _Way, ground: Point, zones: list[str], lines: dict[str, Line]) -> bool:
    """False at once for who stays on one side of its only zone's line: nearly everybody on nearly every frame."""
    if len(zones) != 1 or way.pending or len(way.zones) != 1 or zones[0] not in way.zones:
        return bool(zones or way.pending or way.zones)
    line = lines[zones[0]]
    if line.axis is None:
        return True
    x, y = line.axis
    return (way.last[0] * x + way.last[1] * y < line.offset) != (ground[0] * x + ground[1] * y < line.offset)


def _passed(way: _Way, track: TrackView, zones: list[str], lines: dict[str, Line]) -> list[str]:
    """The zones whose line the vehicle is clear of since this frame."""
    # In whose lane it crosses: the one that it was and is in, else where it is now, else where it was.
    staying = [zone for zone in zones if zone in way.zones]
    for zone in dict.fromkeys([*staying, *zones, *way.zones]):
        if zone in way.counted or zone in way.pending or _elsewhere(way, track, zone):
            continue
        sides = lines[zone].sides(way.origin, (way.last, track.ground), track.size)
        if sides is not None and (sides[0] < 0) != (sides[1] < 0):
            way.pending[zone] = -1 if sides[1] < 0 else 1
            if way.station is None or zone not in way.station[1]:
                way.station = (track.ground, zones if zone in zones else [zone])
    passed = []
    for zone, side in list(way.pending.items()):
        sides = lines[zone].sides(way.origin, (track.ground,), track.size)
        if sides is None or sides[0] * side < 0:
            del way.pending[zone]  # back again
            way.station = None
        elif sides[0] * side >= _CLEAR * track.size:
            del way.pending[zone]
            way.counted.append(zone)
            passed.append(zone)
    return passed


def _elsewhere(way: _Way, track: TrackView, zone: str) -> bool:
    """Whether the line that it is crossing is that of the lane beside, of which it has just passed the line."""
    if way.station is None or zone in way.station[1]:
        return False
    return math.dist(way.station[0], track.ground) < _STATION * track.size
