"""The common machine of `person-on-lane`, `animal-on-lane` and `intrusion`: something that is where it must not be."""

import math
from dataclasses import dataclass
from typing import ClassVar

from pydantic import JsonValue, TypeAdapter

from services.analyzer.incidents import Claim, Hysteresis, IncidentBook, OpenIncident
from services.analyzer.motion import coverage
from services.analyzer.rules.base import Watch, Watches, watched_zone
from services.analyzer.scene import BoxTuple, Point, Scene, TrackView
from services.analyzer.state import plain
from shared.catalogue import ROAD_VEHICLES
from shared.clock import NS
from shared.messages import Incident

# Left the lane: 2 s beside it. Lost: 12 s hidden or missed; a lorry that crawls past hides a person for 5 to 10 s.
_HYSTERESIS = Hysteresis(elsewhere_ns=2 * NS, lost_ns=12 * NS)
# A gap in the detections shorter than this does not restart the presence.
_GAP_NS = NS
# Share of the frames on which it was detected: a detector that misses every second one at random stays above.
_MIN_SEEN = 0.4
# What must come together: a mean score of 0.35 over the zone's time, or less over longer. Far persons of 25 px score
# 0.2 to 0.35 with YOLO11n.
_MIN_SCORE = 0.35
# Below it in the mean only what has moved by half its size counts: a post that resembles a person stays where it is.
_WEAK_MOVES = 0.5
_WEAKEST = 0.15
# People walk about 1.5 box sizes a second; a lost person reappears within reach of that, and those who stand
# together are one incident.
_REACH = 1.5
_MAX_REACH = 6.0
# A driver shows at least this share of the vehicle's height; a smaller person stands far behind it.
_LEAST_RIDER = 0.15
_TWO_WHEELERS = frozenset({"motorcycle", "bicycle"})


@dataclass(slots=True)
class _Presence:
    since: int
    last: int
    seen: int
    frames: int
    score_sum: float
    first: Point


_STATE: TypeAdapter[tuple[list[tuple[int, _Presence]], JsonValue]] = TypeAdapter(
    tuple[list[tuple[int, _Presence]], JsonValue]
)


class PresenceRule:
    """Opens when an object has been in watched zones for the time; one incident however many zones are crossed."""

    incident: ClassVar[str]

    def __init__(self, site: str, watches: Watches) -> None:
        self._watches = watches
        self._present: dict[int, _Presence] = {}
        self._book = IncidentBook(self.incident, site, _HYSTERESIS, _within_reach)

    def step(self, scene: Scene) -> list[Incident]:
        """See `Rule.step`."""
        for presence in self._present.values():
            presence.frames += 1
        claims = []
        vehicles = [track for track in scene.tracks if track.label in ROAD_VEHICLES]
        for track in scene.tracks:
            watch = watched_zone(track, self._watches)
            if watch is not None and not (track.label not in ROAD_VEHICLES and is_aboard(track, vehicles)):
                claims.append(self._claim(track, watch, scene.captured_at))
        stale = [key for key, presence in self._present.items() if scene.captured_at - presence.last > _GAP_NS]
        for key in stale:
            del self._present[key]
        return self._book.step(scene, claims)

    def close(self, scene: Scene) -> list[Incident]:
        """See `Rule.close`."""
        return self._book.close(scene)

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return plain(_STATE, (list(self._present.items()), self._book.state()))

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        present, book = _STATE.validate_python(value)
        self._present = dict(present)
        self._book.restore(book)

    def _claim(self, track: TrackView, watch: Watch, now: int) -> Claim:
        presence = self._present.setdefault(track.track_id, _Presence(now, now, 0, 1, 0.0, track.ground))
        presence.last = now
        presence.seen += 1
        presence.score_sum += track.score
        opens = (
            now - presence.since >= watch.after_ns
            and presence.seen >= _MIN_SEEN * presence.frames
            and _is_sure(presence, track, now - presence.since, watch.after_ns)
            and watch.may_open(now)
        )
        return Claim(track, watch.zone.id, watch.severity, presence.since, opens)


def _is_sure(presence: _Presence, track: TrackView, present_ns: int, after_ns: int) -> bool:
    """Whether the scores so far, over the time so far, are enough."""
    mean = presence.score_sum / presence.seen
    if mean >= _MIN_SCORE:
        return True
    moved = math.dist(track.ground, presence.first) >= _WEAK_MOVES * track.size
    total = presence.score_sum / presence.frames * present_ns
    return moved and mean >= _WEAKEST and total >= _MIN_SCORE * after_ns


def is_aboard(rider: TrackView, vehicles: list[TrackView]) -> bool:
    """Whether a person or animal rides or sits in one of the vehicles.

    A rider's box overlaps the two-wheeler's. Driver and passengers lie inside the vehicle's box with their
    lower edge well above the vehicle's; someone who stands before the vehicle has it at the same height or below.
    """
    for vehicle in vehicles:
        if _height(rider.box) < _LEAST_RIDER * _height(vehicle.box):
            continue
        inside = coverage(rider.box, vehicle.box)
        if vehicle.label in _TWO_WHEELERS:
            if inside >= 0.3:
                return True
        elif inside >= 0.6 and rider.box[3] < vehicle.box[3] - 0.15 * _height(vehicle.box):
            return True
    return False


def _height(box: BoxTuple) -> float:
    return box[3] - box[1]


def _within_reach(item: OpenIncident, claim: Claim, now: int) -> bool:
    reach = min(_REACH * (1 + (now - item.last_seen) / NS), _MAX_REACH) * max(item.size, claim.track.size)
    return math.dist(item.ground, claim.track.ground) <= reach
