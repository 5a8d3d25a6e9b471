"""Convolutions that give a picture the same result in any batch."""

import torch
from torch import Tensor, nn


class OneDnnConv2d(nn.Conv2d):
    """A convolution that always runs in oneDNN.

    PyTorch picks another algorithm for a batch of one with at most 20,480 input elements, so a frame's boxes
    depended (by 0.001 px) on whether it shared its batch. Alerts must not depend on the neighbours.
    """

    def forward(self, input: Tensor) -> Tensor:
        """As `nn.Conv2d.forward`, for zero padding."""
        padding = self.padding
        assert not isinstance(padding, str)  # `use_onednn` converts only numeric paddings
        return torch.mkldnn_convolution(input, self.weight, self.bias, padding, self.stride, self.dilation, self.groups)


def use_onednn(network: nn.Module) -> None:
    """Let every convolution of a network on a CPU run in oneDNN; nothing where PyTorch has none."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return
    for module in network.modules():
        if type(module) is nn.Conv2d and module.padding_mode == "zeros" and not isinstance(module.padding, str):
            module.__class__ = OneDnnConv2d
