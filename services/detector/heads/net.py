"""The network of a head: from feature maps of the detector's backbone to logits.

Two kinds. A *patch* head says for each cell of a grid over the input what is there (a heat map); an *image* head
says one thing of the whole picture. Both take the outputs of frozen layers, so many heads cost one forward pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

HeadKind = Literal["patch", "image"]


@dataclass(frozen=True, slots=True)
class HeadShape:
    """What determines a head's parameters.

    Attributes:
        classes: number of classes.
        channels: of each feature map, in the order of the layers, finest first.
        hidden: width of the inner layers.
        window: side of the square that one answer of a patch head looks at, cells of the finest map.
        step: distance of two answers, likewise; `window - step` must be even.
    """

    kind: HeadKind
    classes: int
    channels: tuple[int, ...]
    hidden: int
    window: int = 8
    step: int = 4


class HeadNet(nn.Module):
    """A head. `forward` gives logits, `probabilities` what they mean.

    Args:
        temperature: logits are divided by it before the softmax, so that probabilities are calibrated (Guo et al.,
            "On Calibration of Modern Neural Networks", ICML 2017).
        dropout: share of inner values that training blanks.

    Example:
        >>> net = HeadNet(HeadShape("patch", 2, (128, 128), hidden=32)).eval()
        >>> net([torch.zeros(1, 128, 48, 80), torch.zeros(1, 128, 24, 40)]).shape
        torch.Size([1, 2, 12, 20])
    """

    def __init__(self, shape: HeadShape, *, temperature: float = 1.0, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        self.temperature = temperature
        parts = len(shape.channels)
        if shape.kind == "patch":
            # A 1x1 convolution of maps laid side by side is the sum of one per map, each at its own resolution.
            self.squeeze = nn.ModuleList(
                nn.Conv2d(channels, shape.hidden, 1, bias=index == 0) for index, channels in enumerate(shape.channels)
            )
            self.blur = nn.Conv2d(shape.hidden, shape.hidden, 3, padding=1, groups=shape.hidden)
            self.decide: nn.Module = nn.Sequential(
                nn.Dropout(dropout),
                nn.Conv2d(2 * shape.hidden, shape.hidden, 1),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Conv2d(shape.hidden, shape.classes, 1),
            )
        else:
            self.squeeze = nn.ModuleList(
                nn.Linear(2 * channels, shape.hidden, bias=index == 0) for index, channels in enumerate(shape.channels)
            )
            self.decide = nn.Sequential(nn.ReLU(), nn.Dropout(dropout), nn.Linear(shape.hidden, shape.classes))
        assert parts, "a head needs a layer"

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Logits.

        Args:
            features: one (N, C, h, w) per layer, finest first, in any floating type.

        Returns:
            (N, K, gh, gw) of a patch head: cell (i, j) of the grid covers the share i/gh…(i+1)/gh of the input's
            height and j/gw…(j+1)/gw of its width, and sees `window` cells of the finest map around its middle.
            (N, K) of an image head.
        """
        kind = self._bias.dtype
        maps = [feature.to(kind) for feature in features]
        return self._patches(maps) if self.shape.kind == "patch" else self._image(pooled(maps))

    def from_pooled(self, statistics: Sequence[Tensor]) -> Tensor:
        """Logits (N, K) of an image head from what `pooled` made of the feature maps."""
        return self._image(list(statistics))

    def _image(self, statistics: Sequence[Tensor]) -> Tensor:
        summed = sum(layer(part) for layer, part in zip(self.squeeze, statistics, strict=True))
        logits: Tensor = self.decide(summed)
        return logits

    def _patches(self, maps: Sequence[Tensor]) -> Tensor:
        size = maps[0].shape[2:]
        mixed: Tensor = self.squeeze[0](maps[0])
        for layer, feature in zip(self.squeeze[1:], maps[1:], strict=True):
            mixed = mixed + functional.interpolate(layer(feature), size=size)
        mixed = functional.relu(mixed)
        mixed = functional.relu(mixed + self.blur(mixed))
        window, step = self.shape.window, self.shape.step
        margin = (window - step) // 2
        mean = functional.avg_pool2d(mixed, window, step, margin, count_include_pad=False)
        peak = functional.max_pool2d(mixed, window, step, margin)
        logits: Tensor = self.decide(torch.cat([mean, peak], dim=1))
        return logits

    @torch.inference_mode()
    def probabilities(self, features: Sequence[Tensor]) -> Tensor:
        """Calibrated probabilities, float32, in the shape of `forward`'s logits; they sum to 1 over dimension 1."""
        return torch.softmax(self(features).float() / self.temperature, dim=1)

    @torch.no_grad()
    def absorb_scaling(self, mean: Sequence[Tensor], deviation: Sequence[Tensor]) -> None:
        """Make a head that was trained on (feature - mean) / deviation take raw features; exact, but for rounding.

        Args:
            mean, deviation: per layer, one value per input of its `squeeze` (C, or 2C of an image head).
        """
        for layer, centre, spread in zip(self.squeeze, mean, deviation, strict=True):
            assert isinstance(layer, (nn.Conv2d, nn.Linear))
            weight = layer.weight.flatten(1) / spread
            self._bias.sub_(weight @ centre)
            layer.weight.copy_(weight.view_as(layer.weight))

    @property
    def _bias(self) -> Tensor:
        bias = self.squeeze[0].bias
        assert isinstance(bias, Tensor)
        return bias


def pooled(maps: Sequence[Tensor]) -> list[Tensor]:
    """Mean and standard deviation over each map's cells: per layer (N, 2C). What an image head sees."""
    # The mean of squares less the squared mean: `Tensor.var` takes eight times as long on channels-last maps.
    means = [feature.mean((2, 3)) for feature in maps]
    squares = [(feature * feature).mean((2, 3)) for feature in maps]
    return [
        torch.cat([mean, (square - mean * mean).clamp_min(1e-12).sqrt()], 1)
        for mean, square in zip(means, squares, strict=True)
    ]
