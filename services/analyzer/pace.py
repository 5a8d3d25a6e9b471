"""How fast the traffic of a zone goes at each of its places. Who keeps its pace drives, whatever the detector calls it.

A motorcyclist far away is a person to a detector, and often still one near by. What tells him from somebody on foot
is that he goes along the lane as fast as the cars before him. Speeds are compared at the same place of the picture,
so that neither a calibration nor the size of anything is needed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue, TypeAdapter

from services.analyzer.centreline import PLACES, Runs
from services.analyzer.scene import Point, Scene, TrackView
from services.analyzer.state import plain
from shared.catalogue import ROAD_VEHICLES
from shared.clock import NS
from shared.site import Zone

# A bicycle is hardly faster than a runner, and as narrow: its own sizes per second say nothing.
_TRAFFIC = ROAD_VEHICLES - {"bicycle"}
# Whoever was slower than this on its way, sizes per second in the mean, shows nothing: a queue crawls like that. A car
# at this speed does 7 km/h seen from above and 14 seen along the road, so who keeps up with it does not walk. Far away
# free traffic is as slow as that too, but not over its whole way.
_FLOWS = 0.7
# A pace is known for sure after so many vehicles: the first may have been a track that jumped to another one.
KNOWN = 3
# It follows faster traffic soon and slower one slowly; what is slower than this share of it is a queue or brakes, and
# does not count at all. So the pace is that of free traffic, also while a jam builds up.
_UP, _DOWN = 0.1, 0.02
_QUEUE = 0.5
# A track that jumps to another vehicle seems this much faster, at most.
_JUMP = 2.0
# Lorries go at 0.7 of it; a runner of 15 km/h in a street of 50 goes at 0.3.
_KEEPS = 0.6
# Where no vehicle was measured the nearest place tells, at most so many away: near the camera fast ones skip some.
_NEAR = PLACES // 8
# A slower box (its own sizes per second) stands or jitters.
_MOVES = 0.3
# Who was not seen for this long is gone, and what it showed is learned.
_GONE_NS = 2 * NS


@dataclass(slots=True)
class _Vehicle:
    """One vehicle's way through a zone.

    Attributes:
        place, ground: the last place that it came to, and where it was then.
        began, last: UTC ns.
        travelled: box sizes along the zone, less what it went back.
        paces: picture heights per second at the places that it passed; who parks across two has no more than all.
    """

    zone: str
    place: int
    ground: Point
    began: int
    last: int
    travelled: float = 0.0
    paces: list[tuple[int, float]] = field(default_factory=list)


_Course = tuple[str, bool]
"""A zone, and whether the traffic runs along its axis or against it."""
_Usual = tuple[float, int]
"""Of free traffic at one place: its pace, picture heights per second, and how many vehicles showed it."""
_STATE: TypeAdapter[tuple[list[tuple[_Course, list[_Usual]]], list[tuple[int, _Vehicle]]]] = TypeAdapter(
    tuple[list[tuple[_Course, list[_Usual]]], list[tuple[int, _Vehicle]]]
)


class TrafficPace:
    """Learns the pace of some zones of one camera from the vehicles that pass."""

    def __init__(self, zones: Mapping[str, Zone]) -> None:
        self._zones = zones
        self._runs = Runs()
        self._usual: dict[_Course, list[_Usual]] = {}
        self._vehicles: dict[int, _Vehicle] = {}

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return plain(_STATE, (list(self._usual.items()), list(self._vehicles.items())))

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`; zones that are no longer watched are forgotten."""
        usual, vehicles = _STATE.validate_python(value)
        self._usual = {course: places for course, places in usual if course[0] in self._zones}
        self._vehicles = {track: item for track, item in vehicles if item.zone in self._zones}

    def update(self, scene: Scene) -> None:
        """Take one frame."""
        now = scene.captured_at
        for key in [key for key, vehicle in self._vehicles.items() if now - vehicle.last > _GONE_NS]:
            self._learn(self._vehicles.pop(key))
        for track in scene.tracks:
            if track.label not in _TRAFFIC:
                continue
            for zone in track.zones:
                if zone.id in self._zones:
                    self._follow(track, zone, scene.aspect, now)
                    break

    def keeps(
        self, velocity: Point, ground: Point, size: float, zone: Zone, aspect: float, least: int
    ) -> bool:  # fmt: skip
        """Whether something moves along the zone as fast as its traffic does there, and the same way.

        Args:
            velocity: picture heights per second.
            ground: where, picture heights.
            size: of its box, picture heights.
            least: so many vehicles must have shown the pace; none asks for more than `KNOWN`.

        Returns:
            False also where no traffic has been seen yet.
        """
        along, across = self._parts(velocity, ground, zone, aspect)
        course = zone.id, along > 0
        if abs(along) <= max(abs(across), _MOVES * size):
            return False
        places = list(self._usual.get(course, [(0.0, 0)] * PLACES))
        for vehicle in self._vehicles.values():  # until enough have left, those on their way show it too
            for place, pace in self._shown(vehicle, *course):
                if places[place][1] < KNOWN:
                    places[place] = _learned(*places[place], pace)
        here = self._runs.place(zone, aspect, ground)
        known = [n for n in range(max(here - _NEAR, 0), min(here + _NEAR + 1, PLACES)) if places[n][1] >= least]
        if not known:
            return False
        return abs(along) >= _KEEPS * places[min(known, key=lambda n: abs(n - here))][0]

    def _follow(self, track: TrackView, zone: Zone, aspect: float, now: int) -> None:
        place = self._runs.place(zone, aspect, track.ground)
        vehicle = self._vehicles.get(track.track_id)
        if vehicle is None or vehicle.zone != zone.id:
            if vehicle is not None:
                self._learn(vehicle)
            self._vehicles[track.track_id] = _Vehicle(zone.id, place, track.ground, now, now)
            return
        vehicle.last = now
        if place == vehicle.place:
            return
        moved = track.ground[0] - vehicle.ground[0], track.ground[1] - vehicle.ground[1]
        way, _ = self._parts(moved, track.ground, zone, aspect)
        vehicle.travelled = round(vehicle.travelled + way / track.size, 6)
        before, vehicle.place, vehicle.ground = vehicle.place, place, track.ground
        if track.velocity is None:
            return
        velocity = track.velocity[0] * track.size, track.velocity[1] * track.size
        along, _ = self._parts(velocity, track.ground, zone, aspect)
        if (place > before) == (along > 0):
            passed = range(before + 1, place + 1) if along > 0 else range(before - 1, place - 1, -1)
            vehicle.paces += [(number, round(along, 6)) for number in passed][: PLACES - len(vehicle.paces)]

    def _learn(self, vehicle: _Vehicle) -> None:
        """Take what a vehicle has shown that is gone, or has left the zone."""
        course = vehicle.zone, vehicle.travelled > 0
        for place, pace in self._shown(vehicle, *course):
            places = self._usual.setdefault(course, [(0.0, 0)] * PLACES)
            places[place] = _learned(*places[place], pace)

    def _shown(self, vehicle: _Vehicle, zone: str, forward: bool) -> Iterator[tuple[int, float]]:
        """The places of free traffic that a vehicle has passed on this course so far, and its pace there."""
        flows = abs(vehicle.travelled) * NS >= _FLOWS * max(vehicle.last - vehicle.began, NS)
        if flows and (vehicle.zone, vehicle.travelled > 0) == (zone, forward):
            yield from ((place, abs(along)) for place, along in vehicle.paces if (along > 0) == forward)

    def _parts(self, velocity: Point, ground: Point, zone: Zone, aspect: float) -> Point:
        """The velocity along the zone and across it."""
        x, y = self._runs.tangent(zone, aspect, ground)
        return velocity[0] * x + velocity[1] * y, velocity[0] * y - velocity[1] * x


def _learned(pace: float, vehicles: int, own: float) -> _Usual:
    """What is usual after one vehicle more."""
    if vehicles < KNOWN:
        return round(pace + (own - pace) / (vehicles + 1), 6), vehicles + 1
    if own < _QUEUE * pace:
        return pace, vehicles
    step = min(own, _JUMP * pace) - pace
    return round(pace + (_UP if step > 0 else _DOWN) * step, 6), vehicles
