"""Vehicles that stood on a shoulder when the stream began: known, and no news until they have left."""

import math
from dataclasses import dataclass

from pydantic import JsonValue, TypeAdapter

from services.analyzer.scene import Point, Scene, TrackView
from services.analyzer.state import plain
from shared.catalogue import ROAD_VEHICLES
from shared.clock import NS

# The detector finds a small parked car within some seconds; a car that arrives in them is seen to move.
_FIRST_NS = 10 * NS
# A stream that was away for longer begins anew (as the tracker does).
_GAP_NS = 30 * NS
# Unseen for this long the car has left; a lorry that is parked before it hides it for less.
_FORGET_NS = 60 * NS
_MOVES = 0.5
_PLACE = 0.5


@dataclass(slots=True)
class _Place:
    ground: Point
    size: float
    track_id: int
    last: int


@dataclass(slots=True)
class _State:
    began: int
    last: int
    moved: list[int]
    places: list[_Place]


_ADAPTER: TypeAdapter[_State | None] = TypeAdapter(_State | None)


class ParkedCars:
    """The places of the vehicles that stood on watched shoulders in the stream's first seconds."""

    def __init__(self, zones: frozenset[str]) -> None:
        self._zones = zones
        self._state: _State | None = None

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return plain(_ADAPTER, self._state)

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        self._state = _ADAPTER.validate_python(value)

    def knows(self, track: TrackView) -> bool:
        """Whether the track stands where a vehicle has stood since the stream began."""
        return self._state is not None and self._at(self._state, track) is not None

    def update(self, scene: Scene) -> None:
        """Take one frame."""
        now = scene.captured_at
        state = self._state
        if state is None or now - state.last > _GAP_NS:
            state = self._state = _State(now, now, [], [])
        state.last = now
        for track in scene.tracks:
            if track.label in ROAD_VEHICLES and any(zone.id in self._zones for zone in track.zones):
                self._see(state, track, now)
        gone = {track.track_id: track.ground for track in scene.tracks if (track.speed or 0.0) > _MOVES}
        state.places = [
            place
            for place in state.places
            if now - place.last <= _FORGET_NS
            and not (place.track_id in gone and math.dist(gone[place.track_id], place.ground) > place.size)
        ]
        if now - state.began > _FIRST_NS:
            state.moved = []

    def _see(self, state: _State, track: TrackView, now: int) -> None:
        place = self._at(state, track)
        if place is not None:
            if track.rest_since < now:
                place.track_id, place.last = track.track_id, now
        elif now - state.began <= _FIRST_NS:
            if track.track_id not in state.moved and (track.speed or 0.0) > _MOVES:
                state.moved.append(track.track_id)
            elif track.track_id not in state.moved and now - track.rest_since >= NS // 2:
                state.places.append(_Place(track.ground, track.size, track.track_id, now))

    @staticmethod
    def _at(state: _State, track: TrackView) -> _Place | None:
        fits = (place for place in state.places if math.dist(place.ground, track.ground) <= _PLACE * place.size)
        return next(fits, None)
