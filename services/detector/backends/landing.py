"""From a device back to the CPU: boxes land in pages that the GPU writes to by itself."""

from collections.abc import Sequence

import torch
from torch import Tensor

from services.detector.backends.base import Boxes
from services.detector.backends.select import suppress


class Landing:
    """Room for the tensors of one kind of pass; the first dimension of each counts pictures."""

    def __init__(self, parts: Sequence[Tensor]) -> None:
        self._device = parts[0].device
        pin = self._device.type == "cuda"
        self._landed = [torch.empty(part.shape, dtype=part.dtype, pin_memory=pin) for part in parts]

    def take(self, parts: Sequence[Tensor], count: int) -> list[Tensor]:
        """Wait for them; those of the first pictures, valid until the next call."""
        for part, landed in zip(parts, self._landed, strict=True):
            landed[:count].copy_(part[:count], non_blocking=True)
        if self._device.type == "cuda":
            torch.cuda.current_stream(self._device).synchronize()
        return [landed[:count] for landed in self._landed]


def picked(found: Sequence[Tensor], least: float) -> list[Boxes]:
    """What is published of each picture.

    Args:
        found: corners, (N, anchors, 4), scores and classes, (N, anchors) each, in the CPU's memory.
        least: score, 0..1, above which a box counts.
    """
    xyxy, scores, classes = found
    image, anchor = (scores > least).nonzero(as_tuple=True)
    rows = image, anchor
    return suppress(xyxy[rows], scores[rows], classes[rows], image, len(scores))
