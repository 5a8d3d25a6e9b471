"""`stopped-vehicle`: a vehicle that has not moved for the zone's time (10 s on a lane, 30 s on a shoulder).

On a lane it opens for whoever stands alone, for two after a crash, and for the head of a queue; those who wait
behind are congestion (`queues.py`, and where a queue is seen only in part `jam.py`). Once the queue before it has
gone, a vehicle has the zone's time to follow. On a shoulder the cars that stood there when the stream began are known
(`parked.py`). An open incident holds through occlusion, in a queue too, and closes when the vehicle has driven on.
"""

from typing import ClassVar

from pydantic import JsonValue, TypeAdapter

from services.analyzer.boxes import box_area
from services.analyzer.claims import Claim
from services.analyzer.rules import scores
from services.analyzer.rules.base import Watch, Watches
from services.analyzer.rules.jam import Jam
from services.analyzer.rules.parked import ParkedCars
from services.analyzer.rules.queues import Queues
from services.analyzer.rules.resting import RestingRule
from services.analyzer.rules.unfamiliar import held, is_beside
from services.analyzer.scene import BoxTuple, Scene, TrackView
from shared.catalogue import UNKNOWN_VEHICLE
from shared.clock import NS
from shared.messages import Incident

# As long as an incident waits for its vehicle after it was seen to leave, and the time to move up.
_MOVES_UP_NS = 6 * NS
# What is at the place of a thing that was told, or right beside it, and did not come driving, is that thing under a
# vehicle's name: the memory of the road tells what its box leaves of it. So is what is a vehicle by its driving alone,
# for passing traffic lends its way. Who stops before it, or hides it, is larger than this many times what was told; but
# what nobody saw come may hide most of itself from the memory, so that no more than its shadow was told.
_THING, _LARGER, _HIDES = "obstacle-on-lane", 2.0, 5.0

_STATE: TypeAdapter[tuple[JsonValue, JsonValue, JsonValue, JsonValue]] = TypeAdapter(
    tuple[JsonValue, JsonValue, JsonValue, JsonValue]
)


class StoppedVehicle(RestingRule):
    """Opens when a vehicle rests in a watched zone; holds through occlusion; closes when it has driven on."""

    incident: ClassVar[str] = "stopped-vehicle"

    def __init__(self, site: str, watches: Watches) -> None:
        super().__init__(self.incident, site, watches, min_score=scores.VEHICLE)
        self._queues = Queues(watches)
        self._jam = Jam(watches)
        self._parked = ParkedCars(frozenset(key for key, watch in watches.items() if watch.zone.kind == "shoulder"))

    def step(self, scene: Scene) -> list[Incident]:
        """See `Rule.step`."""
        self._queues.update(scene)
        self._jam.update(scene)
        self._parked.update(scene)
        return super().step(scene)

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return [super().state(), self._queues.state(), self._jam.state(), self._parked.state()]

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        book, queues, jam, parked = _STATE.validate_python(value)
        super().restore(book)
        self._queues.restore(queues)
        self._jam.restore(jam)
        self._parked.restore(parked)

    def _claims(self, scene: Scene) -> list[Claim]:
        """Who waited and moves up to the place of a head that has driven on does not continue its incident; what the
        detector does not see any more and the memory does is there."""
        claims = [
            claim
            for claim in super()._claims(scene)
            if self._book.follows(claim.track.track_id)
            or not self._queues.waited(claim.track, scene.captured_at, _MOVES_UP_NS)
        ]
        return claims + held(scene, self._book.out_of_view(scene))

    def _opens(self, track: TrackView, watch: Watch, scene: Scene) -> bool:
        if watch.zone.kind == "shoulder":
            return not self._parked.knows(track)
        came = track.driven and track.label != UNKNOWN_VEHICLE
        if not came and any(_is_thing(track, box) for box in scene.told.get(_THING, ())):
            return False
        waited = self._queues.waited(track, scene.captured_at, watch.after_ns)
        return not waited and not self._jam.explains(track, watch.zone.id, scene, self._queues.moved_up(track))


def _is_thing(track: TrackView, told: BoxTuple) -> bool:
    most = _HIDES if track.appeared else _LARGER
    return is_beside(told, track.box) and box_area(track.box) <= most * box_area(told)
