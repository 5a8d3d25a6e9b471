"""How good predictions are: F1 with an interval, ROC, confusion, calibration."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from services.detector.heads.decision import decided

Array = NDArray[np.float64]
_DRAWS = 1000
_BINS = 10


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of one candidate on one split.

    Attributes:
        probabilities: (M, K), calibrated.
        labels, predicted: (M,) classes, true and decided.
        f1: of the second class where there are two, else the mean over all classes.
        f1_interval: 95 %, by resampling groups.
        draws: (draws,) F1 of each resampling, the same groups for all candidates, so that two can be compared.
        roc: false and true positive rates of "not the normal state".
        ece: expected calibration error of the predicted class's probability.
        reliability: per bin mean probability, share correct, examples.
    """

    probabilities: Array
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    accuracy: float
    f1: float
    f1_interval: tuple[float, float]
    draws: Array
    confusion: NDArray[np.int64]
    roc: tuple[Array, Array]
    auc: float
    ece: float
    reliability: list[tuple[float, float, int]]


def temperature_of(logits: Tensor, labels: Tensor) -> float:
    """The temperature that makes the labels most probable (Guo et al., ICML 2017), between 0.05 and 20.

    Args:
        logits: (M, K), of pictures that were not trained on.
        labels: (M,).
    """
    # Once coarsely, once finely: one number, and a curve with a single minimum.
    low, high = np.log(0.05), np.log(20.0)
    best = 0.0
    for _ in range(3):
        grid = np.linspace(low, high, 41)
        losses = [float(functional.cross_entropy(logits / float(np.exp(value)), labels)) for value in grid]
        best = float(grid[int(np.argmin(losses))])
        width = (high - low) / 20
        low, high = max(np.log(0.05), best - width), min(np.log(20.0), best + width)
    return float(np.exp(best))


def confusion_of(labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """(K, K) counts: rows are true, columns predicted classes."""
    return np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def f1_of(confusion: NDArray[np.int64]) -> float:
    """F1 of class 1 of two, else the unweighted mean over the classes.

    Example:
        >>> f1_of(np.array([[8, 2], [0, 4]]))
        0.8
    """
    right = np.diag(confusion).astype(np.float64)
    total = confusion.sum(0) + confusion.sum(1)
    scores = 2 * right / np.maximum(total, 1)
    return float(scores[1] if len(scores) == 2 else scores.mean())


def best_threshold(abnormal: Array, labels: NDArray[np.int64]) -> float:
    """The probability of "not the normal state" from which F1 of that is highest; the middle of a tie."""
    grid = np.linspace(0.05, 0.95, 91)
    scores = [f1_of(confusion_of((labels > 0).astype(np.int64), (abnormal >= at).astype(np.int64), 2)) for at in grid]
    tied = np.flatnonzero(np.array(scores) >= max(scores) - 1e-12)
    return float(grid[tied[len(tied) // 2]])


def roc_of(scores: Array, positive: NDArray[np.bool_]) -> tuple[Array, Array, float]:
    """False positive rates, true positive rates, area under the curve; ties in scores are one step."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    true = np.concatenate([[0], np.cumsum(positive[order])[ends]]) / max(1, positive.sum())
    false = np.concatenate([[0], np.cumsum(~positive[order])[ends]]) / max(1, (~positive).sum())
    return false, true, float(np.trapezoid(true, false))


def calibration_of(probabilities: Array, labels: NDArray[np.int64]) -> tuple[float, list[tuple[float, float, int]]]:
    """Expected calibration error and its bins, by the probability of the most probable class."""
    sure, right = probabilities.max(1), probabilities.argmax(1) == labels
    bins = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    rows = [
        (float(sure[bins == index].mean()), float(right[bins == index].mean()), int((bins == index).sum()))
        for index in range(_BINS)
        if (bins == index).any()
    ]
    return sum(abs(mean - share) * count for mean, share, count in rows) / max(1, len(labels)), rows


def measure(
    logits: Tensor, labels: Tensor, groups: NDArray[np.int64], temperature: float, threshold: float
) -> Measured:
    """All figures of flat logits (M, K).

    Args:
        groups: (M,) number of the picture, or of the scene, that an example was cut from.
        threshold: of the decision, which is the one that the detector takes with the head; see `decided`.
    """
    probabilities = torch.softmax(logits / temperature, 1).double().numpy()
    classes, truth = probabilities.shape[1], labels.numpy()
    predicted = decided(probabilities, threshold)
    confusion = confusion_of(truth, predicted, classes)
    names, index = np.unique(groups, return_inverse=True)
    each = np.stack([confusion_of(truth[index == n], predicted[index == n], classes) for n in range(len(names))])
    rng = np.random.default_rng(0)
    draws = np.array([f1_of(each[rng.integers(len(names), size=len(names))].sum(0)) for _ in range(_DRAWS)])
    false, true, auc = roc_of(1 - probabilities[:, 0], truth > 0)
    ece, reliability = calibration_of(probabilities, truth)
    return Measured(
        probabilities, truth, predicted, float(np.trace(confusion) / max(1, confusion.sum())), f1_of(confusion),
        (float(np.quantile(draws, 0.025)), float(np.quantile(draws, 0.975))), draws, confusion, (false, true), auc,
        ece, reliability,
    )  # fmt: skip
