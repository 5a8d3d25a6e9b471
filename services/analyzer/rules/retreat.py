"""How far a track has gone back against its lane's direction, and since when.

Speed alone does not show it: far away a car that reverses at 4 m/s moves a third of its box per second, and the box of
one that stands jitters as fast. But jitter does not add up. So what counts is the way back from the farthest point that
was reached, made in several steps: a track that jumps to the vehicle behind makes it in one.
"""

import math
from dataclasses import dataclass, field
from itertools import pairwise

from services.analyzer.scene import Point, TrackView
from shared.clock import NS

# A car that goes back by this much of its size is not jitter (2 to 5 %).
_WAY_BACK = 0.35
# Half of its last five steps are at least this fast, sizes per second; standing gives about 0.
_STEADY = 0.1
# The longest of the steps is at most this share of the way.
_ONE_STEP = 0.6
# Within 60 degrees of the opposite direction; a lane change is far from that.
_MAX_COSINE = -0.5
# The farthest point is looked for in this time; a way back of 0.35 sizes in 4 s is the slowest that is found.
_WINDOW_NS = 4 * NS
_STEP_NS, _STEPS = NS // 5, 5
# The way back began when the track was last this close to its farthest point, sizes.
_TURNED = 0.05


@dataclass(slots=True)
class Course:
    """The last positions of one track, (UTC ns, x, y) in picture heights, about a fifth of a second apart."""

    points: list[tuple[int, float, float]] = field(default_factory=list)

    def turned_at(self, track: TrackView, along: Point, now: int) -> int | None:
        """Take a track's position; the time since when it goes against `along` (a unit vector), if it does."""
        if track.velocity is not None and track.velocity[0] * along[0] + track.velocity[1] * along[1] > _STEADY:
            self.points = [(now, *track.ground)]  # with the traffic, as nearly all: the way back begins here at most
            return None
        if not self.points or now - self.points[-1][0] >= _STEP_NS:
            self.points.append((now, *track.ground))
            self.points = [point for point in self.points if now - point[0] <= _WINDOW_NS]
        return self._way_back(track, along, now)

    def _way_back(self, track: TrackView, along: Point, now: int) -> int | None:
        places = [x * along[0] + y * along[1] for _, x, y in self.points]
        here = track.ground[0] * along[0] + track.ground[1] * along[1]
        farthest = max(places)
        way = farthest - here
        if way < _WAY_BACK * track.size:
            return None
        first = max(index for index, place in enumerate(places) if place >= farthest - _TURNED * track.size)
        _, x, y = self.points[first]
        straight = math.dist(track.ground, (x, y))
        way_points = [(time, place) for (time, _, _), place in zip(self.points, places, strict=True) if time < now]
        steps = list(pairwise([*way_points[first:], (now, here)]))
        longest = max((before - after for (_, before), (_, after) in steps), default=0.0)
        recent = sorted(
            (before - after) / (later - earlier) * NS for (earlier, before), (later, after) in steps[-_STEPS:]
        )
        if not recent or recent[len(recent) // 2] < _STEADY * track.size or longest > _ONE_STEP * way:
            return None
        return self.points[first][0] if -way <= _MAX_COSINE * straight else None
