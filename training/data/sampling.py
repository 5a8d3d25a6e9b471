"""Choose frames for labelling: the most doubtful ones, spread over cameras and time, no two alike."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.clock import NS
from training.data.capture import Capture
from training.data.near import alike, looks
from training.data.uncertainty import Doubt


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A frame that may be chosen.

    Attributes:
        look: its hash (64,) and thumbnail (64, 64); see `near.look`.
    """

    capture: Capture
    doubt: Doubt
    look: tuple[NDArray[np.float32], NDArray[np.uint8]]


def choose(candidates: Sequence[Candidate], count: int, gap_s: float) -> list[Candidate]:
    """At most `count`, in the order of their choice: the cameras take turns, each gives its most doubtful frame.

    Args:
        gap_s: no two of one camera are closer.
    """
    waiting: defaultdict[str, list[Candidate]] = defaultdict(list)
    for item in sorted(candidates, key=lambda item: (item.doubt.score, -item.capture.time)):
        waiting[item.capture.camera].append(item)
    chosen: list[Candidate] = []
    while len(chosen) < count and waiting:
        for camera in sorted(waiting):
            found = _next(waiting[camera], chosen, gap_s)
            if found is None:
                del waiting[camera]
            elif len(chosen) < count:
                chosen.append(found)
    return chosen


def _next(waiting: list[Candidate], chosen: Sequence[Candidate], gap_s: float) -> Candidate | None:
    """The best that still fits; what does not fit now never will, and is taken from the list."""
    while waiting:
        item = waiting.pop()
        same = [other for other in chosen if other.capture.camera == item.capture.camera]
        if any(abs(other.capture.time - item.capture.time) < gap_s * NS for other in same):
            continue
        if not alike(looks([item.look]), looks([other.look for other in chosen])).any():
            return item
    return None
