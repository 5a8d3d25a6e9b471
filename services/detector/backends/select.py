"""From scored boxes of a batch to what is published of each picture: non-maximum suppression."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from services.detector.backends.base import Boxes

# Ultralytics's defaults.
_NMS_IOU = 0.7
_MAX_BOXES = 300

_Nms = Callable[[Tensor, Tensor, float], Tensor]


def _operator() -> _Nms:
    """torchvision's suppression, of its library alone where that can be found.

    To import the package takes longer than PyTorch itself, since it brings TorchDynamo along: every start of a worker
    and of `wayside run` would wait for that.
    """
    spec = find_spec("torchvision")
    for library in sorted(Path(spec.origin).parent.glob("_C*")) if spec is not None and spec.origin else []:
        try:
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
        except OSError:
            continue
        if hasattr(torch.ops.torchvision, "nms"):
            return cast(_Nms, torch.ops.torchvision.nms)
    from torchvision.ops import nms

    return cast(_Nms, nms)


_nms = _operator()


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
    rows = [part.cpu().numpy() for part in (xyxy, scores, classes.long())]
    ends = np.searchsorted(picture.cpu().numpy(), np.arange(pictures - 1), side="right")
    return [suppress_one(*own) for own in zip(*(np.split(part, ends) for part in rows), strict=True)]


def suppress_one(
    xyxy: NDArray[np.float32], scores: NDArray[np.float32], classes: NDArray[np.int64], *,
    overlap: float = _NMS_IOU, most: int = _MAX_BOXES,
) -> Boxes:  # fmt: skip
    """See `suppress`, for the boxes of one picture.

    Args:
        overlap: boxes whose intersection is more than this share of their union are one thing.
        most: boxes that are kept.
    """
    kept = _nms(torch.from_numpy(xyxy).double(), torch.from_numpy(scores).double(), overlap)[:most].numpy()
    return Boxes(xyxy[kept], scores[kept], classes[kept])
