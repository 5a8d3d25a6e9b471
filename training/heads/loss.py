"""What a head is trained by: cross-entropy over its answers, and of boxes how little they cover the labelled ones."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from services.detector.heads.boxes import LOG_BOUND
from training.heads.dataset import IGNORED

Many = Tensor | Sequence[Tensor]
"""Stacked, or one after the other where the pictures have grids of different sizes."""

# So that pictures without any box have no loss of boxes, rather than none divided by none.
_LEAST = 1e-6


def class_weights(labels: Many, classes: int) -> Tensor:
    """(K,) inverse frequencies with mean 1 over the examples."""
    each = torch.cat([own.flatten() for own in labels])
    counts = torch.bincount(each[each != IGNORED], minlength=classes).float().clamp_min(1)
    return counts.sum() / (classes * counts)


def flat(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """(M, K) logits and (M,) labels of all examples that are asked for."""
    if logits.dim() == 4:
        logits, labels = logits.permute(0, 2, 3, 1).flatten(0, 2), labels.flatten()
    asked = labels != IGNORED
    return logits[asked], labels[asked]


def examples(outputs: Many, labels: Many, classes: int) -> tuple[Tensor, Tensor]:
    """As `flat`, of outputs that may have sides behind their logits.

    Args:
        outputs: (N, K), (N, K or K + 4, gh, gw), or as many (K or K + 4, gh, gw).
        labels: (N,), (N, gh, gw), or as many (gh, gw).
    """
    if isinstance(outputs, Tensor) and isinstance(labels, Tensor):
        return flat(outputs[:, :classes], labels)
    pairs = [flat(own[None, :classes], asked[None]) for own, asked in zip(outputs, labels, strict=True)]
    return torch.cat([row[0] for row in pairs]), torch.cat([row[1] for row in pairs])


def sides_of(outputs: Many, sides: Many, classes: int) -> tuple[Tensor, Tensor]:
    """(P, 4) logarithms of the distances that were told, and (P, 4) the labelled distances, where there are any."""
    told, true = [], []
    for own, labelled in zip(outputs, sides, strict=True):
        there = ~labelled[..., 0].isnan()
        told.append(own[classes:].permute(1, 2, 0)[there])
        true.append(labelled[there])
    return torch.cat(told), torch.cat(true)


def giou_loss(told: Tensor, true: Tensor) -> Tensor:
    """(P,) one minus the generalised IoU of two boxes around the same point, 0..2.

    From distances, the intersection needs their minima only (Yu et al., "UnitBox", ACM MM 2016); the term of the
    enclosing box pulls also those that hardly overlap (Rezatofighi et al., "Generalized Intersection over Union",
    CVPR 2019).

    Args:
        told: (P, 4) logarithms of the distances to left, top, right and bottom.
        true: (P, 4) such distances, positive.
    """
    own = told.clamp(-LOG_BOUND, LOG_BOUND).exp()
    common, hull = _area(torch.minimum(own, true)), _area(torch.maximum(own, true))
    union = _area(own) + _area(true) - common
    return 1 - common / union + (hull - union) / hull


def loss_of(outputs: Many, labels: Many, sides: Many | None, weights: Tensor) -> Tensor:
    """The whole loss: of classes and boxes, with equal weight, as both begin near one.

    Args:
        outputs, labels: see `examples`.
        sides: see `training.heads.targets`; None of heads without boxes.
        weights: (K,) of the classes.
    """
    rows, asked = examples(outputs, labels, len(weights))
    # Not torch's weighted mean: it divides by the weights in the batch, which takes weight from a rare class again.
    loss = functional.cross_entropy(rows, asked, weight=weights, reduction="sum") / max(1, len(asked))
    if sides is None:
        return loss
    told, true = sides_of(outputs, sides, len(weights))
    # Each thing counts the same, though a large one has a hundred cells and a small one has one: by cells alone, the
    # boxes of small drawn rectangles were not learned.
    shares = 1 / _area(true).clamp_min(1)
    return loss + (giou_loss(told, true) * shares).sum() / shares.sum().clamp_min(_LEAST)


def _area(distances: Tensor) -> Tensor:
    return (distances[:, 0] + distances[:, 2]) * (distances[:, 1] + distances[:, 3])
