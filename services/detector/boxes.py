"""What camera health and the memory of the road want to know of the detector's boxes: who drives, who moves."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.detector.found import Found
from shared.catalogue import AIRCRAFT, FIXTURES, MOVES, ROAD_VEHICLES, SCENERY, SCENERY_THING
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
        fixed: (N,) whether it is part of the place, such as a traffic light.
    """

    xyxy: NDArray[np.float64]
    scores: NDArray[np.float32]
    drives: NDArray[np.bool_]
    moves: NDArray[np.bool_]
    fixed: NDArray[np.bool_]

    @classmethod
    def of(cls, found: Found, labels: Sequence[str]) -> Self:
        """Boxes by what the detector calls them: its classes are indices into `labels`."""
        return cls(found.xyxy, found.scores, *(kind[found.classes] for kind in _kinds(tuple(labels))))

    def things(self) -> "Boxes":
        """Without those that are the scenery itself (see shared.catalogue); persons so near count as such too."""
        keep = area(self.xyxy) <= np.where(self.drives, SCENERY, SCENERY_THING)
        if keep.all():
            return self
        return Boxes(self.xyxy[keep], self.scores[keep], self.drives[keep], self.moves[keep], self.fixed[keep])


@lru_cache(maxsize=16)
def _kinds(labels: tuple[str, ...]) -> tuple[NDArray[np.bool_], ...]:
    """Of each label whether it is a vehicle, whether it moves by itself, whether it is part of the place."""
    return tuple(np.array([label in kind for label in labels], np.bool_) for kind in (_DRIVES, MOVES, FIXTURES))
