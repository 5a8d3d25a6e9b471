"""Things that the detector has no name for: the regions of the memory of the empty road, as claims of an obstacle."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from pydantic import JsonValue, TypeAdapter

from services.analyzer.boxes import box_area, coverage, in_common
from services.analyzer.claims import Claim
from services.analyzer.rules.base import Watch, Watches
from services.analyzer.rules.scores import is_far_from_its_name, least_for_its_name
from services.analyzer.rules.waiting import WaitingLanes
from services.analyzer.scene import BoxTuple, Point, Scene, TrackView, part_of_picture
from services.analyzer.state import plain
from shared.catalogue import MOVES, SCENERY_THING, VEHICLES, is_scenery
from shared.clock import NS
from shared.geometry import inside_polygon

LABEL = "unknown object"
# The threshold of the memory's method; what scores less only keeps an inspection from saying "clear".
_MIN_SCORE = 0.5
# What has a name that moves belongs to the rules for it, also for as long as traffic hides it.
_OVERLAP, _REMEMBERED_NS = 0.3, 12 * NS
# What is left around a box is its thing too, and its shadow. Patches are described with those around them, so it may
# also be one patch away: no more than a region's smaller side.
_BESIDE = 0.25
# But a name that is seen on fewer frames than those rules need, or with less score, for longer than they wait, helps
# nobody; nor does one that scores far less than they need. Between the two it is left to them for about as long as they
# wait, for it may yet score more: a vehicle for some 10 s, a person or an animal for one or two. Of these, what scores
# little must have moved for its rule.
_SEEN, _LATEST_NS, _PRESENT_NS = 0.4, 9 * NS, 3 * NS
_MOVED = 0.5
_AT_REST_NS = NS // 2
# What was told holds while this share of its place, or of a region, lies in both.
_HOLDS = 0.5
# The types that tell of what moves by its name.
_NAMED = ("stopped-vehicle", "person-on-lane", "animal-on-lane")
# Without a name it may be a shadow that creeps or an insect that rests on the lens: it waits for longer than a thing
# that the detector knows, at least so long.
_LASTS_NS = 6 * NS
_MOST = 256

_STATE: TypeAdapter[tuple[list[tuple[BoxTuple, int]], list[tuple[int, Point, int]], JsonValue]] = TypeAdapter(
    tuple[list[tuple[BoxTuple, int]], list[tuple[int, Point, int]], JsonValue]
)


def is_beside(region: BoxTuple, box: BoxTuple, described: bool = True) -> bool:
    """Whether a region touches a thing's box, or what is right beside it.

    Args:
        described: whether it may be a patch away because patches are described with those around them.

    >>> is_beside((0.2, 0.2, 0.3, 0.3), (0.31, 0.1, 0.39, 0.2)), is_beside((0.2, 0.2, 0.3, 0.3), (0.4, 0.1, 0.5, 0.2))
    (True, False)
    """
    sides = box[2] - box[0], box[3] - box[1]
    patches = (region[2] - region[0], region[3] - region[1]) if described else (0.0, 0.0)
    wide, high = (max(_BESIDE * side, min(side, patch)) for side, patch in zip(sides, patches, strict=True))
    return (
        region[0] < box[2] + wide and region[2] > box[0] - wide
        and region[1] < box[3] + high and region[3] > box[1] - high
    )  # fmt: skip


def held(scene: Scene, places: Sequence[BoxTuple]) -> list[Claim]:
    """Claims that keep open what was told at these places (0..1), where something unfamiliar is, or may be.

    A thing is sure and in doubt by turns, and its name comes and goes; but nobody has seen it go. It stays at its
    place, however the region around it grows.
    """
    regions = scene.surface.regions if scene.surface is not None else []
    now = scene.captured_at
    return [
        Claim(part_of_picture(LABEL, 0.0, place, scene.aspect, now), "", "info", now, opens=False, members=())
        for place in places
        if any(in_common(region.box, place) >= _HOLDS for region in regions)
    ]


class UnfamiliarThings:
    """Turns regions into claims, but for those of what moves and has a name, as long as the rule for it may tell."""

    def __init__(self, watches: Watches, may_open: Callable[[Watch, int], bool]) -> None:
        """`may_open`: whether a thing may be told on a zone at a time (UTC ns), beside the zone's schedule."""
        self._watches, self._may_open = watches, may_open
        self._named: list[tuple[BoxTuple, int]] = []
        self._here: list[BoxTuple] = []
        # Per track where it was seen first, and when last.
        self._came: dict[int, tuple[Point, int]] = {}
        self._waiting = WaitingLanes(watches)

    def claims(self, scene: Scene) -> list[Claim]:
        """The claims of this frame; none on frames on which the memory was not asked."""
        self._remember(scene)
        self._waiting.see(scene)
        if scene.surface is None:
            return []
        found = []
        # What is, or may be, blurred, covered or turned away looks unfamiliar everywhere.
        trusted = scene.health is None or not (scene.health.faults or scene.health.suspected)
        for region in scene.surface.regions:
            watch = self._watch(region.box)
            if region.score < _MIN_SCORE or watch is None or box_area(region.box) > SCENERY_THING:
                continue
            now = scene.captured_at
            lasted = now - region.since >= max(watch.after_ns, _LASTS_NS, self._waiting.patience_ns(watch, now))
            opens = lasted and trusted and watch.may_open(now) and self._may_open(watch, now)
            # What was told without a name goes on under its incident when it gets one.
            opens = opens and not self._has_name(region.box) and not _is_told(region.box, scene)
            view = part_of_picture(LABEL, region.score, region.box, scene.aspect, scene.captured_at)
            found.append(Claim(view, watch.zone.id, watch.severity, region.since, opens, members=()))
        return found

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        came = [(key, first, last) for key, (first, last) in self._came.items()]
        return plain(_STATE, (self._named, came, self._waiting.state()))

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        self._named, came, waiting = _STATE.validate_python(value)
        self._came = {key: (first, last) for key, first, last in came}
        self._waiting.restore(waiting)

    def _remember(self, scene: Scene) -> None:
        now = scene.captured_at
        tracks = [
            track for track in scene.tracks if track.label in MOVES and not is_scenery(track.label, box_area(track.box))
        ]
        for track in tracks:
            self._came[track.track_id] = (self._came.get(track.track_id, (track.ground, now))[0], now)
        for key in [key for key, (_, last) in self._came.items() if now - last > _REMEMBERED_NS]:
            del self._came[key]
        named = [track for track in tracks if self._its_rule_may_tell(track, now)]
        # What is seen there now says more, also where it has turned out that no rule will tell it.
        decided = [track for track in tracks if now - track.rest_since >= _waits_ns(track)]
        now_there = [track.box for track in (*named, *decided)]
        kept = [item for item in self._named if now - item[1] <= _REMEMBERED_NS]
        kept = [item for item in kept if not any(coverage(item[0], box) >= _OVERLAP for box in now_there)]
        # What drives by is in the way for this frame only.
        self._named = [*kept, *((t.box, now) for t in named if now - t.rest_since >= _AT_REST_NS)][-_MOST:]
        self._here = [track.box for track in named]

    def _its_rule_may_tell(self, track: TrackView, now: int) -> bool:
        """Whether the rule for a track's name tells of it, or may still do so."""
        rested = now - track.rest_since
        if rested < _waits_ns(track):
            return rested < _AT_REST_NS or not is_far_from_its_name(track)
        moved = math.dist(self._came[track.track_id][0], track.ground) >= _MOVED * track.size
        weak = track.label not in VEHICLES and moved and not is_far_from_its_name(track)
        return track.rest_seen >= _SEEN and (weak or track.rest_score >= least_for_its_name(track))

    def _has_name(self, box: BoxTuple) -> bool:
        return any(coverage(box, other) >= _OVERLAP for other in (*self._here, *(item[0] for item in self._named)))

    def _watch(self, box: BoxTuple) -> Watch | None:
        middle = np.array([[(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]])
        for watch in self._watches.values():
            if watch.concerns(LABEL) and inside_polygon(middle, np.array(watch.zone.polygon))[0]:
                return watch
        return None


def _is_told(region: BoxTuple, scene: Scene) -> bool:
    """Whether an open incident tells of it under the name of what moves: a name that fades is no second thing."""
    return any(is_beside(region, box) for incident in _NAMED for box in scene.told.get(incident, ()))


def _waits_ns(track: TrackView) -> int:
    """How long the rule for a track's name takes at most to tell of it."""
    return _LATEST_NS if track.label in VEHICLES else _PRESENT_NS
