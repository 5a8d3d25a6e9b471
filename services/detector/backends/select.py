"""From scored boxes of a batch to what is published of each picture: non-maximum suppression."""

from itertools import accumulate

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import nms

from services.detector.backends.base import Boxes

# Ultralytics's defaults.
_NMS_IOU = 0.7
_MAX_BOXES = 300


def suppress(xyxy: Tensor, scores: Tensor, classes: Tensor, picture: Tensor, pictures: int) -> list[Boxes]:
    """Of boxes of one picture that overlap, the best score is kept, whatever the class: one van is no car and truck.

    Picture by picture: comparing all boxes of a batch costs its square, and a call only microseconds.

    Args:
        xyxy: (K, 4) float32, pixels of the input.
        scores: (K,), 0..1.
        classes: (K,), integers.
        picture: (K,), the number of each box's picture in the batch, ascending.
        pictures: in the batch.

    Returns:
        one entry per picture, at most 300 boxes each.
    """
    xyxy, scores, classes, picture = (part.cpu() for part in (xyxy, scores, classes, picture))
    counts = torch.bincount(picture, minlength=pictures).tolist()
    parts = (torch.split(part, counts) for part in (xyxy.double(), scores.double()))
    order, starts = [], accumulate(counts, initial=0)
    for start, corners, own in zip(starts, *parts, strict=False):
        order.append(nms(corners, own, _NMS_IOU)[:_MAX_BOXES] + start)
    kept, ends = torch.cat(order), np.cumsum([len(one) for one in order])[:-1]
    rows = (part[kept].numpy() for part in (xyxy, scores, classes.long()))
    return [Boxes(*row) for row in zip(*(np.split(part, ends) for part in rows), strict=True)]
