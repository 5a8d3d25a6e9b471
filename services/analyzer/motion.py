"""How each track moves: where it came to rest and since when, and its velocity. Event time only.

A rest belongs to a place, not to a track. Dense traffic that passes a stopped car takes its track along again
and again; the next track that is found at the place goes on with the rest that began there.
"""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from pydantic import JsonValue, TypeAdapter

from services.analyzer.scene import BoxTuple, Point
from services.analyzer.state import plain
from shared.clock import NS

# An object rests while its ground point stays within this share of its size. Boxes of a standing car jitter
# by 2 to 5 % of their size; a car that creeps at walking pace leaves the circle in about a second.
REST_RADIUS = 0.25
# ... and while its size stays within this factor: an approaching car grows before its ground point moves.
REST_GROWTH = 1.25
# It has left its resting place only after this long outside: one displaced box (a passing car merges with
# it for some frames) does not restart the clock.
LEAVE_NS = int(0.8 * NS)
# A rest of this length is worth remembering when its track leaves; what moves rests for a few frames at most.
REMEMBER_NS = NS
# Another track takes the rest over: within 12 s when the first was lost there (hidden by a lorry, missed), but
# only within 2 s when it was seen to leave. A passing car that takes the track along uncovers the stopped one
# sooner than that; in a queue the next car needs longer to move up.
LOST_NS = 12 * NS
DEPARTED_NS = 2 * NS
# Velocity is measured over this time: long against box jitter, short against a vehicle's manoeuvre.
VELOCITY_NS = NS
# Far away the last metres of braking lie within the radius of a rest. A rest that still moves by this much of its size
# in a second began later; that is looked at for this time only, for jitter must not put it off.
SETTLING = 0.1
SETTLING_NS = 2 * NS
# What is surely a person, by this mean score, does not go on with the rest of what is surely none, nor the other way
# round: who walks before a stopped car must not take its rest along.
SURE = 0.5
# A step longer than this many sizes between two frames is a jump of the track to another object.
JUMP = 1.5


@dataclass(slots=True, eq=False)
class _Rest:
    """A place where something rests, and how well it was seen there; UTC ns. `found` is the first `since`,
    `person_sum` the part of `score_sum` for which it was called a person."""

    point: Point
    size: float
    since: int
    last_seen: int
    found: int = 0
    score_sum: float = 0.0
    seen: int = 0
    frames: int = 1
    person_sum: float = 0.0

    def fits(self, item: "Observation") -> bool:
        return self.fits_at(item.ground, item.size)

    def fits_at(self, point: Point, size: float) -> bool:
        growth = max(size, self.size) / max(min(size, self.size), 1e-9)
        return growth <= REST_GROWTH and math.dist(self.point, point) <= REST_RADIUS * self.size

    def see(self, item: "Observation", now: int) -> None:
        self.score_sum += item.score
        self.person_sum += item.score * item.person
        self.seen += 1
        self.last_seen = now

    def suits(self, item: "Observation") -> bool:
        """Whether what is seen may be what rests here, by its kind."""
        person = self.person_sum > 0.5 * self.score_sum
        return person == item.person or min(item.score, self.score_sum / max(self.seen, 1)) < SURE


@dataclass(slots=True, eq=False)
class _Motion:
    rest: _Rest
    settled_since: int
    last_seen: int
    left_since: int | None = None
    path: deque[tuple[int, Point, float]] = field(default_factory=deque)

    def restart(self, item: "Observation", now: int) -> None:
        """A new rest here, dated back to the first of the last positions from which it did not move away."""
        since = now
        for time, point, size in reversed(self.path):
            if not _Rest(item.ground, item.size, now, now).fits_at(point, size):
                break
            since = time
        self.rest = _Rest(item.ground, item.size, since, now, found=since)
        self.settled_since, self.left_since = since, None


@dataclass(frozen=True, slots=True)
class Observation:
    """One tracked box of one frame; lengths in picture heights; `person`: whether the detector calls it one."""

    track_id: int
    score: float
    box: BoxTuple
    ground: Point
    size: float
    person: bool = False


@dataclass(frozen=True, slots=True)
class MotionView:
    """See `scene.TrackView` for the meaning of the fields."""

    rest_since: int
    settled_since: int
    rest_score: float
    rest_seen: float
    velocity: Point | None


# The rests of motions and the vacant ones are never the same object, so that plain copies are the whole state.
_STATE: TypeAdapter[tuple[list[tuple[int, _Motion]], list[_Rest]]] = TypeAdapter(
    tuple[list[tuple[int, _Motion]], list[_Rest]]
)


class MotionMemory:
    """Follows the motion of all tracks of one camera."""

    def __init__(self) -> None:
        self._motions: dict[int, _Motion] = {}
        self._vacant: list[_Rest] = []

    def state(self) -> JsonValue:
        """All that further frames depend on, as plain JSON data; see `Rule.state`."""
        return plain(_STATE, (list(self._motions.items()), self._vacant))

    def restore(self, value: JsonValue) -> None:
        """Go on from a `state()`; see `Rule.restore`."""
        motions, self._vacant = _STATE.validate_python(value)
        self._motions = dict(motions)

    def update(self, observations: Iterable[Observation], now: int) -> list[MotionView]:
        """Take one frame's tracked boxes; returns one view per box, in order."""
        observations = list(observations)
        present = {item.track_id for item in observations}
        for motion in self._motions.values():
            motion.rest.frames += 1
        for rest in self._vacant:
            rest.frames += 1
        views = [self._observe(item, now, present) for item in observations]
        self._vacant = [rest for rest in self._vacant if now - rest.last_seen <= DEPARTED_NS]
        for track_id in [key for key, motion in self._motions.items() if now - motion.last_seen > LOST_NS]:
            del self._motions[track_id]
        return views

    def _observe(self, item: Observation, now: int, present: set[int]) -> MotionView:
        motion = self._motions.get(item.track_id)
        if motion is None:
            motion = self._motions[item.track_id] = _Motion(
                _Rest(item.ground, item.size, now, now, found=now), now, now
            )
        if now - motion.rest.since < REMEMBER_NS:
            self._take_over(motion, item, now, present)
        self._judge_rest(motion, item, now)
        motion.last_seen = now
        rest = motion.rest
        velocity = _velocity(motion.path, item.ground, item.size, now)
        if motion.left_since is None:
            rest.see(item, now)
            if velocity and now - rest.found <= SETTLING_NS and math.hypot(*velocity) > SETTLING:
                rest.since = max(rest.since, motion.path[0][0])
        return MotionView(
            rest_since=rest.since if motion.left_since is None else now,
            settled_since=motion.settled_since if motion.left_since is None else now,
            rest_score=rest.score_sum / max(rest.seen, 1),
            rest_seen=min(1.0, rest.seen / rest.frames),
            velocity=velocity,
        )

    def _take_over(self, motion: _Motion, item: Observation, now: int, present: set[int]) -> None:
        """Go on with the longest rest that fits, of those whose own track is elsewhere."""
        fitting = self._free_rests(motion, item, now, present)
        if not fitting:
            return
        rest, owner = min(fitting, key=lambda pair: pair[0].since)
        if owner is None:
            self._vacant.remove(rest)
        else:
            owner.rest = _Rest(item.ground, item.size, now, now, found=now)
            owner.settled_since, owner.left_since = now, None
        motion.rest, motion.settled_since, motion.left_since = rest, now, None

    def _free_rests(
        self, asking: _Motion, item: Observation, now: int, present: set[int]
    ) -> list[tuple[_Rest, _Motion | None]]:
        """The rests at the observed place that are older than the asking track's own and at which nobody is seen,
        with their owners."""
        before = asking.rest.since
        found: list[tuple[_Rest, _Motion | None]] = [
            (rest, None) for rest in self._vacant if rest.since < before and rest.fits(item) and rest.suits(item)
        ]
        x = item.ground[0]
        for track_id, motion in self._motions.items():
            rest = motion.rest
            # The column alone settles nearly every case; this runs for each pair of a new track and a known one.
            if rest.since >= before or abs(rest.point[0] - x) > REST_RADIUS * rest.size or motion is asking:
                continue
            if not rest.seen:  # it stands in for one that was taken over
                continue
            elsewhere = motion.left_since is not None or track_id not in present
            if elsewhere and now - rest.last_seen <= LOST_NS and rest.fits(item) and rest.suits(item):
                found.append((rest, motion))
        return found

    def _judge_rest(self, motion: _Motion, item: Observation, now: int) -> None:
        if motion.rest.fits(item):
            motion.left_since = None
        elif motion.left_since is None:
            motion.left_since = now
        elif now - motion.left_since >= LEAVE_NS:
            if motion.rest.last_seen - motion.rest.since >= REMEMBER_NS:
                self._vacant.append(motion.rest)
            motion.restart(item, now)


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
