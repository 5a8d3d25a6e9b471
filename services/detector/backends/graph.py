"""The network as a graph that other technologies run: pictures as they are decoded in, the head's numbers out."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from ultralytics.nn.modules import Detect

from shared.exceptions import ModelError

_OPSET = 17
# Traced at any size; the graph takes every one.
_EXAMPLE = (1, 96, 64, 3)
INPUT = "pictures"
DIMENSIONS = ("pictures", "height", "width")
"""Of the input, those that are free; the last is 3."""


class Graph(nn.Module):
    """(N, H, W, 3) uint8 RGB → box distributions, class scores and the outputs of some layers.

    Boxes are not decoded here: it is done in float32 and only for the few anchors whose score counts, whatever the
    precision of the graph (ADR 8), and so nothing in the graph depends on the size of the input.

    Everything comes in and goes out with its channels last, as the convolutions inside have it: each turn of a picture
    or a map into the other order is a pass over memory, together 7 % of OpenVINO's time for YOLO11n.

    Outputs:
        boxes: (N, anchors, 4 * bins), per side the distribution of its distance, before the softmax.
        scores: (N, anchors, classes), before the sigmoid.
        layerI: (N, h, w, C) of each layer I in `layers`.
    """

    def __init__(self, network: Any, layers: Sequence[int]) -> None:
        super().__init__()
        self.stages, self.head, self.layers = network.model[:-1], network.model[-1], list(layers)
        self._kept = {*network.save, *layers}

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        x: Any = (pictures.float() / 255).permute(0, 3, 1, 2)
        outputs: list[Any] = []
        for stage in self.stages:
            x = stage(_inputs(stage.f, x, outputs))
            outputs.append(x if stage.i in self._kept else None)
        maps = [x if index == -1 else outputs[index] for index in self.head.f]
        boxes, scores = (
            torch.cat([layer(one).permute(0, 2, 3, 1).flatten(1, 2) for layer, one in zip(part, maps, strict=True)], 1)
            for part in (self.head.cv2, self.head.cv3)
        )
        return boxes, scores, *(outputs[index].permute(0, 2, 3, 1) for index in self.layers)


def _inputs(source: int | list[int], last: Any, outputs: Sequence[Any]) -> Any:
    """What a stage takes: of one other stage or of several, where -1 is the one before."""
    if isinstance(source, int):
        return last if source == -1 else outputs[source]
    return [last if index == -1 else outputs[index] for index in source]


def write_graph(network: Any, layers: Sequence[int], path: Path, name: str) -> None:
    """Write a network as ONNX.

    Args:
        network: as `load_network` gives it; it is fused.
        name: of the weights, for messages.

    Raises:
        ModelError: its head is not the one that is understood here.
    """
    if type(network.model[-1]) is not Detect:
        kind = type(network.model[-1]).__name__
        raise ModelError(f"{name} ends in {kind}, which cannot be exported; set WAYSIDE_BACKEND=torch")
    if getattr(network.model[-1], "end2end", False):
        network.model[-1].end2end = False  # as for torch: the half of a dual head that gives every anchor
    fused: Any = network.fuse(verbose=False).eval()
    fused.requires_grad_(False)
    exporter = logging.getLogger("torch.onnx")
    with warnings.catch_warnings(), torch.inference_mode():
        # The exporter by tracing: the newer one needs a further package and takes ten times as long.
        warnings.simplefilter("ignore")
        exporter.setLevel(logging.ERROR)
        torch.onnx.export(
            Graph(fused, layers).eval(), (torch.zeros(_EXAMPLE, dtype=torch.uint8),), str(path), dynamo=False,
            opset_version=_OPSET, input_names=[INPUT],
            output_names=["boxes", "scores", *(f"layer{index}" for index in layers)],
            dynamic_axes={INPUT: dict(enumerate(DIMENSIONS))},
        )  # fmt: skip
