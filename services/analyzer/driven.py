"""What drives along a lane and is as wide as a vehicle is one, whatever the detector calls it.

COCO's vehicles were photographed from the side. Seen from above, a car is a "cell phone" or a "mouse" to a detector
that learned from them, with high scores; that it came driving says more than its looks.
"""

import math
from dataclasses import dataclass

from pydantic import JsonValue, TypeAdapter

from services.analyzer.boxes import box_iou
from services.analyzer.centreline import Runs
from services.analyzer.scene import BoxTuple, Point
from services.analyzer.state import plain
from shared.catalogue import AIRCRAFT, ANIMALS, PERSONS, ROAD_VEHICLES, UNKNOWN_VEHICLE
from shared.clock import NS
from shared.site import Zone

# These are what they are called, however they move.
_OTHERS = PERSONS | ANIMALS | AIRCRAFT
_WAYS = frozenset({"lane", "shoulder", "runway", "taxiway", "crossing"})
# Two edges of the box have moved this far, in sizes: of what comes nearer all do. One alone does while a vehicle enters
# the picture, and where it stops as soon as it is whole that is less than its length; elsewhere it is a box that is
# drawn now so, now otherwise, such as that of a shadow. Jitter is a tenth of its size at most.
_MOVED = 0.5
# One that is as wide as a vehicle and has moved this far has come here by itself, or was seen too late to tell; but
# within so long, for shadows creep.
_CAME, _CAME_NS = 0.2, 5 * NS
# An edge as near to the picture's is where a vehicle enters, picture heights.
_BORDER = 0.01
# A longer step between two frames, sizes, is the track's jump to something else.
_STEP = 0.6
# A car is half as wide as its lane; cases, balls and people are a quarter at most.
_WIDE = 0.35
# Another track goes on with a vehicle whose box it overlaps this much.
_SAME_IOU = 0.4
_KEEP_NS = 12 * NS


@dataclass(slots=True, eq=False)
class _Way:
    """One track's first and last box (picture heights), and whether it has come here as vehicles do, and driven.

    Attributes:
        seen, begun: UTC ns of the last box and of the first; states before `begun` was kept have none.
    """

    first: BoxTuple
    last: BoxTuple
    seen: int
    begun: int = 0
    driven: bool = False
    came: bool = False


_STATE: TypeAdapter[list[tuple[int, _Way]]] = TypeAdapter(list[tuple[int, _Way]])


class DrivenThings:
    """Follows all tracks, for labels change under way; judges those that have the label of a thing or a vehicle."""

    def __init__(self) -> None:
        self._ways: dict[int, _Way] = {}
        self._runs = Runs()

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return plain(_STATE, list(self._ways.items()))

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        self._ways = dict(_STATE.validate_python(value))

    def label(self, track_id: int, label: str, box: BoxTuple, zones: tuple[Zone, ...], aspect: float, now: int) -> str:
        """The label of one track on one frame: its own, or that of a vehicle of unknown type.

        Args:
            box: normalised 0..1.
            zones: that its ground point lies in.
            now: UTC ns.
        """
        place = (box[0] * aspect, box[1], box[2] * aspect, box[3])
        way = self._ways.get(track_id)
        if way is None:
            way = self._ways[track_id] = self._goes_on(place, now)
        size = _size(place)
        if _most_moved(way.last, place) > _STEP * size:
            way.first, way.begun = place, now
        way.last, way.seen = place, now
        if label in _OTHERS:
            return label
        # What stands, and what is known to have driven, is no question.
        if not way.driven and size > 0 and _most_moved(way.first, place) >= _CAME * size:
            moved = _moved(way.first, place, aspect) / size
            soon = moved >= _CAME and now - way.begun <= _CAME_NS
            if (soon or moved >= _MOVED) and self._wide(size, box, zones, aspect):
                way.came, way.driven = True, moved >= _MOVED
        return UNKNOWN_VEHICLE if way.driven and label not in ROAD_VEHICLES else label

    def driven(self, track_id: int) -> bool:
        """Whether a track has come driving; whatever its score, it is no lamp post."""
        way = self._ways.get(track_id)
        return way is not None and way.driven

    def came(self, track_id: int) -> bool:
        """Whether a track that is as wide as a vehicle was seen to move, if only a little."""
        way = self._ways.get(track_id)
        return way is not None and way.came

    def appeared(self, track_id: int) -> bool:
        """Whether a track has been where it is since it was first seen: nobody saw it come."""
        way = self._ways.get(track_id)
        return way is not None and not way.driven and _most_moved(way.first, way.last) < _MOVED * _size(way.last)

    def forget(self, now: int) -> None:
        """Drop what was not seen for long; call it once per frame."""
        for track_id in [key for key, way in self._ways.items() if now - way.seen > _KEEP_NS]:
            del self._ways[track_id]

    def _goes_on(self, place: BoxTuple, now: int) -> _Way:
        """The way of a new track: a new one, or that of one that was lost at its place and has come farthest."""
        lost = [way for way in self._ways.values() if way.seen < now and box_iou(way.last, place) >= _SAME_IOU]
        if not lost:
            return _Way(place, place, now, now)
        best = max(lost, key=lambda way: (way.driven, way.came, _most_moved(way.first, place)))
        return _Way(best.first, place, now, best.begun, best.driven, best.came)

    def _wide(self, size: float, box: BoxTuple, zones: tuple[Zone, ...], aspect: float) -> bool:
        point: Point = ((box[0] + box[2]) / 2 * aspect, box[3])
        return any(zone.kind in _WAYS and size >= _WIDE * self._runs.width(zone, aspect, point) for zone in zones)


def _size(box: BoxTuple) -> float:
    return math.sqrt((box[2] - box[0]) * (box[3] - box[1]))


def _moved(first: BoxTuple, place: BoxTuple, aspect: float) -> float:
    """How far two edges have moved, or one while the other of its axis was at the picture's."""
    steps = [abs(x - y) for x, y in zip(first, place, strict=True)]
    ends = (0.0, 0.0, aspect, 1.0)
    enters = [steps[(n + 2) % 4] for n in range(4) if abs(first[n] - ends[n]) <= _BORDER]
    return max([sorted(steps)[-2], *enters])


def _most_moved(a: BoxTuple, b: BoxTuple) -> float:
    return max(abs(x - y) for x, y in zip(a, b, strict=True))
