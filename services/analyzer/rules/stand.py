"""`stand-occupied`, `stand-vacated`, `service-vehicle`: what happens at a stand between in-block and off-block.

The milestones are those of the A-CDM Implementation Manual (EUROCONTROL): in-block (AIBT) is when the aircraft came to
rest in the stand zone, off-block (AOBT) when it left its place there.

- `stand-occupied` opens when an airplane has rested in the zone for 20 s; `started_at` is in-block. It holds while the
  airplane, or what can be seen of it, is at its place; vehicles and people may hide it for 5 minutes. It closes 10 s
  after the airplane was seen off its place; `ended_at` is off-block.
- `stand-vacated` is that moment: it opens and closes on the frame on which the departure is sure; `started_at` is
  off-block. An airplane that only passes was never in-block and gives none.
- `service-vehicle` opens when a road vehicle has rested in the zone for 10 s while an airplane is on it (it may have
  arrived before), and closes 5 s after it was seen to leave, or after a minute unseen.
"""

from typing import ClassVar

from pydantic import JsonValue, TypeAdapter

from services.analyzer.boxes import box_iou, coverage
from services.analyzer.claims import Claim
from services.analyzer.incidents import Hysteresis, OpenIncident
from services.analyzer.rules.base import Watch, Watches
from services.analyzer.rules.resting import RestingRule
from services.analyzer.scene import Scene, TrackView
from services.analyzer.state import plain
from shared.catalogue import AIRCRAFT
from shared.clock import NS, incident_id
from shared.messages import Incident

_MIN_SCORE = 0.35
# Catering lorries and buses stand before an aircraft for minutes; a push-back takes longer than 10 s.
_HIDDEN_NS = 300 * NS
_AIRCRAFT = Hysteresis(elsewhere_ns=10 * NS, lost_ns=_HIDDEN_NS)
_VEHICLE = Hysteresis(elsewhere_ns=5 * NS, lost_ns=60 * NS)
# An aircraft is at its place while this share of its box lies in the box of its in-block. What is left of it
# beside a lorry does; after a quarter of its length it does not.
_AT_PLACE = 0.75
# A track that begins this much over what was last seen of the aircraft is the aircraft's: the tracker may lose it as it
# is pushed back, and then nobody would see it leave. One that passes has begun elsewhere.
_GOES_ON = 0.3


class StandOccupied(RestingRule):
    """Opens at an airplane's rest in a stand zone; closes at its departure. One airplane per zone."""

    incident: ClassVar[str] = "stand-occupied"

    def __init__(self, site: str, watches: Watches) -> None:
        super().__init__(
            self.incident, site, watches, min_score=_MIN_SCORE, hysteresis=_AIRCRAFT, same_place=_same_zone
        )

    def step(self, scene: Scene) -> list[Incident]:
        """See `Rule.step`."""
        return super().step(scene) + [
            self._book.adopt(item, track.track_id, scene)
            for track in scene.tracks
            if track.velocity is None and track.label in AIRCRAFT and not self._book.follows(track.track_id)
            for zone in self._watches
            if (item := self._book.open_in(zone)) and box_iou(item.box, track.box) >= _GOES_ON
        ]

    def _claims(self, scene: Scene) -> list[Claim]:
        return [claim for claim in super()._claims(scene) if claim.zone and self._at_place(claim)]

    def _at_place(self, claim: Claim) -> bool:
        item = self._book.open_in(claim.zone)
        return item is None or coverage(claim.track.box, item.anchor) >= _AT_PLACE


class StandVacated:
    """A moment: opened and closed on the frame on which an airplane's departure from a stand is sure."""

    incident: ClassVar[str] = "stand-vacated"

    def __init__(self, site: str, watches: Watches) -> None:
        self._site, self._watches = site, watches
        self._occupied = StandOccupied(site, watches)

    def step(self, scene: Scene) -> list[Incident]:
        """See `Rule.step`."""
        return [
            moment
            for change in self._occupied.step(scene)
            if change.change == "closed" and self._may_tell(change.zone, scene.captured_at)
            for moment in self._moment(change)
        ]

    def _may_tell(self, zone: str, now: int) -> bool:
        watch = self._watches.get(zone)  # none: the site has dropped the zone since the aircraft arrived
        return watch is not None and watch.may_open(now)

    def close(self, scene: Scene) -> list[Incident]:
        """Nothing: no departure was seen, and a moment is never open."""
        return []

    def hold(self, elapsed: int) -> None:
        """See `Rule.hold`."""
        self._occupied.hold(elapsed)

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return self._occupied.state()

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        self._occupied.restore(value)

    def _moment(self, stay: Incident) -> tuple[Incident, Incident]:
        off_block = stay.ended_at or stay.changed_at
        opened = stay.model_copy(
            update={
                "incident_id": incident_id(stay.run, self._site, stay.camera, stay.zone, self.incident, off_block),
                "incident": self.incident,
                "change": "opened",
                "revision": 0,
                "started_at": off_block,
                "detected_at": stay.changed_at,
                "ended_at": None,
            }
        )
        return opened, opened.model_copy(update={"change": "closed", "revision": 1, "ended_at": stay.changed_at})


_STATE: TypeAdapter[tuple[dict[str, int], JsonValue]] = TypeAdapter(tuple[dict[str, int], JsonValue])


class ServiceVehicle(RestingRule):
    """Opens when a vehicle stands at an occupied stand; closes when it has left."""

    incident: ClassVar[str] = "service-vehicle"

    def __init__(self, site: str, watches: Watches) -> None:
        super().__init__(self.incident, site, watches, min_score=_MIN_SCORE, hysteresis=_VEHICLE)
        self._aircraft: dict[str, int] = {}

    def step(self, scene: Scene) -> list[Incident]:
        """See `Rule.step`."""
        for track in scene.tracks:
            if track.label in AIRCRAFT and scene.captured_at - track.rest_since >= NS:
                for zone in track.zones:
                    if zone.id in self._watches:
                        self._aircraft[zone.id] = scene.captured_at
        return super().step(scene)

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return plain(_STATE, (self._aircraft, super().state()))

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        self._aircraft, book = _STATE.validate_python(value)
        super().restore(book)

    def _opens(self, track: TrackView, watch: Watch, scene: Scene) -> bool:
        seen = self._aircraft.get(watch.zone.id)
        return seen is not None and scene.captured_at - seen <= _HIDDEN_NS


def _same_zone(item: OpenIncident, claim: Claim, now: int) -> bool:
    return item.zone == claim.zone
