"""How far a backend's answers are from those of torch in float32, on pictures."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import ultralytics
from numpy.typing import NDArray
from torch import Tensor

from services.detector.backends.base import Backend, Boxes, FeatureMap
from services.detector.letterbox import Letterbox
from shared.geometry import iou

# A box counts when its score is this, and has its like among all boxes of the other from this overlap.
_SURE, _SAME = 0.4, 0.8


@dataclass(frozen=True, slots=True)
class Agreement:
    """What two backends with the same weights have in common.

    Attributes:
        boxes: sure ones, of both.
        matched: share of them for which the other has a box of the same class there; 1 when there are none.
        score_shift: median difference of the scores of matched boxes.
        cosine: lowest of the feature maps, 1 when none were compared.
    """

    boxes: int
    matched: float
    score_shift: float
    cosine: float

    def lacks(self, least: "Agreement") -> list[str]:
        """What is worse than the least that is wanted; `boxes` does not count."""
        worse = []
        if self.matched < least.matched:
            worse.append(f"{self.matched:.1%} of {self.boxes} boxes agree, at least {least.matched:.0%} must")
        if self.score_shift > least.score_shift:
            worse.append(f"scores differ by {self.score_shift:.3f}, at most {least.score_shift} is allowed")
        if self.cosine < least.cosine:
            worse.append(f"features have a cosine of {self.cosine:.4f}, at least {least.cosine} is wanted")
        return worse

    def as_dict(self) -> dict[str, Any]:
        """For a note."""
        return asdict(self)


TOLERANCE = Agreement(boxes=0, matched=0.9, score_shift=0.03, cosine=0.995)
"""What an export must reach, or it is refused."""

INT8_TOLERANCE = replace(TOLERANCE, cosine=0.985)
"""... in whole numbers: features are coarser, and the memory of the road compares them with their own kind alone."""


def compare(
    reference: Backend, other: Backend, inputs: Sequence[NDArray[np.uint8]], layers: Sequence[int]
) -> Agreement:
    """Run both on each input alone.

    Args:
        inputs: (H, W, 3) uint8 RGB each, sides multiples of the stride.
        layers: whose features are compared as well.
    """
    shares: list[bool] = []
    shifts: list[float] = []
    cosines: list[float] = [1.0]
    for picture in inputs:
        wanted, got = (one.forward(picture[None], features=layers) for one in (reference, other))
        for a, b in ((wanted.boxes[0], got.boxes[0]), (got.boxes[0], wanted.boxes[0])):
            matched, shift = _matched(a, b)
            shares += matched.tolist()
            shifts += shift.tolist()
        cosines += [_cosine(_array(wanted.features[layer]), _array(got.features[layer])) for layer in layers]
    return Agreement(
        len(shares), float(np.mean(shares)) if shares else 1.0, float(np.median(shifts)) if shifts else 0.0,
        min(cosines),
    )  # fmt: skip


def _matched(one: Boxes, other: Boxes) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Which sure boxes have their like in the other, and how far the scores of these are apart."""
    rows = np.flatnonzero(one.scores >= _SURE)
    if not len(rows) or not len(other.scores):
        return np.zeros(len(rows), np.bool_), np.empty(0, np.float32)
    overlap = iou(one.xyxy[rows].astype(np.float64), other.xyxy.astype(np.float64)) * (
        one.classes[rows][:, None] == other.classes
    )
    best = overlap.argmax(axis=1)
    matched = overlap.max(axis=1) >= _SAME
    return matched, np.abs(one.scores[rows] - other.scores[best])[matched]


def _array(features: FeatureMap) -> NDArray[np.float32]:
    return features.float().cpu().numpy() if isinstance(features, Tensor) else features


def _cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    a, b = one.ravel().astype(np.float64), other.ravel().astype(np.float64)
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / length if length else 1.0


def own_pictures() -> list[Path]:
    """Photographs that Ultralytics ships: a street with a bus and people, and people close by."""
    return sorted((Path(ultralytics.__file__).parent / "assets").glob("*.jpg"))


def as_input(path: Path, imgsz: int, stride: int) -> NDArray[np.uint8]:
    """A picture as the model gets it.

    Raises:
        OSError: it cannot be read.
    """
    picture = cv2.imread(str(path))
    if picture is None:
        raise OSError(f"{path}: no picture")
    letterbox = Letterbox.fit(picture.shape[1], picture.shape[0], imgsz, stride)
    return letterbox.placed(np.ascontiguousarray(picture[..., ::-1]))
