"""Turnarounds at the stands of one camera, folded from its own incidents; docs/stands.md defines them.

Input are the changes of `stand-occupied` and `service-vehicle` on each frame, output are revisions of `Turnaround`.
What the camera did not see is not told: an aircraft that stood there as the observation began has no in-block time,
one that was lost from sight no off-block time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue, TypeAdapter

from services.analyzer.scene import Scene
from services.analyzer.state import plain
from services.analyzer.stay import begun, ended, seconds, with_visit
from shared.clock import NS
from shared.messages import Incident
from shared.site import Camera
from shared.turnaround import StayStatus, Turnaround, VehicleVisit

# What rests within this time of the first frame was there before: a detector needs a moment to find it. An aircraft
# that comes to rest in the very first seconds of a stream goes without in-block time, too.
_BEGINNING_NS = 5 * NS
# After a gap of this length the observation begins anew: an aircraft may have come in between. As in `stage`, where
# tracks begin anew then.
_GAP_NS = 30 * NS
# A-CDM exchanges times by the minute. An aircraft that was last seen longer than that before it was known to be gone
# has left at a time that nobody knows.
_SURE_NS = 60 * NS
# Vehicles at a stand on which no aircraft is known yet; more than have ever served one at a time.
_MOST_WAITING = 50

# The order within a frame: vehicles find the stay that begins with them, and are known before it ends.
_ORDER = {("stand-occupied", "opened"): 0, ("service-vehicle", "opened"): 1, ("service-vehicle", "closed"): 2,
          ("stand-occupied", "closed"): 3}  # fmt: skip


@dataclass(slots=True)
class _Stand:
    """Attributes: the stay that lasts, the one before it (which vehicles may still leave), and vehicles of neither."""

    current: Turnaround | None = None
    last: Turnaround | None = None
    waiting: list[VehicleVisit] = field(default_factory=list)


_State = tuple[int | None, int, dict[str, _Stand]]
_STATE: TypeAdapter[_State] = TypeAdapter(_State)


class TurnaroundBook:
    """The stays at one camera's stands."""

    def __init__(self, camera: Camera) -> None:
        self._zones = {zone.id for zone in camera.zones}
        self._stands: dict[str, _Stand] = {}
        self._observed_since: int | None = None
        self._last_frame = 0
        self._changed: dict[str, Turnaround] = {}

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return plain(_STATE, (self._observed_since, self._last_frame, self._stands))

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        self._observed_since, self._last_frame, self._stands = _STATE.validate_python(value)

    def step(self, scene: Scene, incidents: Iterable[Incident]) -> list[Turnaround]:
        """Take one frame's changes; returns the stays that changed, in the order in which they began to."""
        now = scene.captured_at
        if self._observed_since is None or now - self._last_frame > _GAP_NS:
            self._observed_since = now
        self._last_frame = now
        return self._take(incidents, lost=False)

    def close(self, incidents: Iterable[Incident]) -> list[Turnaround]:
        """Take the changes that end a time line (`Rule.close`): no departure was seen. The next frame begins anew."""
        told = self._take(incidents, lost=True)
        self._stands, self._observed_since = {}, None
        return told

    def _take(self, incidents: Iterable[Incident], *, lost: bool) -> list[Turnaround]:
        relevant = [item for item in incidents if (item.incident, item.change) in _ORDER]
        if not relevant:
            return []
        self._changed = {}
        for item in sorted(relevant, key=lambda item: _ORDER[(item.incident, item.change)]):
            stand = self._stands.setdefault(item.zone, _Stand())
            if item.incident == "service-vehicle":
                self._vehicle(stand, item)
            elif item.change == "opened":
                self._occupied(stand, item)
            elif stand.current is not None and stand.current.turnaround_id == item.incident_id:
                self._ended(stand, item, self._status(item, lost))
        return list(self._changed.values())

    def _occupied(self, stand: _Stand, item: Incident) -> None:
        if stand.current is not None:  # the incident's own state was lost; this one will never be told to have left
            self._ended(stand, item.model_copy(update={"ended_at": stand.current.changed_at}), "lost")
        there = [visit for visit in stand.waiting if visit.left is None or visit.left > item.started_at]
        if stand.last is not None:
            there += [visit for visit in stand.last.vehicles if visit.left is None]
        stand.waiting = []
        in_block = item.started_at if self._saw(item.started_at) else None
        stand.current = begun(item, in_block, there)
        self._changed[item.incident_id] = stand.current

    def _ended(self, stand: _Stand, item: Incident, status: StayStatus) -> None:
        assert stand.current is not None
        last_seen = item.ended_at if item.ended_at is not None else item.changed_at
        stand.last = self._told(stand.current, ended(stand.current, status, last_seen), item)
        stand.current = None

    def _status(self, item: Incident, lost: bool) -> StayStatus:
        last_seen = item.ended_at if item.ended_at is not None else item.changed_at
        # A zone that the site has dropped closes its incidents, too.
        seen = not lost and item.zone in self._zones and item.changed_at - last_seen <= _SURE_NS
        return "vacated" if seen else "lost"

    def _vehicle(self, stand: _Stand, item: Incident) -> None:
        visit = self._visit(item)
        known = [
            stay for stay in (stand.current, stand.last)
            if stay is not None and any(other.incident_id == item.incident_id for other in stay.vehicles)
        ]  # fmt: skip
        if item.change == "opened":
            if stand.current is not None:
                known = [stand.current]
            elif (
                stand.last is not None and stand.last.last_seen is not None and visit.first_seen < stand.last.last_seen
            ):
                known = [stand.last]
            else:
                stand.waiting = [*stand.waiting, visit][-_MOST_WAITING:]
        for stay in known:
            told = self._told(stay, with_visit(stay, self._as_it_came(stay.vehicles, visit)), item)
            if stay is stand.current:
                stand.current = told
            else:
                stand.last = told
        stand.waiting = [
            self._as_it_came([other], visit) if other.incident_id == visit.incident_id else other
            for other in stand.waiting
        ]

    def _visit(self, item: Incident) -> VehicleVisit:
        arrived = item.started_at if self._saw(item.started_at) else None
        return VehicleVisit(
            incident_id=item.incident_id,
            label=item.label,
            track_ids=item.track_ids,
            first_seen=item.started_at,
            arrived=arrived,
            left=item.ended_at,
            duration_s=seconds(arrived, item.ended_at),
        )

    @staticmethod
    def _as_it_came(known: Sequence[VehicleVisit], visit: VehicleVisit) -> VehicleVisit:
        """The visit with the arrival that was known when it began: the observation may have begun anew since."""
        for other in known:
            if other.incident_id == visit.incident_id:
                length = seconds(other.arrived, visit.left)
                return visit.model_copy(update={"arrived": other.arrived, "duration_s": length})
        return visit

    def _saw(self, time_ns: int) -> bool:
        """Whether what came to rest at this time did so before the camera's eyes."""
        return self._observed_since is not None and time_ns - self._observed_since > _BEGINNING_NS

    def _told(self, before: Turnaround, after: Turnaround, item: Incident) -> Turnaround:
        """The next revision, once per frame however many changes it holds."""
        again = before.turnaround_id in self._changed
        told = after.model_copy(
            update={"revision": before.revision + (not again), "changed_at": max(item.changed_at, before.changed_at)}
        )
        self._changed[before.turnaround_id] = told
        return told
