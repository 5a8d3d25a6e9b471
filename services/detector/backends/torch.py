"""YOLO by PyTorch: CPU in float32, CUDA in float16."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from ultralytics.models import YOLO
from ultralytics.utils.nms import non_max_suppression

from services.detector.backends.base import Boxes, Output
from services.detector.weights import version_of
from shared.exceptions import ConfigError, ModelError

# Ultralytics's default. Boxes of different classes suppress each other too: one van is not a car and a truck.
_NMS_IOU = 0.7
_MAX_BOXES = 300


class OneDnnConv2d(nn.Conv2d):
    """A convolution that always runs in oneDNN.

    PyTorch picks another algorithm for a batch of one with at most 20,480 input elements, so a frame's boxes
    depended (by 0.001 px) on whether it shared its batch. Alerts must not depend on the neighbours.
    """

    def forward(self, input: Tensor) -> Tensor:
        """As `nn.Conv2d.forward`, for zero padding."""
        padding = self.padding
        assert not isinstance(padding, str)  # `_use_onednn` converts only numeric paddings
        return torch.mkldnn_convolution(input, self.weight, self.bias, padding, self.stride, self.dilation, self.groups)


class TorchBackend:
    """An Ultralytics detection model; implements `Backend`.

    Raises:
        ModelError: the weights cannot be loaded, or are no detection model.
        ConfigError: no such device.
    """

    def __init__(self, weights: Path, *, device: str = "auto", min_score: float = 0.1) -> None:
        self.device = pick_device(device)
        self._half = self.device.type == "cuda"
        self._min_score = min_score
        try:
            model: Any = YOLO(str(weights), task="detect").model
            network: Any = model.fuse(verbose=False).eval()
        except (RuntimeError, OSError, EOFError, AttributeError, TypeError, KeyError, ModuleNotFoundError) as error:
            raise ModelError(f"{weights}: cannot be loaded as YOLO weights: {str(error).splitlines()[0]}") from None
        network.requires_grad_(False)
        if self.device.type == "cpu" and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
            _use_onednn(network)
        self.network = network.to(self.device, torch.float16 if self._half else torch.float32)
        self.labels = [str(network.names[index]) for index in range(len(network.names))]
        self.stride = int(max(network.stride))
        self.version = version_of(weights)

    def prepare(self, batch: NDArray[np.uint8]) -> Tensor:
        """(N, H, W, 3) uint8 → (N, 3, H, W) 0..1 in the model's type, on its device."""
        pictures = torch.from_numpy(batch).to(self.device, non_blocking=True).permute(0, 3, 1, 2)
        scaled = pictures.to(torch.float16 if self._half else torch.float32, memory_format=torch.contiguous_format)
        return scaled.div_(255)

    @torch.inference_mode()
    def forward(self, batch: NDArray[np.uint8], features: Sequence[int] = ()) -> Output:
        """See `Backend.forward`."""
        kept: dict[int, NDArray[np.float32]] = {}
        hooks = [self.network.model[layer].register_forward_hook(_keeper(kept, layer)) for layer in features]
        try:
            raw = self.network(self.prepare(batch))
        finally:
            for hook in hooks:
                hook.remove()
        found = non_max_suppression(
            raw[0] if isinstance(raw, (tuple, list)) else raw,
            conf_thres=self._min_score,
            iou_thres=_NMS_IOU,
            agnostic=True,
            max_det=_MAX_BOXES,
        )
        return Output([_boxes(rows) for rows in found], kept)


def pick_device(name: str) -> torch.device:
    """`auto` takes CUDA when it is there.

    Raises:
        ConfigError: no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"setting device (WAYSIDE_DEVICE): no device {name!r}; auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"setting device (WAYSIDE_DEVICE): {name} is not there; {torch.cuda.device_count()} GPUs found"
        )
    return device


def _use_onednn(network: nn.Module) -> None:
    for module in network.modules():
        if type(module) is nn.Conv2d and module.padding_mode == "zeros" and not isinstance(module.padding, str):
            module.__class__ = OneDnnConv2d


def _keeper(kept: dict[int, NDArray[np.float32]], layer: int) -> Any:
    def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
        kept[layer] = output.float().cpu().numpy()

    return keep


def _boxes(rows: Tensor) -> Boxes:
    array = rows.float().cpu().numpy()
    return Boxes(array[:, :4], array[:, 4], array[:, 5].astype(np.int64))
