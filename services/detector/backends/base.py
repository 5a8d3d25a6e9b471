"""The interface of the forward pass: pictures in; boxes, the heads' answers and the requested feature maps out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from shared.heads import HeadResult

FeatureMap = NDArray[np.float32] | Tensor
"""(N, C, h, w). A tensor where the model ran, in its own type: what is wanted of it is a small part."""

Inner = tuple[int, int, int, int]
"""Where the picture lies in the input: left, top, width, height, pixels of the input. Around it is padding."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """What the model found on one picture, best score first.

    Attributes:
        xyxy: (K, 4) float32, pixels of the model's input.
        scores: (K,) float32, 0..1.
        classes: (K,) int64, index into the backend's `labels`.
    """

    xyxy: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Output:
    """The result of one batch.

    Attributes:
        boxes: one entry per picture, in the batch's order.
        features: layer index → the map of all pictures, only the layers that were asked for; valid until the same
            thread's next pass.
        heads: one entry per picture with the answer of each head; none where they were not asked.
    """

    boxes: list[Boxes]
    features: dict[int, FeatureMap] = field(default_factory=dict)
    heads: list[tuple[HeadResult, ...]] = field(default_factory=list)


class Backend(Protocol):
    """A loaded model.

    Attributes:
        version: name and digest of the weights, as it stands in every detection; the same with every technology.
        name: of the technology: `torch`, `onnx`, `openvino` or `tensorrt`.
        precision: the type of weights and activations: `float32`, `bfloat16` or `float16`.
        labels: class names by index.
        stride: input sides must be multiples of this, pixels.
        device_name: where it runs, such as `cpu` or `cuda:0`.
        parallel: forward passes at a time that give the highest throughput, each in a thread that has called
            `join_parallel`: on a CPU one per core, since single-threaded passes never wait for each other.
    """

    version: str
    name: str
    precision: str
    device_name: str
    parallel: int
    labels: list[str]
    stride: int

    def forward(
        self, batch: NDArray[np.uint8], features: Sequence[int] = (), inner: Sequence[Inner | None] | None = None
    ) -> Output:
        """Run the model once.

        Args:
            batch: (N, H, W, 3) uint8 RGB, H and W multiples of `stride`.
            features: layer indices whose outputs are wanted as well.
            inner: where each picture lies in its input; with it the heads are asked as well, but for the pictures
                that have None. They judge whole pictures, so it is left out for close-ups.
        """

    def join_parallel(self) -> None:
        """Prepare the calling thread to be one of `parallel`."""
