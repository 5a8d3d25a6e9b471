"""What is compared: a head on the detector's features, torchvision networks with a frozen body, a small ConvNet.

Each has the same two parts: `prepare` turns a picture once into what is kept of it (for a frozen body nearly the
whole work), `build` makes the network that is trained on that.
"""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from services.detector.heads.net import HeadNet
from shared.exceptions import ConfigError, ModelError
from training.heads.dataset import Pixels
from training.heads.features import Backbone
from training.heads.question import Question

TORCHVISION = ("vgg16", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
# torchvision's own for ImageNet.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# The small ConvNet sees whole pictures at this size: (width, height).
_SMALL = (192, 128)


class Candidate(Protocol):
    """One way to answer the question.

    Attributes:
        name: in the report.
        words: what it is.
    """

    name: str
    words: str

    def prepare(self, pixels: Pixels) -> Tensor:
        """What is kept of one picture."""

    def build(self, sample: Tensor) -> nn.Module:
        """The part that is trained; takes (N, …) of what `prepare` gives, returns (N, K) or (N, K, gh, gw) logits,
        with boxes (N, K + 4, gh, gw) as `HeadNet` does.

        Args:
            sample: what is kept of the training pictures, (N, …), for the scaling of inputs.
        """


class Scaled(nn.Module):
    """A head on condensed features that are brought to mean 0 and deviation 1 first."""

    def __init__(self, net: HeadNet, sample: Tensor) -> None:
        super().__init__()
        self.net = net
        over = (0, 2, 3) if sample.dim() == 4 else (0,)
        self.register_buffer("mean", sample.float().mean(over))
        self.register_buffer("deviation", sample.float().std(over).clamp_min(1e-4))

    def forward(self, kept: Tensor) -> Tensor:
        """Logits."""
        shape = (1, -1, 1, 1) if kept.dim() == 4 else (1, -1)
        mean, deviation = self.get_buffer("mean").view(shape), self.get_buffer("deviation").view(shape)
        return self.net.from_condensed((kept.float() - mean) / deviation)

    def finished(self) -> HeadNet:
        """The head for raw features."""
        self.net.absorb_scaling(self.get_buffer("mean"), self.get_buffer("deviation"))
        return self.net.eval()


class FeatureHead:
    """Ours: a head on the frozen features of the detector."""

    def __init__(self, backbone: Backbone, question: Question, dropout: float = 0.3) -> None:
        self.name = "head"
        self.words = f"head on layers {', '.join(map(str, backbone.layers))} of the frozen detector"
        self.backbone = backbone
        self.shape = replace(question.shape, channels=tuple(backbone.channels))
        self._dropout = dropout

    def prepare(self, pixels: Pixels) -> Tensor:
        """The condensed features, float16."""
        return self.backbone.condensed(pixels).half()

    def build(self, sample: Tensor) -> nn.Module:
        """A fresh head."""
        return Scaled(HeadNet(self.shape, dropout=self._dropout), sample)


class FrozenBody:
    """A torchvision network: its body stays as it is, its last layer is replaced.

    For patches the body runs over the whole picture at twice its size, which brings its stride of 32 to 16 px.
    It runs on `device`; what it gives is kept on the CPU, where the new last layer is trained.

    Raises:
        ModelError: no pretrained weights: the file that was given holds none, or none was given and the download fails.
    """

    def __init__(self, name: str, weights: Path | None, question: Question, device: str | torch.device = "cpu") -> None:
        self.name = name
        self.words = f"torchvision {name}, frozen body, new last layer"
        self._question = question
        self._kind = question.kind
        self._device = device
        self._body = _body(name, weights).to(device)

    @torch.inference_mode()
    def prepare(self, pixels: Pixels) -> Tensor:
        """Its pooled features: (C,), or (C, gh, gw) of patches."""
        pixels = self._question.seen(pixels)
        size = (pixels.shape[1] * 2, pixels.shape[0] * 2) if self._kind == "patch" else (224, 224)
        resized = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if self._kind == "image" else cv2.INTER_LINEAR)
        tensor = torch.from_numpy(np.ascontiguousarray(resized)).permute(2, 0, 1)[None].float() / 255
        scaled = (tensor - torch.tensor(_MEAN).view(1, 3, 1, 1)) / torch.tensor(_STD).view(1, 3, 1, 1)
        features: Tensor = self._body(scaled.to(self._device)).cpu()
        if self._kind == "image":
            return features.mean((2, 3))[0].half()
        window, step = self._question.shape.window, self._question.shape.step
        mean = functional.avg_pool2d(features, window, step, 1, count_include_pad=False)
        return torch.cat([mean, functional.max_pool2d(features, window, step, 1)], 1)[0].half()

    def build(self, sample: Tensor) -> nn.Module:
        """The new last layer."""
        inputs, outputs, patches = sample.shape[1], self._question.shape.outputs, sample.dim() == 4
        last = nn.Conv2d(inputs, outputs, 1) if patches else nn.Linear(inputs, outputs)
        return nn.Sequential(AsFloat(), nn.Dropout(0.2), last)


class SmallConvNet:
    """From scratch: convolution, ReLU, max-pooling, dropout, dense. The baseline that transfer must beat."""

    def __init__(self, question: Question) -> None:
        self.name = "convnet"
        self.words = "small ConvNet from scratch"
        self._question = question
        self._kind = question.kind

    def prepare(self, pixels: Pixels) -> Tensor:
        """The picture itself, (3, H, W) uint8; whole pictures scaled to 192x128."""
        if self._kind == "image":
            pixels = cv2.resize(pixels, _SMALL, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        pixels = self._question.seen(pixels)
        return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1).contiguous()

    def build(self, sample: Tensor) -> nn.Module:
        """A fresh ConvNet: convolutions with batch norm, ReLU and max-pooling, then dropout and dense layers."""
        layers: list[nn.Module] = [AsFloat(1 / 64, -2.0), nn.Conv2d(3, 16, 5, stride=2, padding=2)]
        layers += [nn.BatchNorm2d(16), nn.ReLU()]
        before = 16
        for width in (24, 32, 48):
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
            before = width
        shape = self._question.shape
        if self._kind == "patch":
            # The dense layers see the cells of a patch, as a head does.
            dense: list[nn.Module] = [nn.Conv2d(before, 48, shape.window, stride=shape.step, padding=1), nn.ReLU()]
            return nn.Sequential(*layers, nn.Dropout(0.2), *dense, nn.Dropout(0.3), nn.Conv2d(48, shape.outputs, 1))
        pool: list[nn.Module] = [nn.AdaptiveAvgPool2d((2, 3)), nn.Flatten(), nn.Dropout(0.3)]
        return nn.Sequential(
            *layers, *pool, nn.Linear(before * 6, 48), nn.ReLU(), nn.Dropout(0.3), nn.Linear(48, shape.outputs)
        )


class AsFloat(nn.Module):
    """Kept values as float32: `kept * factor + offset`."""

    def __init__(self, factor: float = 1.0, offset: float = 0.0) -> None:
        super().__init__()
        self._factor, self._offset = factor, offset

    def forward(self, kept: Tensor) -> Tensor:
        """float32."""
        return kept.float() * self._factor + self._offset


def parse(text: str) -> tuple[str, Path | None]:
    """`resnet18` or `resnet18=weights.pth`.

    Raises:
        ConfigError: no such candidate.
    """
    name, _, file = text.strip().partition("=")
    if name not in ("head", "convnet", *TORCHVISION):
        known = ", ".join(("head", "convnet", *TORCHVISION))
        raise ConfigError(f"--candidates {name!r}: unknown; known are {known}, the latter also as NAME=WEIGHTS")
    return name, Path(file) if file else None


def _body(name: str, weights: Path | None) -> nn.Module:
    import torchvision

    build: Callable[..., nn.Module] = getattr(torchvision.models, name)
    if weights is not None:
        net = build(weights=None)
        try:
            net.load_state_dict(torch.load(weights, weights_only=True, map_location="cpu"))
        except (OSError, RuntimeError, EOFError, ValueError, KeyError, TypeError, pickle.UnpicklingError) as error:
            raise ModelError(
                f"{weights}: no weights of torchvision's {name} ({_first_line(error)}); give its state_dict, as "
                "torchvision's own download is"
            ) from None
    else:
        try:
            net = build(weights="DEFAULT", progress=False)
        except (OSError, RuntimeError) as error:
            raise ModelError(
                f"{name}: left out: its pretrained weights cannot be downloaded ({_first_line(error)}); "
                f"give a file as {name}=WEIGHTS"
            ) from None
    features = net.get_submodule("features") if name == "vgg16" else nn.Sequential(*list(net.children())[:-2])
    return features.requires_grad_(False).eval()


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(" :")
