"""Which objects rested on a lane while it was watched: by place, not by track, for a track's id may change."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.inspector.look import Look
from shared.catalogue import is_scenery
from shared.clock import NS
from shared.messages import Box, TrackedObject

# As in the analyzer's memory of motion: boxes of a standing object jitter by 2 to 5 % of its size.
_RADIUS, _GROWTH = 0.25, 1.25
# Found on this share of the frames at least. Traffic that flows has a box at the same place on one frame in ten.
_SEEN = 0.4
# Sizes per second over the last second: who is as fast does not rest. Far traffic is slow, and where its tracks begin
# there is always one car or another.
_MOVES = 0.5
# Two vehicles at the same place are chance; three in so short a time are one that stands.
_LEAST = 3
# A vehicle far away moves by less than its radius in this time, but it moves: in each half of it by this share of its
# size at least, both in one direction, and by twice as much in all.
_CREEPS, _CREPT_NS = 0.1, 2 * NS
_CREPT_LEAST = 4
# Places that are compared at a time: bounds the memory of a crowded lane to a few MB.
_CHUNK = 256


@dataclass(frozen=True, slots=True)
class Rest:
    """Something that stayed at one place.

    Attributes:
        item: as it was seen last there.
        look: index of that frame.
        span_ns: from the first to the last frame on which something was seen there.
        until: UTC ns of the last.
        score: mean score there.
    """

    item: TrackedObject
    look: int
    span_ns: int
    until: int
    score: float


def rests(looks: Sequence[Look], zone: str, leave_out: frozenset[str]) -> list[Rest]:
    """The places on a lane at which something stayed, the longest first; each object may be found several times.

    What moves does not count, wherever others were before it.

    Args:
        looks: in order of time.
        leave_out: labels of objects that do not count.
    """
    found = ((index, item) for index, look in enumerate(looks) for item in look.on_lane(zone) if item.speed < _MOVES)
    seen = [
        (index, item)
        for index, item in found
        if item.label not in leave_out and not is_scenery(item.label, _area(item.box))
    ]
    if len(seen) < _LEAST:
        return []
    frames = np.array([index for index, _ in seen])
    boxes = np.array([item.box for _, item in seen], np.float64)
    aspects = np.array([looks[index].aspect for index in frames])
    times = np.array([looks[index].captured_at for index in frames], np.int64)
    scores = np.array([item.score for _, item in seen])
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2 * aspects, boxes[:, 3]
    size = np.sqrt(np.maximum((boxes[:, 2] - boxes[:, 0]) * aspects * (boxes[:, 3] - boxes[:, 1]), 1e-12))
    resting: list[Rest] = []
    for start in range(0, len(seen), _CHUNK):
        part = slice(start, start + _CHUNK)
        near = np.hypot(x[part, None] - x, y[part, None] - y) <= _RADIUS * size[part, None]
        ratio = np.maximum(size[part, None], size) / np.minimum(size[part, None], size)
        for row in near & (ratio <= _GROWTH):
            here = np.flatnonzero(row)
            first, last = frames[here[0]], frames[here[-1]]
            count = len(np.unique(frames[here]))
            if count < _LEAST or count < _SEEN * (last - first + 1):
                continue
            span = int(times[here[-1]] - times[here[0]])
            resting.append(Rest(seen[here[-1]][1], int(last), span, int(times[here[-1]]), float(scores[here].mean())))
    return sorted(resting, key=lambda rest: (-rest.span_ns, -rest.score))


def creeps(looks: Sequence[Look], rest: Rest) -> bool:
    """Whether what stayed near one place was moving on all the while, up to the last frame on which it was there.

    By its track: one that was lost or changed its id meanwhile is not known to move.
    """
    since = rest.until - _CREPT_NS
    rows = [
        (look.captured_at, (item.box[0] + item.box[2]) / 2 * look.aspect, item.box[3])
        for look in looks
        if since <= look.captured_at <= rest.until
        for item in look.objects
        if item.track_id == rest.item.track_id
    ]
    box = rest.item.box
    size = np.sqrt((box[2] - box[0]) * looks[rest.look].aspect * (box[3] - box[1]))
    times = np.array([(row[0] - since) / _CREPT_NS for row in rows])
    places = np.array([row[1:] for row in rows])
    halves = times < 0.5, times >= 0.5
    if min(half.sum() for half in halves) < _CREPT_LEAST:
        return False
    first, second = (0.5 * _slope(times[half], places[half]) for half in halves)
    steady = min(np.hypot(*first), np.hypot(*second)) >= _CREEPS * size and bool(first @ second > 0)
    return steady and bool(np.hypot(*_slope(times, places)) >= 2 * _CREEPS * size)


def _slope(times: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2,) of the lines through (N, 2) places by least squares."""
    away = times - times.mean()
    slope: NDArray[np.float64] = away @ places / (away @ away)
    return slope


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
