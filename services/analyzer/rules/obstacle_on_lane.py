"""`obstacle-on-lane`: a thing that lies on a lane, runway or taxiway for 3 s, or on a vacant stand for 30 s, with a
name or without one."""

from typing import ClassVar

from pydantic import JsonValue

from services.analyzer.boxes import box_area, box_iou, coverage, in_common
from services.analyzer.claims import Claim
from services.analyzer.incidents import OpenIncident
from services.analyzer.rules.base import Watch, Watches
from services.analyzer.rules.resting import RestingRule
from services.analyzer.rules.unfamiliar import LABEL, UnfamiliarThings, held, is_beside
from services.analyzer.rules.vacant import VacantStands
from services.analyzer.scene import BoxTuple, Scene, TrackView
from shared.catalogue import PERSONS, VEHICLES, is_scenery
from shared.clock import NS

# Higher than for vehicles: the 80 classes hold many things that a patch of asphalt resembles for a moment.
_MIN_SCORE = 0.35
# A thing that lies this far inside the box of a vehicle or person is carried by it.
_CARRIED = 0.5
_CARRIERS = VEHICLES | PERSONS
# A box and a region of patches of the same thing: either much of their union, or most of the smaller one.
_SAME_UNION, _SAME_PART = 0.3, 0.5
# What is as wide as a vehicle and has come here may be one that the detector has no name for, and only pauses: it has
# the time that a vehicle has on a lane.
_PAUSES_NS = 10 * NS


class ObstacleOnLane(RestingRule):
    """Opens when a thing rests in a watched zone; closes when it is gone."""

    incident: ClassVar[str] = "obstacle-on-lane"

    def __init__(self, site: str, watches: Watches) -> None:
        super().__init__(self.incident, site, watches, min_score=_MIN_SCORE, same_place=_same_place)
        self._vacant = VacantStands(watches)
        self._unfamiliar = UnfamiliarThings(watches, self._vacant.may_open)

    def _claims(self, scene: Scene) -> list[Claim]:
        """Things with a name, and regions where none of these is."""
        self._vacant.see(scene)
        named = super()._claims(scene)
        # Where a thing with a name has not had its time yet, the region waits as well.
        boxes = [claim.track.box for claim in named if claim.opens or _may_pause(claim.track, scene)]
        regions = self._unfamiliar.claims(scene)
        regions = [claim for claim in regions if not any(is_beside(claim.track.box, box) for box in boxes)]
        return named + regions + held(scene, self._book.out_of_view(scene))

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return [super().state(), self._unfamiliar.state(), self._vacant.state()]

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        if not isinstance(value, list) or len(value) != 3:
            raise ValueError("not a state of this rule")
        super().restore(value[0])
        self._unfamiliar.restore(value[1])
        self._vacant.restore(value[2])

    def _concerns(self, track: TrackView, scene: Scene) -> bool:
        return not is_scenery(track.label, box_area(track.box)) and not any(
            other.label in _CARRIERS and coverage(track.box, other.box) >= _CARRIED
            for other in scene.tracks
            if other is not track
        )

    def _opens(self, track: TrackView, watch: Watch, scene: Scene) -> bool:
        return not _may_pause(track, scene) and self._vacant.may_open(watch, scene.captured_at)


def _may_pause(track: TrackView, scene: Scene) -> bool:
    return track.came and scene.captured_at - track.rest_since < _PAUSES_NS


def _same(a: BoxTuple, b: BoxTuple) -> bool:
    return box_iou(a, b) >= _SAME_UNION or in_common(a, b) >= _SAME_PART


def _same_place(item: OpenIncident, claim: Claim, now: int) -> bool:
    """Where it lay when the incident opened, or lies now; what was told without a name may get one."""
    if LABEL in (item.label, claim.track.label):
        # Regions of one frame never touch: two that are as near as a box and its region may well be two things.
        named = item.label != claim.track.label
        if is_beside(item.box, claim.track.box, described=named):
            return True
    return _same(item.box, claim.track.box) or _same(item.anchor, claim.track.box)
