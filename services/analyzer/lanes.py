"""Counts, speeds and occupancy per lane and class, summed over intervals of event time; docs/lanes.md defines them.

Intervals begin at whole multiples of their length since the epoch and are told on the first frame at or after their
end: also those without traffic, but none in which there was no frame. So silence means that nothing was seen, and a
count of 0 that there was nothing to see.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue, TypeAdapter

from services.analyzer.passing import Line, PassingCounter
from services.analyzer.scene import Scene, TrackView
from services.analyzer.state import plain
from services.analyzer.tally import Tally
from shared.catalogue import COUNTED, VEHICLES
from shared.clock import NS
from shared.messages import LaneStats
from shared.site import Camera, Zone

# Of a box, this much at its lower edge is taken for the vehicle's place on the road, the rest for its height. Seen
# from 10° above the road, a car's is about a third, from 20° a half.
_FOOTPRINT = 0.4
# What was seen on a frame holds until the next one, for this long at most; more is a gap that nobody observed.
_GAP_NS = NS
# ... or for this many frames of a slow camera.
_GAP_FRAMES = 3


@dataclass(slots=True)
class _Held:
    """What the last frame showed of a lane: the classes over its line, and how many vehicles were in the zone."""

    labels: list[str]
    vehicles: int


@dataclass(slots=True)
class _Sums:
    """The interval that is being summed up.

    Attributes:
        start: UTC ns.
        last: the last frame, UTC ns.
        observed: ns.
    """

    start: int
    last: int
    run: str | None
    observed: int
    held: dict[str, _Held]
    tallies: dict[str, Tally]


_State = tuple[int, list[Zone], _Sums | None, JsonValue]
_STATE: TypeAdapter[_State] = TypeAdapter(_State)


class LaneMeter:
    """The lanes of one camera.

    Args:
        interval: ns.
    """

    def __init__(self, camera: Camera, interval: int) -> None:
        self._camera, self._interval = camera.id, interval
        self._zones = {zone.id: zone for zone in camera.zones if zone.kind in COUNTED}
        # By id, with a list of it alone: nearly every vehicle is in one zone, and this runs for each on every frame.
        self._classes = {zone.id: (COUNTED[zone.kind], [zone.id]) for zone in self._zones.values()}
        self._gap = max(_GAP_NS, round(_GAP_FRAMES * NS / camera.fps))
        self._counter = PassingCounter()
        self._sums: _Sums | None = None
        self._lines: dict[str, Line] = {}
        self._aspect = 0.0

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return plain(_STATE, (self._interval, list(self._zones.values()), self._sums, self._counter.state()))

    def restore(self, value: JsonValue) -> bool:
        """Go on from a `state()`.

        Returns:
            False when it is of other zones or another length of interval: the sums then begin anew.

        Raises:
            ValueError: no such state.
        """
        interval, zones, sums, passings = _STATE.validate_python(value)
        if (interval, zones) != (self._interval, list(self._zones.values())):
            return False
        self._counter.restore(passings)
        self._sums = sums
        return True

    def step(self, scene: Scene) -> list[LaneStats]:
        """Take one frame; returns the intervals that have ended, one message per lane."""
        if not self._zones:
            return []
        if scene.aspect != self._aspect:
            self._aspect = scene.aspect
            self._lines = {key: Line(zone, scene.aspect) for key, zone in self._zones.items()}
        told = self._advance(scene)
        sums = self._sums
        assert sums is not None
        where = [self._counted(track) for track in scene.tracks]
        for passing in self._counter.step(scene, where, self._lines):
            sums.tallies[passing.zone].passed(passing.track)
        sums.held = self._seen(scene.tracks, where)
        return told

    def close(self) -> list[LaneStats]:
        """The interval that has not ended, as far as it was observed; the next frame begins anew."""
        sums, self._sums = self._sums, None
        return self._messages(sums) if sums is not None else []

    def _advance(self, scene: Scene) -> list[LaneStats]:
        """Add the time since the last frame, and change over to the interval of this one."""
        now, sums = scene.captured_at, self._sums
        start = now - now % self._interval
        if sums is None:
            self._sums = self._begin(start, now, scene.run)
            return []
        observed = now - sums.last <= self._gap  # of a gap nothing is known
        if observed:
            _add(sums, min(now, sums.start + self._interval) - sums.last)
        sums.last = now
        if start == sums.start:
            return []
        told = self._messages(sums)
        self._sums = self._begin(start, now, scene.run)
        self._sums.held = sums.held
        if observed:
            _add(self._sums, now - start)
        return told

    def _begin(self, start: int, now: int, run: str | None) -> _Sums:
        return _Sums(start, now, run, 0, {}, {zone: Tally() for zone in self._zones})

    def _messages(self, sums: _Sums) -> list[LaneStats]:
        end = sums.start + self._interval
        return [
            tally.message(
                self._camera, zone, sums.run, sums.start, end, sums.observed,
                has_line=self._zones[zone].direction is not None,
            )
            for zone, tally in sums.tallies.items()
        ]  # fmt: skip

    def _counted(self, track: TrackView) -> list[str] | None:
        """The zones that count the track where it is; None for what is no vehicle."""
        label, zones = track.label, track.zones
        if label not in VEHICLES:
            return None
        if len(zones) == 1 and (found := self._classes.get(zones[0].id)):
            classes, alone = found
            return alone if label in classes else []
        return [zone.id for zone in zones if zone.id in self._classes and label in self._classes[zone.id][0]]

    def _seen(self, tracks: Sequence[TrackView], where: Sequence[list[str] | None]) -> dict[str, _Held]:
        held: dict[str, _Held] = {}
        for track, zones in zip(tracks, where, strict=True):
            if not zones:
                continue
            x1, y1, x2, y2 = track.box
            width, height = (x2 - x1) * self._aspect, (y2 - y1) * _FOOTPRINT
            for zone in zones:
                own = held.get(zone)
                if own is None:
                    own = held[zone] = _Held([], 0)
                own.vehicles += 1
                if self._lines[zone].covered(track.ground, width, height) and track.label not in own.labels:
                    own.labels.append(track.label)
        return held


def _add(sums: _Sums, elapsed: int) -> None:
    """Let what the last frame showed hold for so many ns."""
    if elapsed:
        sums.observed += elapsed
        for zone, held in sums.held.items():
            sums.tallies[zone].hold(held.labels, held.vehicles, elapsed)
