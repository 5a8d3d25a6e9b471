"""Boxes in the picture's own coordinates, and how those of a close-up and of the whole picture become one list."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.detector.backends.base import Boxes
from services.detector.closeups import Region
from shared.geometry import area, intersection
from shared.heads import HeadResult

# Two boxes from different looks are the same thing when they overlap by this share of their union, and of the smaller.
_SAME_UNION, _SAME_PART = 0.3, 0.6
# The closer look places its boxes better, so it wins unless the other is much surer.
_CLOSER = 1.5
# A box that comes this close to the cut may go on behind it, share of the close-up's sides. The whole picture has it.
_CUT = 0.006


@dataclass(frozen=True, slots=True)
class Found:
    """What was found on one picture.

    Attributes:
        xyxy: (K, 4) float64, 0..1 of the picture.
        scores: (K,) float32, 0..1.
        classes: (K,) int64, index into the backend's `labels`.
        heads: what the heads say of the whole picture.
        road: (K, D) how the patches of the road look in the whole picture; None where the memory is not asked.
    """

    xyxy: NDArray[np.float64]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]
    heads: tuple[HeadResult, ...] = ()
    road: NDArray[np.float32] | None = None

    def only(self, keep: NDArray[np.intp]) -> "Found":
        """Those with these indices."""
        return Found(self.xyxy[keep], self.scores[keep], self.classes[keep], self.heads, self.road)


def in_region(boxes: Boxes, region: Region, shape: tuple[int, int], width: int, height: int) -> Found:
    """A close-up's boxes in the picture's coordinates, clipped to it, without those that its edges may have cut.

    Args:
        shape: (height, width) of the input.
        width, height: of the picture, pixels.
    """
    part = boxes.xyxy.astype(np.float64) / (shape[1], shape[0], shape[1], shape[0])
    ends = np.array([region.left, region.top, region.left + region.width, region.top + region.height])
    inner = ends != (0, 0, width, height)
    cut = np.concatenate([part[:, :2] < _CUT, part[:, 2:] > 1 - _CUT], axis=1) & inner
    start, size = np.tile(ends[:2], 2), np.tile((region.width, region.height), 2)
    xyxy = ((part * size + start) / (width, height, width, height)).clip(0.0, 1.0)
    placed = Found(xyxy, boxes.scores, boxes.classes)
    return placed.only(np.flatnonzero(~cut.any(axis=1)))


def merge(whole: Found, closer: Found, favour: float = _CLOSER) -> Found:
    """One list: of two boxes of the same thing the closer look's, unless the other scores `favour` times as much."""
    if not len(whole.scores) or not len(closer.scores):
        return replace(closer, heads=whole.heads, road=whole.road) if not len(whole.scores) else whole
    common = intersection(whole.xyxy, closer.xyxy)
    sizes, others = area(whole.xyxy)[:, None], area(closer.xyxy)[None]
    same = (common >= _SAME_UNION * (sizes + others - common)) & (common >= _SAME_PART * np.minimum(sizes, others))
    wins = closer.scores[None] * favour >= whole.scores[:, None]
    kept = whole.only(np.flatnonzero(~(same & wins).any(axis=1)))
    added = closer.only(np.flatnonzero(~(same & ~wins).any(axis=0)))
    order = np.argsort(-np.concatenate([kept.scores, added.scores]), kind="stable")
    return Found(
        np.concatenate([kept.xyxy, added.xyxy])[order],
        np.concatenate([kept.scores, added.scores])[order],
        np.concatenate([kept.classes, added.classes])[order],
        whole.heads,
        whole.road,
    )
