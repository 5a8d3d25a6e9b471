"""From scored boxes of a whole batch to what is published of each picture: non-maximum suppression in one call."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.ops import nms

from services.detector.backends.base import Boxes

# Ultralytics's defaults.
_NMS_IOU = 0.7
_MAX_BOXES = 300
# Further apart than any two pictures' boxes reach; a power of two, and in float64, so that moving a box there changes
# no bit of its width: a frame's boxes must not depend on its place in the batch.
_APART = 16384.0


def suppress(xyxy: Tensor, scores: Tensor, classes: Tensor, picture: Tensor, pictures: int) -> list[Boxes]:
    """Of boxes of one picture that overlap, the best score is kept, whatever the class: one van is no car and truck.

    Args:
        xyxy: (K, 4) float32, pixels of the input.
        scores: (K,), 0..1.
        classes: (K,), integers.
        picture: (K,), the number of each box's picture in the batch.
        pictures: in the batch.

    Returns:
        one entry per picture, at most 300 boxes each.
    """
    moved = xyxy.double() + (picture * _APART)[:, None]
    order = nms(moved, scores.double(), _NMS_IOU)
    rows = torch.cat([xyxy, scores[:, None], classes[:, None], picture[:, None]], dim=1)[order]
    array = rows.float().cpu().numpy()
    return [_boxes(array[array[:, 6] == number][:_MAX_BOXES]) for number in range(pictures)]


def _boxes(rows: NDArray[np.float32]) -> Boxes:
    return Boxes(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int64))
