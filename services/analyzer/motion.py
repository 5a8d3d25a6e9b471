"""How each track moves: where it came to rest and since when, and its velocity. Event time only."""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from services.analyzer.scene import BoxTuple, Point
from shared.clock import NS

# An object rests while its ground point stays within this share of its size. Boxes of a standing car jitter
# by 2 to 5 % of their size; a car that creeps at walking pace leaves the circle in about a second.
REST_RADIUS = 0.25
# ... and while its size stays within this factor: an approaching car grows before its ground point moves.
REST_GROWTH = 1.25
# It has left its resting place only after this long outside: one displaced box (a passing car merges with
# it for some frames) does not restart the clock.
LEAVE_NS = int(0.8 * NS)
# A new track takes over the rest of one that was lost at the same place within this time (id switch, gap).
INHERIT_NS = 10 * NS
INHERIT_IOU = 0.5
# Velocity is measured over this time: long against box jitter, short against a vehicle's manoeuvre.
VELOCITY_NS = NS
# A step longer than this many sizes between two frames is a jump of the track to another object.
JUMP = 1.5


@dataclass(slots=True)
class _Motion:
    rest_point: Point
    rest_size: float
    rest_since: int
    left_since: int | None = None
    score_sum: float = 0.0
    seen: int = 0
    frames: int = 0
    last_seen: int = 0
    box: BoxTuple = (0.0, 0.0, 0.0, 0.0)
    path: deque[tuple[int, Point, float]] = field(default_factory=deque)

    def restart(self, point: Point, size: float, since: int) -> None:
        self.rest_point, self.rest_size, self.rest_since = point, size, since
        self.left_since = None
        self.score_sum, self.seen, self.frames = 0.0, 0, 0


@dataclass(frozen=True, slots=True)
class Observation:
    """One tracked box of one frame; lengths in picture heights."""

    track_id: int
    score: float
    box: BoxTuple
    ground: Point
    size: float


@dataclass(frozen=True, slots=True)
class MotionView:
    """See `scene.TrackView` for the meaning of the fields."""

    rest_since: int
    rest_score: float
    rest_seen: float
    velocity: Point | None


class MotionMemory:
    """Follows the motion of all tracks of one camera."""

    def __init__(self) -> None:
        self._motions: dict[int, _Motion] = {}

    def update(self, observations: Iterable[Observation], now: int) -> list[MotionView]:
        """Take one frame's tracked boxes; returns one view per box, in order."""
        observations = list(observations)
        present = {item.track_id for item in observations}
        for motion in self._motions.values():
            motion.frames += 1
        views = [self._observe(item, now, present) for item in observations]
        for track_id in [key for key, motion in self._motions.items() if now - motion.last_seen > INHERIT_NS]:
            del self._motions[track_id]
        return views

    def _observe(self, item: Observation, now: int, present: set[int]) -> MotionView:
        motion = self._motions.get(item.track_id)
        if motion is None:
            motion = self._inherit(item, present) or _Motion(item.ground, item.size, now, frames=1)
            self._motions[item.track_id] = motion
        self._judge_rest(motion, item, now)
        motion.score_sum += item.score
        motion.seen += 1
        motion.last_seen, motion.box = now, item.box
        velocity = _velocity(motion.path, item.ground, item.size, now)
        rest_since = now if motion.left_since is not None else motion.rest_since
        return MotionView(rest_since, motion.score_sum / motion.seen, min(1.0, motion.seen / motion.frames), velocity)

    def _inherit(self, item: Observation, present: set[int]) -> _Motion | None:
        best, best_iou = None, INHERIT_IOU
        for track_id, motion in self._motions.items():
            overlap = box_iou(motion.box, item.box)
            if track_id not in present and overlap >= best_iou:
                best, best_iou = track_id, overlap
        return self._motions.pop(best) if best is not None else None

    @staticmethod
    def _judge_rest(motion: _Motion, item: Observation, now: int) -> None:
        distance = math.dist(motion.rest_point, item.ground)
        growth = max(item.size, motion.rest_size) / max(min(item.size, motion.rest_size), 1e-9)
        if distance <= REST_RADIUS * motion.rest_size and growth <= REST_GROWTH:
            motion.left_since = None
        elif motion.left_since is None:
            motion.left_since = now
        elif now - motion.left_since >= LEAVE_NS:
            motion.restart(item.ground, item.size, now)
            motion.frames = 1


def _velocity(path: deque[tuple[int, Point, float]], ground: Point, size: float, now: int) -> Point | None:
    """Mean velocity over the kept path in sizes per second; forgets the path when the track jumps."""
    if path and math.dist(path[-1][1], ground) > JUMP * max(size, path[-1][2]):
        path.clear()
    path.append((now, ground, size))
    while len(path) > 2 and now - path[1][0] >= VELOCITY_NS:
        path.popleft()
    start, origin, first_size = path[0]
    seconds = (now - start) / NS
    if seconds < 0.5 * VELOCITY_NS / NS:
        return None
    scale = seconds * (size + first_size) / 2
    return (ground[0] - origin[0]) / scale, (ground[1] - origin[1]) / scale


def box_iou(a: BoxTuple, b: BoxTuple) -> float:
    """Intersection over union of two boxes."""
    inter = overlap_area(a, b)
    total = _area(a) + _area(b) - inter
    return inter / total if total > 0 else 0.0


def overlap_area(a: BoxTuple, b: BoxTuple) -> float:
    """Common area of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return width * height if width > 0 and height > 0 else 0.0


def coverage(part: BoxTuple, whole: BoxTuple) -> float:
    """Share of `part` that lies in `whole`, 0..1."""
    own = _area(part)
    return overlap_area(part, whole) / own if own > 0 else 0.0


def _area(box: BoxTuple) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])
