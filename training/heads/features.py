"""The frozen backbone in training: from a picture to what a head sees of it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from services.detector.backends.network import load_network
from services.detector.backends.torch import TorchBackend
from services.detector.heads.backbone import backbone_digest
from services.detector.heads.net import HeadKind, condense
from services.detector.heads.panel import cut, seen_part
from services.detector.letterbox import Letterbox
from training.heads.dataset import Pixels
from training.trust import trusted


class Backbone:
    """The first layers of a detector, as the detector service runs them (same scaling, fusing and precision).

    Attributes:
        digest: `backbone_digest` of the layers.
        channels: of each layer.
        stride: of the coarsest layer, pixels of the input.
        imgsz: longer side of the inputs, pixels; None leaves pictures at their size.

    Raises:
        ModelError: the weights cannot be loaded, or have no such layers.
        ConfigError: no such device.
    """

    def __init__(
        self, weights: Path, layers: Sequence[int], kind: HeadKind, imgsz: int | None, threads: int,
        device: str = "auto",
    ) -> None:  # fmt: skip
        self.backend = TorchBackend(weights, threads=threads, device=device, trusted=trusted())
        self.layers = list(layers)
        self.kind: HeadKind = kind
        self.imgsz = imgsz
        self.digest = backbone_digest(load_network(weights, trusted=trusted()), layers)
        maps = self.maps(np.zeros((64, 64, 3), np.uint8))
        self.channels = [int(feature.shape[1]) for feature in maps]
        self.stride = 64 // int(maps[-1].shape[2])

    def condensed(self, pixels: Pixels) -> Tensor:
        """(inputs, h, w) of a patch head or (inputs,) of an image head, float32 on the CPU."""
        if self.imgsz is None:
            return self._condensed(self.maps(pixels))
        height, width = pixels.shape[:2]
        letterbox = Letterbox.fit(width, height, self.imgsz, self.backend.stride)
        maps = self.maps(letterbox.placed(pixels))
        # As the detector shows it to the head: without what pads the picture.
        part = seen_part(letterbox.inner, letterbox.shape, [feature.shape[2] for feature in maps])
        return self._condensed([cut(feature, part, letterbox.shape) for feature in maps])

    def _condensed(self, maps: Sequence[Tensor]) -> Tensor:
        with torch.inference_mode():
            condensed = condense(self.kind, maps)[0].float().cpu()
        return condensed.clone()  # an inference tensor cannot take part in training

    def maps(self, pixels: Pixels) -> list[Tensor]:
        """The layers' outputs for one input, its sides multiples of the stride, in the model's own type."""
        kept = []
        with torch.inference_mode():
            flow = self.backend.prepare(pixels[None])
            for index, stage in enumerate(self.backend.network.model[: max(self.layers) + 1]):
                flow = stage(flow)
                if index in self.layers:
                    kept.append(flow)
        return kept
