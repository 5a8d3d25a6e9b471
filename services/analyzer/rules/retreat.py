"""How far a track has gone back against its lane's direction, and since when.

Speed alone does not show it: far away a car that reverses at 4 m/s moves a third of its box per second, and the box of
one that stands jitters as fast. But jitter does not add up. So what counts is the way back from the farthest point that
was reached, made in several steps: a track that jumps to the vehicle behind makes it in one. And the whole box must go
back: one whose lower part is hidden by and by has a ground point that retreats, and an upper edge that stays.
"""

import math
from dataclasses import dataclass, field
from itertools import pairwise

from services.analyzer.scene import Point, TrackView
from shared.clock import NS

# A car that goes back by this much of its size is not jitter (2 to 5 %).
_WAY_BACK = 0.25
# Both ends of the box go back by this share of the way. The roof of a car that drives away from a camera 2 m above the
# road goes up in the picture by a quarter of what its wheels do; most hang much higher.
_BOTH_ENDS = 0.25
# Where the lane leads up or down the picture by at least so much of its run there, a shift along the picture's rows is
# a change of lanes. So this share of the way must be made across the rows.
_DOWN, _ACROSS_ROWS = 0.3, 0.5
# Half of its last five steps are at least this fast, sizes per second; standing gives about 0.
_STEADY = 0.1
# The longest of the steps is at most this share of the way.
_ONE_STEP = 0.6
# Within 60 degrees of the opposite direction; a lane change is far from that.
_MAX_COSINE = -0.5
# The farthest point is looked for in this time; a way back of 0.25 sizes in 4 s is the slowest that is found.
_WINDOW_NS = 4 * NS
_STEP_NS, _STEPS = NS // 5, 5
# The way back began when the track was last this close to its farthest point, sizes.
_TURNED = 0.05


@dataclass(frozen=True, slots=True)
class _Point:
    """UTC ns, and the box's corners in picture heights."""

    time: int
    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def ground(self) -> Point:
        return (self.x1 + self.x2) / 2, self.y2

    def ends(self, along: Point) -> tuple[float, float]:
        """How far the box reaches along a direction, from its rear end to its front."""
        xs = (self.x1, self.x2) if along[0] > 0 else (self.x2, self.x1)
        ys = (self.y1, self.y2) if along[1] > 0 else (self.y2, self.y1)
        return xs[0] * along[0] + ys[0] * along[1], xs[1] * along[0] + ys[1] * along[1]


@dataclass(slots=True)
class Course:
    """The last boxes of one track, about a fifth of a second apart."""

    points: list[_Point] = field(default_factory=list)

    def turned_at(self, track: TrackView, along: Point, aspect: float, now: int) -> int | None:
        """Take a track's position; the time since when it goes against `along` (a unit vector), if it does."""
        x1, y1, x2, y2 = track.box
        here = _Point(now, x1 * aspect, y1, x2 * aspect, y2)
        if track.velocity is not None and track.velocity[0] * along[0] + track.velocity[1] * along[1] > _STEADY:
            self.points = [here]  # with the traffic, as nearly all: the way back begins here at most
            return None
        if not self.points or now - self.points[-1].time >= _STEP_NS:
            self.points.append(here)
            self.points = [point for point in self.points if now - point.time <= _WINDOW_NS]
        return self._way_back(here, track.size, along)

    def began(self, time: int) -> Point:
        """Where it was at this time, or first after it."""
        return next((point.ground for point in self.points if point.time >= time), self.points[-1].ground)

    def _way_back(self, here: _Point, size: float, along: Point) -> int | None:
        places = [_place(point, along) for point in self.points]
        place = _place(here, along)
        farthest = max(places)
        way = farthest - place
        if way < _WAY_BACK * size:
            return None
        first = max(index for index, place in enumerate(places) if place >= farthest - _TURNED * size)
        origin = self.points[first]
        ends = zip(origin.ends(along), here.ends(along), strict=True)
        if min(before - after for before, after in ends) < _BOTH_ENDS * way:
            return None
        rows = (origin.y2 - here.y2) / along[1] if abs(along[1]) >= _DOWN else way
        if rows < _ACROSS_ROWS * way:
            return None
        way_points = [(point.time, at) for point, at in zip(self.points, places, strict=True) if point.time < here.time]
        steps = list(pairwise([*way_points[first:], (here.time, place)]))
        longest = max((before - after for (_, before), (_, after) in steps), default=0.0)
        recent = sorted(
            (before - after) / (later - earlier) * NS for (earlier, before), (later, after) in steps[-_STEPS:]
        )
        if not recent or recent[len(recent) // 2] < _STEADY * size or longest > _ONE_STEP * way:
            return None
        straight = math.dist(here.ground, origin.ground)
        return origin.time if -way <= _MAX_COSINE * straight else None


def _place(point: _Point, along: Point) -> float:
    x, y = point.ground
    return x * along[0] + y * along[1]
