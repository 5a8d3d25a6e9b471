"""A detector that learns further classes keeps the rows of those that it knows."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from services.detector.model_file import with_rows
from training.detector.classes import own_class

# Prior of a class that no row of the start is like: one anchor in thousands.
_PRIOR_BIAS = -8.0


def names_of(network: Any) -> list[str]:
    """The names of its rows, in order."""
    return [str(network.names[index]) for index in range(len(network.names))]


def extended(network: Any, rows: Sequence[str]) -> Any:
    """The network with these rows, of which the first are its own; changed in place.

    A new row starts as the mean of those that are published as the same class, and silent when there are none.
    """
    old_names, head = names_of(network), network.model[-1]
    if old_names != list(rows[: len(old_names)]):
        raise ValueError("the first rows must be those of the network")
    old = [(branch[-1].weight.detach().clone(), branch[-1].bias.detach().clone()) for branch in head.cv3]
    with_rows(network, rows)
    alike = [
        [index for index, name in enumerate(old_names) if own_class(name) == own_class(row) != "object"] for row in rows
    ]
    with torch.no_grad():
        for branch, (weight, bias) in zip(head.cv3, old, strict=True):
            row = branch[-1]
            row.weight[: len(weight)], row.bias[: len(bias)] = weight, bias
            for index in range(len(old_names), len(rows)):
                row.weight[index] = weight[alike[index]].mean(dim=0) if alike[index] else 0.0
                row.bias[index] = bias[alike[index]].mean() if alike[index] else _PRIOR_BIAS
    return network


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
