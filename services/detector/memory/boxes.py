"""What the memory of the empty road wants to know of the detector's boxes: who drives there, who moves by itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.detector.memory.road import Floats, Mask
from shared.catalogue import AIRCRAFT, MOVES, ROAD_VEHICLES, SCENERY, SCENERY_THING
from shared.geometry import area

# What proves the road that it has driven over.
_DRIVES = ROAD_VEHICLES | AIRCRAFT


@dataclass(frozen=True, slots=True)
class Boxes:
    """The detector's boxes on one frame.

    Attributes:
        xyxy: (N, 4) 0..1 of the picture.
        scores: (N,) 0..1.
        drives: (N,) whether it is a vehicle.
        moves: (N,) whether it is of a kind that moves by itself: a vehicle, a person, an animal.
    """

    xyxy: NDArray[np.float64]
    scores: Floats
    drives: Mask
    moves: Mask

    @classmethod
    def of(cls, xyxy: NDArray[np.float64], scores: Floats, classes: NDArray[np.int64], labels: Sequence[str]) -> Self:
        """Boxes by what the detector calls them: indices into its `labels`."""
        drives, moves = _kinds(tuple(labels))
        return cls(xyxy, scores, drives[classes], moves[classes])

    def things(self) -> "Boxes":
        """Without those that are the scenery itself (see shared.catalogue); persons so near count as such too."""
        keep = area(self.xyxy) <= np.where(self.drives, SCENERY, SCENERY_THING)
        return Boxes(self.xyxy[keep], self.scores[keep], self.drives[keep], self.moves[keep])


@lru_cache(maxsize=16)
def _kinds(labels: tuple[str, ...]) -> tuple[Mask, Mask]:
    """Of each label whether it is a vehicle, and whether it moves by itself."""
    drives, moves = (np.array([label in kind for label in labels], np.bool_) for kind in (_DRIVES, MOVES))
    return drives, moves
