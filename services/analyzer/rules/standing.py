"""Where vehicles lately stood in the lanes. A place is remembered by itself: in a queue that is seen from afar vehicles
are missed and their tracks change, but what stands there stays."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import JsonValue, TypeAdapter

from services.analyzer.scene import Point, Scene, TrackView
from services.analyzer.state import plain
from shared.catalogue import ROAD_VEHICLES
from shared.clock import NS

# Who has been at rest for this long stands; box jitter aside, nothing that drives is.
_STANDS_NS = NS
# Sizes per second; who drives over a place where another stood takes its rest along for a frame, but not so slowly.
_SLOW = 0.3
# Two boxes this near to each other, sizes, are of one vehicle.
_SAME = 0.3
# So many of its tracks are remembered.
_TRACKS = 4
# What was not seen for this long is forgotten; lorries and missed detections hide it for less.
KEEP_NS = 4 * NS


@dataclass(slots=True)
class Stand:
    """A place where a vehicle stands or stood; picture heights and UTC ns.

    Attributes:
        since: when the rest there began, on whichever track.
        track_ids: the tracks that were there, the last one at the end.
    """

    zones: list[str]
    ground: Point
    size: float
    since: int
    last: int
    track_ids: list[int]


_STATE: TypeAdapter[list[Stand]] = TypeAdapter(list[Stand])


class Stands:
    """The places of some zones where road vehicles stood within the last seconds."""

    def __init__(self, zones: Iterable[str]) -> None:
        self._zones = frozenset(zones)
        self._stands: list[Stand] = []

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return plain(_STATE, self._stands)

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`; places in zones that are no longer watched are forgotten."""
        saved = _STATE.validate_python(value)
        for stand in saved:
            stand.zones = [zone for zone in stand.zones if zone in self._zones]
        self._stands = [stand for stand in saved if stand.zones]

    def update(self, scene: Scene) -> None:
        """Take one frame."""
        now = scene.captured_at
        self._stands = [stand for stand in self._stands if now - stand.last <= KEEP_NS]
        for track in scene.tracks:
            stands = now - track.rest_since >= _STANDS_NS and track.speed is not None and track.speed < _SLOW
            if not stands or track.label not in ROAD_VEHICLES:
                continue
            zones = [zone.id for zone in track.zones if zone.id in self._zones]
            if zones:
                self._see(track, zones, now)

    def seen(self, now: int, within_ns: int = KEEP_NS) -> list[Stand]:
        """The places where a vehicle was seen to stand within this time."""
        return [stand for stand in self._stands if now - stand.last <= within_ns]

    def _see(self, track: TrackView, zones: list[str], now: int) -> None:
        for stand in self._stands:
            if math.dist(stand.ground, track.ground) <= _SAME * max(stand.size, track.size):
                stand.since = min(stand.since, track.rest_since)
                break
        else:
            stand = Stand(zones, track.ground, track.size, track.rest_since, now, [])
            self._stands.append(stand)
        stand.last = now
        if stand.track_ids[-1:] != [track.track_id]:
            known = [key for key in stand.track_ids if key != track.track_id]
            stand.track_ids = [*known[1 - _TRACKS :], track.track_id]
