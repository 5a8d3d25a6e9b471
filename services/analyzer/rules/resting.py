"""The common machine of `stopped-vehicle` and `obstacle-on-lane`: an object that stays at one place."""

from collections.abc import Callable

from pydantic import JsonValue

from services.analyzer.boxes import box_iou
from services.analyzer.claims import Claim
from services.analyzer.incidents import Hysteresis, IncidentBook, OpenIncident
from services.analyzer.rules.base import Watch, Watches, watched_zone
from services.analyzer.rules.scores import least_at_rest
from services.analyzer.scene import BoxTuple, Scene, TrackView
from shared.clock import NS
from shared.messages import Incident

SamePlace = Callable[[OpenIncident, Claim, int], bool]

# An object at rest for this long (again) keeps its incident alive, wherever its ground point is now: traffic
# that hides its lower half moves the ground point out of the zone.
_HOLD_NS = NS // 2
# The track that opens an incident has itself rested this long: a car that rolls over the place where another
# has just stood is not mistaken for it.
_SETTLED_NS = NS
# Drove on: 3 s outside its place. It covers a restart of the rest clock (0.8 s to leave, 0.5 s to rest again)
# after a passing lorry has merged with the box.
# Lost: 12 s hidden or missed. A lorry that crawls past hides a car for 5 to 10 s.
_HYSTERESIS = Hysteresis(elsewhere_ns=3 * NS, lost_ns=12 * NS)
_SAME_PLACE_IOU = 0.3
# An object counts as seen when the detector found it on this share of the frames: a detector that misses every
# second frame at random stays above.
_MIN_SEEN = 0.4


class RestingRule:
    """Opens when an object of interest has rested in a watched zone for the zone's time.

    Subclasses say with `_concerns` what beside the zone's classes decides about an object, and with `_opens` what
    more an opening needs.
    """

    def __init__(
        self,
        incident: str,
        site: str,
        watches: Watches,
        *,
        min_score: float,
        hysteresis: Hysteresis = _HYSTERESIS,
        same_place: SamePlace | None = None,
    ) -> None:
        """`min_score` is the mean detection score that an object needs."""
        self._watches, self._min_score = watches, min_score
        self._book = IncidentBook(incident, site, hysteresis, same_place or _same_place)

    def step(self, scene: Scene) -> list[Incident]:
        """See `Rule.step`."""
        return self._book.step(scene, self._claims(scene))

    def close(self, scene: Scene) -> list[Incident]:
        """See `Rule.close`."""
        return self._book.close(scene)

    def hold(self, elapsed: int) -> None:
        """See `Rule.hold`."""
        self._book.hold(elapsed)

    def places(self) -> list[BoxTuple]:
        """Where those of the open incidents lie, 0..1."""
        return self._book.anchors()

    def _claims(self, scene: Scene) -> list[Claim]:
        resting = [track for track in scene.tracks if scene.captured_at - track.rest_since >= _HOLD_NS]
        return [claim for track in resting if (claim := self._claim(track, scene))]

    def _concerns(self, track: TrackView, scene: Scene) -> bool:
        return True

    def _opens(self, track: TrackView, watch: Watch, scene: Scene) -> bool:
        return True

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return self._book.state()

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        self._book.restore(value)

    def _claim(self, track: TrackView, scene: Scene) -> Claim | None:
        rested = scene.captured_at - track.rest_since
        watch = watched_zone(track, self._watches)
        counts = watch is not None or any(other.concerns(track.label) for other in self._watches.values())
        if not counts or not self._concerns(track, scene):
            return None
        if watch is None:
            return Claim(track, "", "info", track.rest_since, opens=False)
        opens = (
            rested >= watch.after_ns
            and scene.captured_at - track.settled_since >= _SETTLED_NS
            and track.rest_seen >= _MIN_SEEN
            and track.rest_score >= least_at_rest(track, self._min_score)
            and watch.may_open(scene.captured_at)
            and self._opens(track, watch, scene)
        )
        return Claim(track, watch.zone.id, watch.severity, track.rest_since, opens)


def _same_place(item: OpenIncident, claim: Claim, now: int) -> bool:
    """The last box may be that of a vehicle that hid the object and took its track along; where it lay remains."""
    return any(box_iou(box, claim.track.box) >= _SAME_PLACE_IOU for box in (item.box, item.anchor))
