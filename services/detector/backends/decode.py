"""Boxes from what a YOLO head puts out for each anchor; in float32 and only where a score counts."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@lru_cache(maxsize=64)
def anchors(height: int, width: int, strides: Sequence[int]) -> Floats:
    """(A, 3): of each cell of each map the centre, x and y in pixels of the input, and its stride.

    Args:
        strides: a tuple, in the order of the maps.
    """
    parts = []
    for stride in strides:
        y, x = np.mgrid[0 : height // stride, 0 : width // stride]
        centres = (np.stack([x.ravel(), y.ravel()], axis=1) + 0.5) * stride
        parts.append(np.column_stack([centres, np.full(len(centres), stride)]))
    return np.concatenate(parts).astype(np.float32)


def least_logit(score: float) -> float:
    """What a class must reach before the sigmoid, for a score of 0..1."""
    if score <= 0:
        return -np.inf
    return float(np.log(score / (1 - score))) if score < 1 else np.inf


def candidates(logits: Floats, least: float) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """The anchors of one picture that are above `least`, each with its best class and that class's score.

    Args:
        logits: (A, classes).
    """
    # Few numbers are above it: comparing all is four times as fast as each anchor's maximum.
    above = np.flatnonzero(logits.ravel() > least) // logits.shape[1]
    kept = above[np.diff(above, prepend=-1) > 0]
    rows = logits[kept]
    classes = rows.argmax(axis=1)
    scores = 1 / (1 + np.exp(-rows[np.arange(len(kept)), classes]))
    return kept, classes, scores.astype(np.float32)


def decode(sides: Floats, places: Floats) -> Floats:
    """Corner coordinates, pixels of the input.

    A side's distance from the centre, in strides, is the mean of its distribution over 0, 1, … ("Generalized focal
    loss", Li et al., NeurIPS 2020); models without distributions give the distance itself.

    Args:
        sides: (K, 4, bins): left, top, right, bottom.
        places: (K, 3), rows of `anchors`.
    """
    bins = sides.shape[2]
    if bins == 1:
        distances = sides[:, :, 0]
    else:
        weights = np.exp(sides - sides.max(axis=2, keepdims=True))
        distances = (weights * np.arange(bins, dtype=np.float32)).sum(axis=2) / weights.sum(axis=2)
    centre, stride = places[:, :2], places[:, 2:]
    corners = [centre - distances[:, :2] * stride, centre + distances[:, 2:] * stride]
    return np.concatenate(corners, axis=1).astype(np.float32)
