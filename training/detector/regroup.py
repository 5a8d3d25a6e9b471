"""A detector's classification rows replaced by those of our own classes."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from services.detector.model_file import with_classes
from training.detector.classes import NAMES, united_rows

# Prior of a class that no row of the old head stands for, as for a new head: one anchor in thousands.
_PRIOR_BIAS = -8.0


def regrouped(network: Any) -> Any:
    """The network with our classes; changed in place.

    A class that unites several starts from the mean of their rows, so that the branch in front of the rows, which
    tells the classes apart, is kept as it is. One that unites none starts silent.
    """
    rows = united_rows([network.names[index] for index in range(len(network.names))])
    head: Any = network.model[-1]
    old = [(branch[-1].weight.detach().clone(), branch[-1].bias.detach().clone()) for branch in head.cv3]
    with_classes(network, NAMES)
    with torch.no_grad():
        for branch, (weight, bias) in zip(head.cv3, old, strict=True):
            _fill(branch[-1], weight, bias, rows)
    return network


def _fill(row: nn.Conv2d, weight: torch.Tensor, bias: torch.Tensor, rows: Sequence[Sequence[int]]) -> None:
    assert row.bias is not None
    for index, united in enumerate(rows):
        if united:
            chosen = torch.tensor(united)
            row.weight[index] = weight[chosen].mean(dim=0)
            row.bias[index] = bias[chosen].mean()
        else:
            row.weight[index] = 0.0
            row.bias[index] = _PRIOR_BIAS


def between(start: nn.Module, tuned: nn.Module, share: float) -> dict[str, torch.Tensor]:
    """The weights on the straight line from `start` (0) to `tuned` (1).

    Halfway they keep most of what the start knew beside most of what was learned (Wortsman et al., "Robust
    fine-tuning of zero-shot models", CVPR 2022).
    """
    first, last = start.state_dict(), tuned.state_dict()
    return {
        name: torch.lerp(first[name].float(), value.float(), share) if value.is_floating_point() else value
        for name, value in last.items()
    }
