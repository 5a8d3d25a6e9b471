"""What the passes of a GPU have in common: streams, and how boxes come back to the CPU."""

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from services.detector.backends.base import Boxes
from services.detector.backends.select import suppress

# Threads: one at each end of a pass, for pictures of the next batch go there and boxes of the last come back meanwhile.
PARALLEL = 3


def own_stream(local: threading.local, device: torch.device) -> AbstractContextManager[Any]:
    """Where the calling thread's work on a GPU goes; `local` keeps it. Nothing on another device."""
    if device.type != "cuda":
        return nullcontext()
    held: dict[str, Any] = local.__dict__
    if "stream" not in held:
        held["stream"] = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    return torch.cuda.stream(held["stream"])


class Landing:
    """Room for the tensors of one kind of pass in pages that a GPU writes to by itself.

    The first dimension of each counts pictures.
    """

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
