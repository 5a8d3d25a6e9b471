"""YOLO by TensorRT on an NVIDIA GPU, through ONNX Runtime: the exported graph in float16."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor

from services.detector.backends.base import Boxes, Inner, Output
from services.detector.backends.exported import Weights
from services.detector.backends.graph_pass import GraphPass, Provider, every_box
from services.detector.backends.on_device import PARALLEL, Landing, own_stream, picked
from services.detector.heads.find import Head
from services.detector.heads.panel import Panel
from shared.exceptions import ConfigError

# One engine is built at a time, and the others of its shape find it on disk.
_BUILDING = threading.Lock()
_ENGINE = "TensorrtExecutionProvider"
_PRECISIONS = {"auto": "float16", "float16": "float16", "float32": "float32"}


def providers(device: torch.device, precision: str, engines: Path) -> list[tuple[str, dict[str, Any]]]:
    """TensorRT, and CUDA for what it cannot take; `engines` is where it keeps what it has built."""
    number = {"device_id": device.index or 0}
    options = {
        **number, "trt_fp16_enable": precision == "float16", "trt_engine_cache_enable": True,
        "trt_engine_cache_path": str(engines),
    }  # fmt: skip
    return [(_ENGINE, options), ("CUDAExecutionProvider", number)]


class TensorRtBackend:
    """A graph that was exported from a detection model; implements `Backend` on a GPU.

    Every pass has the same number of pictures, where there are fewer with what it held before: an engine is built for
    one shape, within a minute or two on a machine's first start, and kept.

    Attributes:
        heads: versions of the heads that run, in the order of their answers.
    """

    name = "tensorrt"

    def __init__(
        self, weights: Weights, device: torch.device, *, batch: int, min_score: float, precision: str = "auto",
        heads: Sequence[Head] = (), by: Callable[[torch.device, str, Path], Sequence[Provider]] = providers,
    ) -> None:  # fmt: skip
        """`heads` fit the weights, and their layers are among the graph's.

        Args:
            batch: pictures of a pass; more are seen in several passes.
            by: what runs the graph on a device in a precision.

        Raises:
            ConfigError: a precision that it does not have.
        """
        if precision not in _PRECISIONS:
            raise ConfigError(
                f"setting precision (WAYSIDE_PRECISION): tensorrt has no {precision} here; auto, float16 or float32"
            )
        self.precision = _PRECISIONS[precision]
        self.device, self.device_name, self.parallel, self.batch = device, str(device), PARALLEL, batch
        self.version, self.labels, self.stride = weights.version, weights.labels, max(weights.strides)
        self.heads = [head.version for head in heads]
        self._weights, self._min_score = weights, min_score
        self._panel = Panel(heads, device)
        self._providers = by(device, self.precision, weights.path.parent)
        self._local = threading.local()

    def join_parallel(self) -> None:
        """See `Backend.join_parallel`."""

    @torch.inference_mode()
    def forward(
        self, batch: NDArray[np.uint8], features: Sequence[int] = (), inner: Sequence[Inner | None] | None = None
    ) -> Output:
        """See `Backend.forward`.

        Raises:
            ValueError: a layer that the graph was not exported with.
            ConfigError: TensorRT cannot be loaded.
        """
        places = {layer: 2 + self._weights.layers.index(layer) for layer in {*features, *self._panel.layers}}
        shape = batch.shape[1], batch.shape[2]
        boxes: list[Boxes] = []
        heads: list[Any] = []
        maps: dict[int, list[Tensor]] = {layer: [] for layer in features}
        with own_stream(self._local, self.device):
            run, landing = self._pass(shape)
            for at in range(0, len(batch), self.batch):
                part = batch[at : at + self.batch]
                outputs = run.play(part)
                tapped = {layer: outputs[place].permute(0, 3, 1, 2) for layer, place in places.items()}
                if inner is not None:
                    heads += self._panel.ask(tapped, shape, inner[at : at + len(part)])
                for layer, held in maps.items():
                    held.append(tapped[layer].clone(memory_format=torch.preserve_format))
                found = every_box(outputs[0], outputs[1], self._weights.strides, shape)
                boxes += picked(landing.take(found, len(part)), self._min_score)
            return Output(boxes, {layer: torch.cat(held) for layer, held in maps.items()}, heads)

    def _pass(self, shape: tuple[int, int]) -> tuple[GraphPass, Landing]:
        """The calling thread's own for pictures of this (H, W)."""
        passes: dict[tuple[int, int], tuple[GraphPass, Landing]] = self._local.__dict__.setdefault("passes", {})
        if shape not in passes:
            with _BUILDING:
                passes[shape] = self._built(shape)
        return passes[shape]

    def _built(self, shape: tuple[int, int]) -> tuple[GraphPass, Landing]:
        run = GraphPass(self._weights.path, (self.batch, *shape, 3), self.device, self._providers)
        wanted = self._providers[0]
        wanted = wanted if isinstance(wanted, str) else wanted[0]
        if run.providers[0] != wanted:  # ONNX Runtime goes on with the next one
            raise ConfigError(
                f"setting backend (WAYSIDE_BACKEND): ONNX Runtime cannot load {wanted} here, only {run.providers[0]}; "
                "install TensorRT of the version that onnxruntime-gpu was built for, or set it to torch"
            )
        sides, logits, *_ = run.play(np.zeros((self.batch, *shape, 3), np.uint8))  # the first pass builds the engine
        return run, Landing(every_box(sides, logits, self._weights.strides, shape))


def check_installed() -> str:
    """The version of the libraries.

    Raises:
        ImportError: the package of TensorRT is not there, which loads its library, or ONNX Runtime is without it.
    """
    import tensorrt

    if _ENGINE not in onnxruntime.get_available_providers():
        raise ImportError(f"this build of onnxruntime {onnxruntime.__version__} has no TensorRT")
    onnxruntime.preload_dlls()  # CUDA's and cuDNN's that PyTorch brings
    return f"{onnxruntime.__version__}, TensorRT {tensorrt.__version__}"
