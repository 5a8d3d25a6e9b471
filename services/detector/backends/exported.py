"""An exported graph as a `Backend`, whatever runs it."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from services.detector.backends.base import Boxes, Inner, Output
from services.detector.backends.decode import anchors, candidates, decode, least_logit
from services.detector.backends.select import suppress_one
from services.detector.heads.find import Head
from services.detector.heads.panel import Panel

Arrays = Sequence[NDArray[Any]]


class Runner(Protocol):
    """Runs a graph on some pictures at a time, several at once; a picture's result does not depend on the others.

    Attributes:
        name: `onnx` or `openvino`.
        precision: see `Backend`.
        version: of the library.
    """

    name: str
    precision: str
    version: str

    def run(self, batch: NDArray[np.uint8]) -> Sequence[Arrays]:
        """The graph's outputs for (N, H, W, 3), in parts: the first dimension of a part's arrays counts its pictures.

        They are valid until the same thread's next call. Boxes and scores are float32; maps may be in bfloat16, which
        numpy does not have: as uint16 of the same bits.
        """


@dataclass(frozen=True, slots=True)
class Weights:
    """What a backend must know of the weights beside their graph.

    Attributes:
        version: see `Backend`, as the others.
        layers: those that the graph puts out, in its order.
        strides: of the head's maps.
        path: of the graph, an ONNX file.
    """

    version: str
    labels: list[str]
    layers: tuple[int, ...]
    strides: tuple[int, ...]
    path: Path


class ExportedBackend:
    """A graph that was exported from a detection model; implements `Backend` on a CPU.

    Attributes:
        heads: versions of the heads that run, in the order of their answers.
    """

    def __init__(
        self, runner: Runner, weights: Weights, *, parallel: int, min_score: float, heads: Sequence[Head] = ()
    ) -> None:
        """`heads` fit the weights, and their layers are among the graph's."""
        self.name, self.precision, self.device_name = runner.name, runner.precision, "cpu"
        self.parallel, self.labels, self.stride = parallel, weights.labels, max(weights.strides)
        self.version = weights.version
        self.heads = [head.version for head in heads]
        self._runner, self._weights = runner, weights
        self._least = least_logit(min_score)
        self._panel = Panel(heads, torch.device("cpu"))
        self._threads = threading.local()

    def join_parallel(self) -> None:
        """See `Backend.join_parallel`; what the heads and the suppression do in torch is the caller's own work."""
        torch.set_num_threads(1)

    def forward(
        self, batch: NDArray[np.uint8], features: Sequence[int] = (), inner: Sequence[Inner | None] | None = None
    ) -> Output:
        """See `Backend.forward`.

        Raises:
            ValueError: a layer that the graph was not exported with.
        """
        asked = self._panel.layers if inner is not None and any(where is not None for where in inner) else []
        outputs = self._runner.run(batch)
        maps = {layer: self._map(outputs, layer) for layer in {*features, *asked}}
        shape = batch.shape[1], batch.shape[2]
        tensors = {layer: maps[layer].float() for layer in asked}
        heads = self._panel.ask(tensors, shape, inner) if inner is not None else []
        boxes = [self._boxes(*row, shape) for sides, logits, *_ in outputs for row in zip(sides, logits, strict=True)]
        return Output(boxes, {layer: maps[layer] for layer in features}, heads)

    def _map(self, outputs: Sequence[Arrays], layer: int) -> torch.Tensor:
        """(N, C, h, w), in memory with the channels last."""
        place = 2 + self._weights.layers.index(layer)
        parts = [arrays[place] for arrays in outputs]
        maps = parts[0] if len(parts) == 1 else np.concatenate(parts)
        if maps.dtype == np.uint16:
            return torch.from_numpy(maps.view(np.int16)).view(torch.bfloat16).permute(0, 3, 1, 2)
        return torch.from_numpy(maps).permute(0, 3, 1, 2)

    def _boxes(self, sides: NDArray[np.float32], logits: NDArray[np.float32], shape: tuple[int, int]) -> Boxes:
        """What the graph's numbers for one picture say: (A, 4 * bins) and (A, classes)."""
        kept, classes, scores = candidates(logits, self._least)
        places = anchors(*shape, self._weights.strides)[kept]
        xyxy = decode(sides[kept].reshape(len(kept), 4, sides.shape[1] // 4), places)
        return suppress_one(xyxy, scores, classes)
