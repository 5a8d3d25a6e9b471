"""How good the boxes of a head are: which labelled ones it finds, and how well they cover each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from services.detector.backends.base import Boxes
from services.detector.heads.boxes import found_boxes
from shared.geometry import area, intersection
from training.heads.cells import Cells
from training.heads.dataset import Objects

Array = NDArray[np.float64]
# What is found must share this much of the union with what is labelled, as in Pascal VOC.
_IOU = 0.5
# For the average precision: below it nothing is right any more.
_LEAST = 0.01
_DRAWS = 1000
_SIZES = (32, 96)
COLUMNS = (
    "F1 (95 %)", "precision", "recall", "below 32 px of the input, to 96 px, larger", "mean IoU of those found", "AP50",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class BoxFigures:
    """Figures of one head's boxes on one split, all at an IoU of 0.5.

    Attributes:
        found: per picture what the detector would tell, boxes in 0..1 of the picture.
        iou: mean over the boxes that were found rightly; 0 without any.
        f1: of the boxes at the head's threshold.
        f1_interval: 95 %, by resampling groups.
        ap50: average precision over all thresholds, mean over the classes that are labelled.
        by_size: recall of small (below 32 x 32 px of the input), medium and large (from 96 x 96 px) things, as COCO
            divides them; None: there are none.
    """

    found: list[Boxes]
    labelled: int
    precision: float
    recall: float
    f1: float
    f1_interval: tuple[float, float]
    iou: float
    ap50: float
    by_size: tuple[float | None, ...]

    @property
    def metrics(self) -> dict[str, float]:
        """By the names that they have in files of heads and in promotions; the first is what decides.

        Average precision asks for thresholds that the head does not use.
        """
        return {
            "box_f1": self.f1, "box_precision": self.precision, "box_recall": self.recall, "box_iou": self.iou,
            "box_ap50": self.ap50,
        }  # fmt: skip

    @property
    def row(self) -> tuple[str, ...]:
        """A row of a table, below `COLUMNS`."""
        low, high = self.f1_interval
        sizes = ", ".join("-" if share is None else f"{share:.3f}" for share in self.by_size)
        parts = (self.precision, self.recall, sizes, self.iou, self.ap50)
        return f"{self.f1:.3f} ({low:.3f}-{high:.3f})", *(p if isinstance(p, str) else f"{p:.3f}" for p in parts)


def figures_of(
    outputs: Sequence[Tensor], objects: Sequence[Objects], groups: Sequence[str], cells: Cells, classes: int,
    temperature: float, threshold: float,
) -> BoxFigures:  # fmt: skip
    """Judge the outputs of a head, or of what stands beside it, on whole pictures.

    Args:
        outputs: per picture (K + 4, gh, gw).
        objects: what is labelled on each.
        groups: of each, what it was made from; intervals resample these.
    """
    found, all_scores, all_right, all_labels, ious, counts, sizes, seen = [], [], [], [], [], [], [], []
    for output, true in zip(outputs, objects, strict=True):
        told = told_of(output, true, cells, classes, temperature, threshold)
        overlap, which = matched(told, true)
        found.append(told)
        sizes.append(np.sqrt(area(true.boxes * np.tile(cells.on(true.width, true.height).inner[2:], 2))))
        seen.append(np.isin(np.arange(len(true.classes)), which))
        ious.append(overlap[overlap > 0])
        counts.append((int((overlap > 0).sum()), len(told.scores), len(true.classes)))
        every = told_of(output, true, cells, classes, temperature, _LEAST)
        all_scores.append(every.scores)
        all_labels.append(every.classes)
        all_right.append(matched(every, true)[0] > 0)
    sums = np.array(counts, np.float64)
    right, said, labelled = sums.sum(0)
    names, index = np.unique(np.array(groups), return_inverse=True)
    each = np.zeros((len(names), 3))
    np.add.at(each, index, sums)
    rng = np.random.default_rng(0)
    draws = [_f1(each[rng.integers(len(names), size=len(names))].sum(0)) for _ in range(_DRAWS)]
    joined = np.concatenate(ious)
    return BoxFigures(
        found, int(labelled), right / max(1, said), right / max(1, labelled), _f1(sums.sum(0)),
        (float(np.quantile(draws, 0.025)), float(np.quantile(draws, 0.975))),
        float(joined.mean()) if len(joined) else 0.0,
        _mean_precision(
            np.concatenate(all_scores), np.concatenate(all_right), np.concatenate(all_labels),
            np.bincount(np.concatenate([true.classes for true in objects]), minlength=classes),
        ),
        _by_size(np.concatenate(sizes), np.concatenate(seen)),
    )  # fmt: skip


def told_of(
    output: Tensor, objects: Objects, cells: Cells, classes: int, temperature: float, threshold: float
) -> Boxes:
    """The boxes of one picture, in 0..1 of it, as the detector would tell them."""
    probabilities = torch.softmax(output[:classes].float() / temperature, 0).numpy()
    found = found_boxes(probabilities, output[classes:].float().numpy(), threshold)
    place = cells.on(objects.width, objects.height)
    return Boxes(place.to_picture(found.xyxy).astype(np.float32), found.scores, found.classes)


def matched(found: Boxes, objects: Objects) -> tuple[Array, NDArray[np.int64]]:
    """(F,) the IoU of each box with its labelled one, at least 0.5, and (F,) which that is; 0 and -1: it has none.

    The surest choose first, each the labelled box of its class that it covers best and that is still free.
    """
    told = found.xyxy.astype(np.float64)
    common = intersection(told, objects.boxes)
    iou = common / np.maximum(area(told)[:, None] + area(objects.boxes)[None] - common, 1e-12)
    iou[(found.classes[:, None] != objects.classes[None]) | (iou < _IOU)] = 0
    result, which = np.zeros(len(told)), np.full(len(told), -1, np.int64)
    for row in np.flatnonzero(iou.any(1)).tolist():
        best = int(iou[row].argmax())
        if iou[row, best]:
            result[row], which[row] = iou[row, best], best
            iou[:, best] = 0
    return result, which


def average_precision(scores: NDArray[np.float32], right: NDArray[np.bool_], labelled: int) -> float:
    """Area under precision over recall, precision made monotone (Everingham et al., "The Pascal VOC Challenge",
    IJCV 2010, as computed since 2010).

    Example:
        >>> average_precision(np.array([0.9, 0.8, 0.7], np.float32), np.array([True, False, True]), 2)
        0.8333333333333333
    """
    hits = right[np.argsort(-scores, kind="stable")]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float(best[hits].sum() / labelled)


def _mean_precision(
    scores: NDArray[np.float32], right: NDArray[np.bool_], labels: NDArray[np.int64], labelled: NDArray[np.int64]
) -> float:
    """Over the classes of which something is labelled; 0 where nothing is."""
    each = [
        average_precision(scores[labels == index], right[labels == index], int(count))
        for index, count in enumerate(labelled)
        if count
    ]
    return float(np.mean(each)) if each else 0.0


def _by_size(sizes: Array, seen: NDArray[np.bool_]) -> tuple[float | None, ...]:
    """Share of the labelled that were found, per class of size; sizes are roots of areas, pixels."""
    bins = np.digitize(sizes, _SIZES)
    return tuple(float(seen[bins == index].mean()) if (bins == index).any() else None for index in range(3))


def _f1(counts: Array) -> float:
    """From numbers of right, told and labelled boxes."""
    right, told, labelled = counts
    return float(2 * right / max(1, told + labelled))
