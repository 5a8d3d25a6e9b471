"""How much a frame would teach: what the detector or a head is unsure of, and what flickers between neighbours.

Unsure: the margin between "an object" and "none" (Settles, "Active Learning Literature Survey", 2009, section 3.1:
least confidence and margin are the same for two answers), of a frame's most uncertain box: with the maximum, crowded
frames do not win by their number (Brust, Käding, Denzler, "Active Learning for Deep Object Detection", VISAPP 2019,
section 4). Of a head the margin between its two most probable labels. Flicker: what a sure detector sees on one frame
only, or misses on one frame only, is likely an error (Zolfaghari Bengar et al., "Temporal Coherence for Active
Learning in Videos", ICCV Workshops 2019).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.heads import HeadResult
from training.data.detecting import LEAST

# Frames further apart are no neighbours: the scene has moved on.
_NEIGHBOUR_NS = 1_000_000_000
# How far a thing may get from one frame to the next, in roots of its box's area.
_REACH = 2.0
_MOST_FLICKERS = 2
_WORTH_TELLING = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What was found on one frame.

    Attributes:
        time: UTC ns.
        xyxy: (K, 4) in pixels.
        scores: (K,) 0..1.
        heads: what the heads say of it.
    """

    time: int
    xyxy: NDArray[np.float64]
    scores: NDArray[np.float32]
    heads: tuple[HeadResult, ...] = ()


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a frame would teach.

    Attributes:
        unsure: 0 (every box is certain) to 1 (one has score 0.5).
        closest: the score of that box; None without boxes.
        single: boxes that are on neither neighbour.
        missed: things that both neighbours have and this frame has not.
        torn: the answer of the head that is torn most between two labels; None without heads.
    """

    unsure: float
    closest: float | None
    single: int
    missed: int
    torn: HeadResult | None = None

    @property
    def uncertain(self) -> float:
        """Of the most uncertain box or head, 0 to 1."""
        return max(self.unsure, _torn(self.torn))

    @property
    def score(self) -> float:
        """0 to 2: a flicker counts half as much as the most uncertain box or head can, two of them as much."""
        return self.uncertain + min(self.single + self.missed, _MOST_FLICKERS) / _MOST_FLICKERS

    @property
    def reason(self) -> str:
        """In words."""
        parts = (
            [f"a box has score {self.closest:.2f}"]
            if self.closest is not None and self.unsure >= _WORTH_TELLING
            else []
        )
        if self.torn is not None and _torn(self.torn) >= _WORTH_TELLING:
            first, second = _two_most_probable(self.torn)
            parts += [f"{self.torn.name}: {first[0]} {first[1]:.2f} or {second[0]} {second[1]:.2f}"]
        parts += [f"{self.single} on this frame only"] if self.single else []
        parts += [f"{self.missed} missing on this frame only"] if self.missed else []
        return "; ".join(parts) or "nothing doubtful"


def doubts(frames: Sequence[Seen]) -> list[Doubt]:
    """The doubt of each of one camera's frames, which come in the order of their time."""
    return [
        _doubt(frame, _neighbour(frames, index, index - 1), _neighbour(frames, index, index + 1))
        for index, frame in enumerate(frames)
    ]


def _neighbour(frames: Sequence[Seen], index: int, other: int) -> Seen | None:
    if not 0 <= other < len(frames) or abs(frames[other].time - frames[index].time) > _NEIGHBOUR_NS:
        return None
    return frames[other]


def _doubt(frame: Seen, before: Seen | None, after: Seen | None) -> Doubt:
    margins = 1 - np.abs(2 * frame.scores.astype(np.float64) - 1)
    unsure = float(margins.max(initial=0.0))
    closest = float(frame.scores[margins.argmax()]) if len(margins) else None
    torn = max(frame.heads, key=_torn, default=None)
    if before is None or after is None:
        return Doubt(unsure, closest, 0, 0, torn)
    sure = frame.xyxy[frame.scores >= LEAST]
    single = ~_near(sure, before.xyxy).any(axis=1) & ~_near(sure, after.xyxy).any(axis=1)
    first, last = before.xyxy[before.scores >= LEAST], after.xyxy[after.scores >= LEAST]
    pairs = np.argwhere(_near(first, last, 2 * _REACH))
    middles = (first[pairs[:, 0]] + last[pairs[:, 1]]) / 2
    gone = ~_near(middles, frame.xyxy).any(axis=1)
    # A thing that matches several of the other frame is one thing.
    missed = min(len(set(pairs[gone, 0])), len(set(pairs[gone, 1])))
    return Doubt(unsure, closest, int(single.sum()), missed, torn)


def _torn(result: HeadResult | None) -> float:
    """0 (one label is certain) to 1 (two are equally probable)."""
    if result is None:
        return 0.0
    (_, first), (_, second) = _two_most_probable(result)
    return 1.0 - (first - second)


def _two_most_probable(result: HeadResult) -> tuple[tuple[str, float], tuple[str, float]]:
    first, second, *_ = sorted(result.probabilities.items(), key=lambda item: -item[1])
    return first, second


def _near(some: NDArray[np.float64], others: NDArray[np.float64], reach: float = _REACH) -> NDArray[np.bool_]:
    """(N, M): whether the middles lie within `reach` sizes of the first."""
    size = np.sqrt((some[:, 2] - some[:, 0]) * (some[:, 3] - some[:, 1]))
    far = (some[:, None, :2] + some[:, None, 2:] - others[None, :, :2] - others[None, :, 2:]) / 2
    near: NDArray[np.bool_] = np.hypot(far[..., 0], far[..., 1]) <= reach * size[:, None]
    return near
