"""The network of a head: from feature maps of the detector's backbone to logits.

Two kinds. A *patch* head says for each cell of a grid over the input what is there (a heat map), and if it has learned
it, in which box; an *image* head says one thing of the whole picture. Both take the outputs of frozen layers, so many
heads cost one forward pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

HeadKind = Literal["patch", "image"]
SIDES = 4


@dataclass(frozen=True, slots=True)
class HeadShape:
    """What determines a head's parameters.

    Attributes:
        classes: number of classes.
        channels: of each feature map, in the order of the layers, finest first.
        hidden: width of the inner layers.
        window: side of the square that one answer of a patch head looks at, cells of the coarsest map.
        step: distance of two answers, likewise; `window - step` must be even.
        boxes: whether each cell of a patch head also says a box; see `services.detector.heads.boxes`.
    """

    kind: HeadKind
    classes: int
    channels: tuple[int, ...]
    hidden: int
    window: int = 4
    step: int = 2
    boxes: bool = False

    @property
    def outputs(self) -> int:
        """Numbers per answer: a logit per class, then what the four sides of a box are told by."""
        return self.classes + (SIDES if self.boxes else 0)

    @property
    def inputs(self) -> int:
        """Channels of what `condense` makes."""
        return sum(self.channels) * (1 if self.kind == "patch" else 2)


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
        hidden = shape.hidden
        if shape.kind == "patch":
            self.squeeze: nn.Conv2d | nn.Linear = nn.Conv2d(shape.inputs, hidden, 1)
            self.blur = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
            self.decide = nn.Sequential(
                nn.Dropout(dropout),
                nn.Conv2d(2 * hidden, hidden, 1),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Conv2d(hidden, shape.outputs, 1),
            )
        else:
            self.squeeze = nn.Linear(shape.inputs, hidden)
            self.decide = nn.Sequential(nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, shape.classes))

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Logits; with boxes, then the logarithms of the distances of their sides.

        Args:
            features: one (N, C, h, w) per layer, finest first, in any floating type; the sides of each are
                multiples of those of the coarsest.

        Returns:
            (N, K, gh, gw) of a patch head, (N, K + 4, gh, gw) with boxes: cell (i, j) of the grid covers the share
            i/gh…(i+1)/gh of the input's height and j/gw…(j+1)/gw of its width, and sees `window` cells of the coarsest
            map around its middle.
            (N, K) of an image head.
        """
        return self.from_condensed(condense(self.shape.kind, features).to(self.squeeze.weight.dtype))

    def from_condensed(self, condensed: Tensor) -> Tensor:
        """Logits from what `condense` made of the feature maps; training computes that once."""
        mixed: Tensor = self.squeeze(condensed)
        if self.shape.kind == "patch":
            mixed = functional.relu(mixed)
            mixed = functional.relu(mixed + self.blur(mixed))
            window, step = self.shape.window, self.shape.step
            margin = (window - step) // 2
            mean = functional.avg_pool2d(mixed, window, step, margin, count_include_pad=False)
            mixed = torch.cat([mean, functional.max_pool2d(mixed, window, step, margin)], dim=1)
        logits: Tensor = self.decide(mixed)
        return logits

    @torch.inference_mode()
    def probabilities(self, features: Sequence[Tensor]) -> Tensor:
        """Calibrated probabilities, float32, in the shape of `forward`'s logits; they sum to 1 over dimension 1."""
        return self.answers(features)[0]

    @torch.inference_mode()
    def answers(self, features: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
        """Probabilities, and of a head with boxes (N, 4, gh, gw) float32, as `found_boxes` takes them."""
        answers = self(features).float()
        logits, sides = answers[:, : self.shape.classes], answers[:, self.shape.classes :]
        return torch.softmax(logits / self.temperature, dim=1), sides if self.shape.boxes else None

    @torch.no_grad()
    def absorb_scaling(self, mean: Tensor, deviation: Tensor) -> None:
        """Make a head that was trained on (condensed - mean) / deviation take it raw; exact, but for rounding.

        Args:
            mean, deviation: (inputs,).
        """
        weight, bias = self.squeeze.weight, self.squeeze.bias
        scaled = weight.flatten(1) / deviation
        assert bias is not None
        bias.sub_(scaled @ mean)
        weight.copy_(scaled.view_as(weight))


def condense(kind: HeadKind, maps: Sequence[Tensor]) -> Tensor:
    """What a head sees of the feature maps, without any parameter.

    Returns:
        For a patch head (N, inputs, h, w) on the coarsest map's grid: of finer maps the maximum of the cells that
        fall into each of its cells, of the coarsest the values. For an image head (N, inputs): mean and
        standard deviation of each channel.
    """
    if kind == "patch":
        height = maps[-1].shape[2]
        parts = []
        for feature in maps[:-1]:
            parts.append(_pooled(feature, feature.shape[2] // height))
        return torch.cat([*parts, maps[-1]], dim=1)
    # One cell of a finer map for each of the coarsest, as a sample: all of them would take ten times as long. And the
    # mean of squares less the squared mean: `Tensor.var` takes eight times as long on channels-last maps.
    height = maps[-1].shape[2]
    factors = [feature.shape[2] // height for feature in maps]
    cells = torch.cat([feature[:, :, ::by, ::by] for feature, by in zip(maps, factors, strict=True)], dim=1).float()
    means, squares = cells.mean((2, 3)), (cells * cells).mean((2, 3))
    return torch.cat([means, (squares - means * means).clamp_min(1e-12).sqrt()], dim=1)


def _pooled(feature: Tensor, factor: int) -> Tensor:
    """The maximum of each square of `factor` cells."""
    if feature.device.type != "cpu" or feature.shape[2] % factor or feature.shape[3] % factor:
        return functional.max_pool2d(feature, factor)
    # Rows, then columns: the same bits as max_pool2d, which on a CPU takes more than half as long again.
    rows = reduce(torch.maximum, [feature[:, :, row::factor] for row in range(factor)])
    return reduce(torch.maximum, [rows[..., column::factor] for column in range(factor)])
