"""`wrong-way`: a vehicle that travels against the direction of its zone for 1 s."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import JsonValue, TypeAdapter

from services.analyzer.boxes import box_iou
from services.analyzer.centreline import Runs
from services.analyzer.claims import Claim
from services.analyzer.incidents import Hysteresis, IncidentBook, OpenIncident
from services.analyzer.rules.base import Watch, Watches, watched_zone
from services.analyzer.rules.retreat import Course
from services.analyzer.rules.standing import Stands
from services.analyzer.scene import Scene, TrackView
from services.analyzer.state import plain
from shared.clock import NS
from shared.messages import Incident

# The travel may be interrupted for this long by displaced and missed boxes without starting again: of ten frames
# a second half may be missed, in runs of up to seven.
_GAP_NS = int(0.8 * NS)
_MIN_SCORE = 0.3
# A track that is missed for longer has another course when it is found again.
_FORGET_NS = 2 * NS
# Far away the boxes of a queue overlap, and a track slips from a car to the one behind when they move up. Who has
# another vehicle of the lane within this many sizes goes nowhere, and is not told.
_ALONE = 2.0
# ... until that one was missed for as long: in rain the detector sees one car or another of a queue by turns.
_ALONE_NS = int(0.6 * NS)
# A track also slips to who stands in the lane beside: who has not gone farther than that yet, and has one that stood
# there so near, may have.
_BESIDE = 1.0
# Who goes back comes to where nobody stood. At a place that is this near to one where a vehicle stood before the way
# back began, sizes, the track has slipped to that vehicle.
_TAKEN = 0.4
# A neighbour of the queue that is not seen now was within this time.
_NEIGHBOUR_NS = 2 * NS
# Turned round: 2 s without wrong travel. Lost: 8 s; a lorry hides what passes it for less.
_HYSTERESIS = Hysteresis(elsewhere_ns=2 * NS, lost_ns=8 * NS)
_SAME_PLACE_IOU = 0.1
# A vehicle that was hidden reappears on a new track up to this many sizes further per second.
_REACH = 4.0


@dataclass(slots=True)
class _Travel:
    """A track's course; since when it goes the wrong way; when that, the track, others beside it were last seen; UTC
    ns."""

    course: Course = field(default_factory=Course)
    since: int | None = None
    last: int = 0
    seen: int = 0
    crowded: int | None = None


_STATE: TypeAdapter[tuple[list[tuple[int, _Travel]], JsonValue, JsonValue]] = TypeAdapter(
    tuple[list[tuple[int, _Travel]], JsonValue, JsonValue]
)


class WrongWay:
    """Opens on lasting travel against a zone's `direction`; zones without one are not watched."""

    incident: ClassVar[str] = "wrong-way"

    def __init__(self, site: str, watches: Watches) -> None:
        self._watches = {key: watch for key, watch in watches.items() if watch.zone.direction is not None}
        self._runs = Runs()
        self._stands = Stands(self._watches)
        self._travels: dict[int, _Travel] = {}
        self._book = IncidentBook(self.incident, site, _HYSTERESIS, _same_vehicle)

    def step(self, scene: Scene) -> list[Incident]:
        """See `Rule.step`."""
        self._stands.update(scene)
        claims = []
        for track in scene.tracks:
            watch = watched_zone(track, self._watches)
            if watch and (claim := self._claim(track, watch, scene)):
                claims.append(claim)
        stale = [key for key, travel in self._travels.items() if scene.captured_at - travel.seen > _FORGET_NS]
        for key in stale:
            del self._travels[key]
        return self._book.step(scene, claims)

    def close(self, scene: Scene) -> list[Incident]:
        """See `Rule.close`."""
        return self._book.close(scene)

    def hold(self, elapsed: int) -> None:
        """See `Rule.hold`."""
        self._book.hold(elapsed)

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return plain(_STATE, (list(self._travels.items()), self._stands.state(), self._book.state()))

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        travels, stands, book = _STATE.validate_python(value)
        self._travels = dict(travels)
        self._stands.restore(stands)
        self._book.restore(book)

    def _claim(self, track: TrackView, watch: Watch, scene: Scene) -> Claim | None:
        now = scene.captured_at
        travel = self._travels.setdefault(track.track_id, _Travel())
        travel.seen = now
        if _crowded(track, watch, scene):
            travel.crowded = now
        run = self._runs.tangent(watch.zone, scene.aspect, track.ground)
        turned = travel.course.turned_at(track, run, scene.aspect, now)
        if turned is None or track.score < _MIN_SCORE:
            return None
        if travel.since is None or now - travel.last > _GAP_NS:
            travel.since = turned
        travel.last = now
        opens = (
            now - travel.since >= watch.after_ns
            and watch.may_open(now)
            and (travel.crowded is None or now - travel.crowded >= _ALONE_NS)
            and not self._slipped(track, travel, watch, now)
        )
        return Claim(track, watch.zone.id, watch.severity, travel.since, opens)

    def _slipped(self, track: TrackView, travel: _Travel, watch: Watch, now: int) -> bool:
        """Whether the track may have come back to, or from, a vehicle that stood there and is missed by turns."""
        turned_at = travel.since or now
        began = travel.course.began(turned_at)
        nearby = math.dist(began, track.ground) <= _ALONE * track.size
        for stand in self._stands.seen(now):
            apart = math.dist(stand.ground, track.ground)
            if math.dist(stand.ground, began) <= _TAKEN * track.size or stand.track_ids == [track.track_id]:
                continue  # where it stood itself
            if stand.since < turned_at and apart <= _TAKEN * track.size:
                return True
            reach = _ALONE if watch.zone.id in stand.zones else _BESIDE if nearby else 0.0
            if apart <= reach * max(stand.size, track.size) and now - stand.last <= _NEIGHBOUR_NS:
                return True
        return False


def _crowded(track: TrackView, watch: Watch, scene: Scene) -> bool:
    """Whether another vehicle of the zone is so near that the track may have come from it."""
    return any(
        other is not track
        and watch.concerns(other.label)
        and math.dist(other.ground, track.ground) <= _ALONE * max(other.size, track.size)
        and any(zone.id == watch.zone.id for zone in other.zones)
        for other in scene.tracks
    )


def _same_vehicle(item: OpenIncident, claim: Claim, now: int) -> bool:
    if box_iou(item.box, claim.track.box) >= _SAME_PLACE_IOU:
        return True
    elapsed = (now - item.last_seen) / NS
    reach = (1 + _REACH * elapsed) * max(item.size, claim.track.size)
    return elapsed > 0 and math.dist(item.ground, claim.track.ground) <= reach
