"""The common machine of `person-on-lane`, `animal-on-lane` and `intrusion`: something that is where it must not be."""

import math
from dataclasses import dataclass
from typing import ClassVar

from pydantic import JsonValue, TypeAdapter

from services.analyzer.centreline import Runs
from services.analyzer.claims import Claim
from services.analyzer.incidents import Hysteresis, IncidentBook, OpenIncident
from services.analyzer.rules import scores
from services.analyzer.rules.base import Watch, Watches, watched_zone
from services.analyzer.scene import BoxTuple, Point, Scene, TrackView
from services.analyzer.state import plain
from shared.catalogue import ROAD_VEHICLES
from shared.clock import NS
from shared.messages import Incident
from shared.riders import TWO_WHEELERS, is_aboard, is_on_two_wheels

# Left the lane: 2 s beside it. Lost: 12 s hidden or missed; a lorry that crawls past hides a person for 5 to 10 s.
_HYSTERESIS = Hysteresis(elsewhere_ns=2 * NS, lost_ns=12 * NS)
# Seen beside the zones for longer, it has left them; a box that strays for less does not restart the presence.
_GAP_NS = NS
# Missed for longer, a new track nearby is somebody else.
_FORGET_NS = 4 * NS
# ... and than this, when an incident has told of the lost one: who comes is told, and began when he came.
_TOLD_NS = NS
# What was seen and missed longer ago than so many frames counts half, and so on.
_MEMORY = 64
# Share of the frames on which it was detected: a detector that misses every second one at random stays above.
_MIN_SEEN = 0.4
# What must come together: this mean score over the zone's time, or less over longer.
_MIN_SCORE = scores.PRESENT
# Half of the scores must be for a name of the rule's: an insect on the lens is an animal, a car and a thing by turns,
# and the most frequent of many names says little.
_BY_NAME = 0.5
# Below it in the mean only what has moved by half its size counts: a post that resembles a person stays where it is.
_WEAK_MOVES = 0.5
_WEAKEST = scores.WEAKEST_PRESENT
# ... and not along the lane at this speed (sizes per second) or more: seen along the road, walking is half as fast, and
# this is a rider whose motorcycle is too small to be seen.
_WEAK_PACE = 1.2
# Who was seen on a motorcycle or bicycle, or called one, is on it this much longer while it moves at this speed or more
# (sizes per second): a detector sees the rider, his motorcycle and both by turns.
_RIDES_ON_NS = 2 * NS
_RIDES_ON_PACE = 0.5
# Nobody on foot is faster, km/h, where the camera is calibrated.
_ON_FOOT_KMH = 30.0
# People walk about 1.5 box sizes a second; a lost person reappears within reach of that, and those who stand
# together are one incident.
_REACH = 1.5
_MAX_REACH = 6.0
# Who reappears has about the same size; one who is much larger came from elsewhere.
_ALIKE = 1.4


@dataclass(slots=True)
class Sighting:
    """All that was seen of one track, in watched zones or beside them; times are UTC ns of frames.

    Attributes:
        began: the first frame, at the place `first`.
        score_sum, named_sum: of all detections, and of those that were called by a name that the rule is about.
        inside_since, inside_last: when it came into watched zones, and was last seen there.
        wheels: whether it began as a motorcycle or bicycle.
        rode: when it was last seen on one, or called one.
        after: the last track that it went on with and that an incident has: it is one of that incident, however far the
            others have gone.
        ground, size: where it was last seen, picture heights.
    """

    began: int
    first: Point
    ground: Point
    size: float
    last: int
    seen: float = 0.0
    frames: float = 1.0
    score_sum: float = 0.0
    named_sum: float = 0.0
    inside_since: int | None = None
    inside_last: int = 0
    wheels: bool = False
    rode: int | None = None
    after: int | None = None


_STATE: TypeAdapter[tuple[list[tuple[int, Sighting]], JsonValue]] = TypeAdapter(
    tuple[list[tuple[int, Sighting]], JsonValue]
)


class PresenceRule:
    """Opens when an object has been in watched zones for the time; one incident however many zones are crossed."""

    incident: ClassVar[str]

    def __init__(self, site: str, watches: Watches) -> None:
        self._watches = watches
        self._runs = Runs()
        self._sightings: dict[int, Sighting] = {}
        self._book = IncidentBook(self.incident, site, _HYSTERESIS, _within_reach)

    def step(self, scene: Scene) -> list[Incident]:
        """See `Rule.step`."""
        now = scene.captured_at
        for sighting in self._sightings.values():
            sighting.frames += 1
            if sighting.frames >= _MEMORY:
                sighting.frames, sighting.seen = sighting.frames / 2, sighting.seen / 2
                sighting.score_sum, sighting.named_sum = sighting.score_sum / 2, sighting.named_sum / 2
        claims = []
        vehicles = [track for track in scene.tracks if track.label in ROAD_VEHICLES]
        present = {track.track_id for track in scene.tracks}
        for track in scene.tracks:
            if not any(watch.concerns(track.label) for watch in self._watches.values()):
                if track.label in TWO_WHEELERS:  # its rider may be seen next in its place
                    self._see(track, present, now).rode = now
                continue
            sighting = self._see(track, present, now)
            if track.label not in ROAD_VEHICLES and (
                is_aboard(track, vehicles)
                or _rides_on(track, sighting, vehicles, now)
                or (track.speed_kmh or 0.0) > _ON_FOOT_KMH
            ):
                continue
            watch = watched_zone(track, self._watches)
            if watch is not None:
                claims.append(self._claim(track, sighting, watch, scene))
            elif now - sighting.inside_last > _GAP_NS:
                sighting.inside_since = None
        for key in [key for key, sighting in self._sightings.items() if now - sighting.last > _FORGET_NS]:
            del self._sightings[key]
        return self._book.step(scene, claims)

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return plain(_STATE, (list(self._sightings.items()), self._book.state()))

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        sightings, book = _STATE.validate_python(value)
        self._sightings = dict(sightings)
        self._book.restore(book)

    def close(self, scene: Scene) -> list[Incident]:
        """See `Rule.close`."""
        return self._book.close(scene)

    def hold(self, elapsed: int) -> None:
        """See `Rule.hold`."""
        self._book.hold(elapsed)

    def places(self) -> list[BoxTuple]:
        """Where those of the open incidents were seen last, 0..1."""
        return self._book.boxes()

    def _see(self, track: TrackView, present: set[int], now: int) -> Sighting:
        sighting = self._sightings.get(track.track_id)
        if sighting is None:
            sighting = self._sightings[track.track_id] = _begun(track, self._lost_here(track, present, now), now)
        sighting.ground, sighting.size, sighting.last = track.ground, track.size, now
        sighting.seen += 1
        sighting.score_sum += track.score
        if self._is_called_so(track):
            sighting.named_sum += track.score
        return sighting

    def _is_called_so(self, track: TrackView) -> bool:
        """Whether it has a name of the rule's on this very frame; a track may slip to a vehicle that passes."""
        return track.called is None or any(watch.concerns(track.called) for watch in self._watches.values())

    def _lost_here(self, track: TrackView, present: set[int], now: int) -> Sighting | None:
        """The sighting that a new track goes on with: a far person is found on some frames and missed on others."""
        for key, sighting in self._sightings.items():
            reach = _REACH * (1 + (now - sighting.last) / NS) * max(sighting.size, track.size)
            near = math.dist(sighting.ground, track.ground) <= reach
            if key not in present and near and _alike(sighting.size, track.size):
                if self._book.follows(key):
                    if now - sighting.last > _TOLD_NS:
                        continue
                    sighting.after = key
                return self._sightings.pop(key)
        return None

    def _claim(self, track: TrackView, sighting: Sighting, watch: Watch, scene: Scene) -> Claim:
        now = scene.captured_at
        if sighting.inside_since is None:
            sighting.inside_since = now
        sighting.inside_last = now
        opens = (
            now - sighting.inside_since >= watch.after_ns
            and sighting.seen >= _MIN_SEEN * sighting.frames
            and self._is_sure(sighting, track, watch, scene)
            and self._on_foot(sighting, track, watch, scene)
            and watch.may_open(now)
        )
        return Claim(track, watch.zone.id, watch.severity, sighting.inside_since, opens, after=sighting.after)

    def _is_sure(self, sighting: Sighting, track: TrackView, watch: Watch, scene: Scene) -> bool:
        """Whether the scores so far, over the time so far, are enough."""
        if sighting.named_sum < _BY_NAME * sighting.score_sum or not self._is_called_so(track):
            return False
        mean = sighting.score_sum / sighting.seen
        total = sighting.score_sum / sighting.frames * (scene.captured_at - sighting.began)
        if total < _MIN_SCORE * watch.after_ns:
            return False
        if mean >= _MIN_SCORE:
            return True
        moved = math.dist(track.ground, sighting.first) >= _WEAK_MOVES * track.size
        return mean >= _WEAKEST and moved and not self._rides(track, watch, scene)

    def _on_foot(self, sighting: Sighting, track: TrackView, watch: Watch, scene: Scene) -> bool:
        """Whether it moves as somebody on foot does; for rules that ask."""
        return True

    def _rides(self, track: TrackView, watch: Watch, scene: Scene) -> bool:
        """Whether the track moves along the lane faster than people walk, or cannot be told yet."""
        if track.velocity is None:
            return True
        x, y = self._runs.tangent(watch.zone, scene.aspect, track.ground)
        along = abs(track.velocity[0] * x + track.velocity[1] * y)
        across = abs(track.velocity[0] * y - track.velocity[1] * x)
        return along >= _WEAK_PACE and along > across


def _begun(track: TrackView, lost: Sighting | None, now: int) -> Sighting:
    """What is known of a new track: it goes on with who was lost there, or may be the rider of what was."""
    wheels = track.label in TWO_WHEELERS
    if lost is not None and lost.wheels == wheels:
        return lost
    rode = lost.rode if lost is not None else None
    return Sighting(now, track.ground, track.ground, track.size, now, wheels=wheels, rode=rode)


def _rides_on(track: TrackView, sighting: Sighting, vehicles: list[TrackView], now: int) -> bool:
    """Whether the track was on two wheels lately, and moves."""
    if track.called in TWO_WHEELERS or is_on_two_wheels(track, vehicles):
        sighting.rode = now
    return (
        sighting.rode is not None
        and now - sighting.rode <= _RIDES_ON_NS
        and (track.speed is None or track.speed >= _RIDES_ON_PACE)
    )


def _alike(a: float, b: float) -> bool:
    return max(a, b) <= _ALIKE * min(a, b)


def _within_reach(item: OpenIncident, claim: Claim, now: int) -> bool:
    elapsed = now - item.last_seen
    reach = min(_REACH * (1 + elapsed / NS), _MAX_REACH) * max(item.size, claim.track.size)
    near = math.dist(item.ground, claim.track.ground) <= reach
    return near and (elapsed <= NS or _alike(item.size, claim.track.size))
