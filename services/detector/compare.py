"""How two models differ on the same picture: which boxes both have, and which only one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from services.detector.sums import Sums
from shared.geometry import Floats, iou
from shared.messages import DetectedObject

# What rules ask of the mean score of an object on a lane. Weaker boxes only keep tracks alive.
MIN_SCORE = 0.3
# Two boxes of a class are the same thing from here on, as in the usual mAP50.
SAME = 0.5


@dataclass(frozen=True, slots=True)
class Tally(Sums):
    """The boxes of one class.

    Attributes:
        agreed: pairs that both models have.
        only_production, only_candidate: boxes without a partner.
        iou: sum over the pairs.
        score: sum over the pairs of the candidate's score minus that of the model in production.
    """

    agreed: int = 0
    only_production: int = 0
    only_candidate: int = 0
    iou: float = 0.0
    score: float = 0.0


def compare(
    production: Sequence[DetectedObject], candidate: Sequence[DetectedObject], *, min_score: float = MIN_SCORE
) -> dict[str, Tally]:
    """The differences on one picture, by class.

    Boxes of one class are paired so that their overlap is largest in sum (the assignment problem); a pair counts from
    `SAME` on. Boxes of different classes are never a pair.

    Args:
        production, candidate: boxes of the two models, 0..1 of the same picture.
        min_score: weaker boxes are left out.
    """
    old, old_scores, old_labels = _arrays(production, min_score)
    new, new_scores, new_labels = _arrays(candidate, min_score)
    overlap = np.where(old_labels[:, None] == new_labels[None, :], iou(old, new), 0.0)
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    good = overlap[rows, columns] >= SAME
    rows, columns = rows[good], columns[good]
    tallies: dict[str, Tally] = {}
    for label in sorted({*old_labels.tolist(), *new_labels.tolist()}):
        of = old_labels[rows] == label
        agreed = int(of.sum())
        tallies[label] = Tally(
            agreed,
            int((old_labels == label).sum()) - agreed,
            int((new_labels == label).sum()) - agreed,
            float(overlap[rows[of], columns[of]].sum()),
            float((new_scores[columns[of]] - old_scores[rows[of]]).sum()),
        )
    return tallies


def _arrays(objects: Sequence[DetectedObject], min_score: float) -> tuple[Floats, Floats, NDArray[np.str_]]:
    """Boxes (N, 4), scores (N,) and labels (N,)."""
    kept = [item for item in objects if item.score >= min_score]
    boxes = np.array([item.box for item in kept], np.float64).reshape(-1, 4)
    return boxes, np.array([item.score for item in kept], np.float64), np.array([item.label for item in kept], np.str_)
