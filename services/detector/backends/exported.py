"""An exported graph as a `Backend`, whatever runs it."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from services.detector.backends.base import Boxes, Inner, Output
from services.detector.backends.decode import anchors, candidates, decode, least_logit
from services.detector.backends.select import suppress
from services.detector.heads.find import Head
from services.detector.heads.panel import Panel

Arrays = Sequence[NDArray[np.float32]]


class Runner(Protocol):
    """Runs a graph on one picture at a time, several at once.

    One at a time, so that a picture's result cannot depend on what else is in its batch; on a CPU a batch is no faster.

    Attributes:
        name: `onnx` or `openvino`.
        precision: see `Backend`.
        version: of the library.
    """

    name: str
    precision: str
    version: str

    def run(self, batch: NDArray[np.uint8]) -> Sequence[Arrays]:
        """The graph's outputs per picture of (N, H, W, 3); valid until the same thread's next call."""


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
        outputs = self._runner.run(batch)
        asked = self._panel.layers if inner is not None and any(where is not None for where in inner) else []
        maps = {layer: self._maps(outputs, layer) for layer in {*features, *asked}}
        shape = batch.shape[1], batch.shape[2]
        tensors = {layer: torch.from_numpy(maps[layer]) for layer in asked}
        heads = self._panel.ask(tensors, shape, inner) if inner is not None else []
        return Output(self._select(outputs, shape), {layer: maps[layer] for layer in features}, heads)

    def _maps(self, outputs: Sequence[Arrays], layer: int) -> NDArray[np.float32]:
        place = 2 + self._weights.layers.index(layer)
        return np.stack([arrays[place][0] for arrays in outputs])

    @torch.inference_mode()
    def _select(self, outputs: Sequence[Arrays], shape: tuple[int, int]) -> list[Boxes]:
        """Candidates of each picture; then all of them decoded and suppressed at once."""
        found = [candidates(arrays[1][0], self._least) for arrays in outputs]
        kept = np.concatenate([one[0] for one in found])
        picture = np.repeat(np.arange(len(found)), [len(one[0]) for one in found])
        sides = np.concatenate([arrays[0][0][:, one[0]] for arrays, one in zip(outputs, found, strict=True)], axis=1)
        places = anchors(*shape, self._weights.strides)[kept]
        xyxy = decode(np.ascontiguousarray(sides.T).reshape(len(kept), 4, -1 if len(kept) else 1), places)
        scores, classes = (np.concatenate([one[part] for one in found]) for part in (2, 1))
        rows = [torch.from_numpy(array) for array in (xyxy, scores, classes, picture)]
        return suppress(rows[0], rows[1], rows[2], rows[3], len(found))
