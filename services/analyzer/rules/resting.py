"""The common machine of `stopped-vehicle` and `obstacle-on-lane`: an object that stays at one place."""

from collections.abc import Callable

from pydantic import JsonValue

from services.analyzer.incidents import Claim, Hysteresis, IncidentBook, OpenIncident
from services.analyzer.motion import box_iou
from services.analyzer.rules.base import Watches, watched_zone
from services.analyzer.scene import Scene, TrackView
from shared.clock import NS
from shared.messages import Incident

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
# An object counts as seen when the detector found it on half of the frames, with this mean score.
_MIN_SEEN = 0.5


class RestingRule:
    """Opens when an object of interest has rested in a watched zone for the zone's time."""

    def __init__(
        self,
        incident: str,
        site: str,
        watches: Watches,
        *,
        min_score: float,
        concerns: Callable[[TrackView, Scene], bool],
    ) -> None:
        """`concerns(track, scene)` says whether the rule is about this object; `min_score` is its mean score."""
        self._watches, self._concerns, self._min_score = watches, concerns, min_score
        self._book = IncidentBook(incident, site, _HYSTERESIS, _same_place)

    def step(self, scene: Scene) -> list[Incident]:
        """See `Rule.step`."""
        return self._book.step(scene, [claim for track in scene.tracks if (claim := self._claim(track, scene))])

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return self._book.state()

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        self._book.restore(value)

    def _claim(self, track: TrackView, scene: Scene) -> Claim | None:
        rested = scene.captured_at - track.rest_since
        if rested < _HOLD_NS or not self._concerns(track, scene):
            return None
        watch = watched_zone(track, self._watches)
        if watch is None:
            return Claim(track, "", "info", track.rest_since, opens=False)
        opens = (
            rested >= watch.after_ns
            and scene.captured_at - track.settled_since >= _SETTLED_NS
            and track.rest_seen >= _MIN_SEEN
            and track.rest_score >= self._min_score
        )
        return Claim(track, watch.zone.id, watch.severity, track.rest_since, opens)


def _same_place(item: OpenIncident, claim: Claim, now: int) -> bool:
    return box_iou(item.box, claim.track.box) >= _SAME_PLACE_IOU
