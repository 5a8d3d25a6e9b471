"""YOLO on an NVIDIA GPU: the network's many small launches are recorded once per shape and played as one CUDA graph.

A pass of a small network is some hundred kernels of a few microseconds, and Python needs longer to launch them than the
GPU to run them. A recorded pass is one launch. Pictures go there from pinned memory, which the GPU reads by itself.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.ops import box_convert

from services.detector.backends.base import Boxes, Inner, Output
from services.detector.backends.on_device import PARALLEL, Landing, own_stream, picked
from services.detector.backends.torch import ThreadSafeDetect, TorchBackend
from shared.exceptions import ConfigError

# Compiling, algorithms and allocations happen in the first passes; none of them can be recorded.
_WARM_UP = 3
# One at a time: recording forbids to others what they do while they prepare their own.
_RECORDING = threading.Lock()

Through = Callable[[Tensor], tuple[Tensor, list[Tensor]]]


class CudaBackend(TorchBackend):
    """See `TorchBackend`. Networks with another head than YOLO's run as they do there.

    Every pass has the same number of pictures, where there are fewer with what it held before: the GPU's libraries
    choose their algorithms by it, and so a frame's boxes hardly depend on how many others came with it. For some sizes
    of pass they still do, in their last digits (ADR 14).

    Each thread has a stream and recorded passes of its own.
    """

    def __init__(
        self, *arguments: Any, batch: int = 32, layers: Sequence[int] = (), compiled: bool = False, **options: Any
    ) -> None:
        """The arguments of `TorchBackend`, and these.

        Args:
            batch: pictures of a pass; more are seen in several passes.
            layers: whose features may be asked for.
            compiled: fuse the network's operations with TorchInductor first, half a minute for each shape of input.
        """
        super().__init__(*arguments, **options)
        self.parallel = PARALLEL
        self.batch, self.compiled = batch, compiled
        self.recordable = type(self.network.model[-1]) is ThreadSafeDetect
        known = {*self._panel.layers, *(layer for layer in layers if layer < len(self.network.model) - 1)}
        self.layers = tuple(sorted(known))
        if self.recordable:
            self.taps.remove()  # `through` hands the maps out itself, as a compiler wants it

    @torch.inference_mode()
    def forward(
        self, batch: NDArray[np.uint8], features: Sequence[int] = (), inner: Sequence[Inner | None] | None = None
    ) -> Output:
        """See `Backend.forward`.

        Raises:
            ValueError: a layer that the backend was not made with.
            ConfigError: the network cannot be compiled here.
        """
        if not self.recordable:
            return super().forward(batch, features, inner)
        boxes: list[Boxes] = []
        heads: list[Any] = []
        maps: dict[int, list[Tensor]] = {layer: [] for layer in features}
        with own_stream(self._local, self.device):
            recorded = self._pass(batch.shape[1:])
            for at in range(0, len(batch), self.batch):
                part = batch[at : at + self.batch]
                recorded.play(part)
                tapped = recorded.maps(len(part))
                if inner is not None:
                    heads += self._panel.ask(tapped, part.shape[1:3], inner[at : at + len(part)])
                for layer, held in maps.items():
                    held.append(tapped[layer].clone())
                boxes += picked(recorded.found(len(part)), self._min_score)
            return Output(boxes, {layer: torch.cat(held) for layer, held in maps.items()}, heads)

    def through(self, tensor: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(N, 3, H, W) → (N, 4 + classes, anchors) float32, and the maps of `layers`."""
        outputs: list[Any] = []
        step: Any = tensor
        for module in self.network.model:
            if module.f != -1:
                came = [module.f] if isinstance(module.f, int) else module.f
                parts = [step if index == -1 else outputs[index] for index in came]
                step = parts[0] if isinstance(module.f, int) else parts
            step = module(step)
            outputs.append(step)
        raw: Tensor = step[0] if isinstance(step, (tuple, list)) else step
        return raw, [outputs[layer] for layer in self.layers]

    def _pass(self, shape: tuple[int, ...]) -> "RecordedPass":
        """The calling thread's recorded pass for pictures of this shape, (H, W, 3)."""
        passes: dict[tuple[int, ...], RecordedPass] = self._local.__dict__.setdefault("passes", {})
        if shape not in passes:
            with _RECORDING:
                passes[shape] = RecordedPass(self, (self.batch, *shape))
        return passes[shape]


class RecordedPass:
    """A pass over pictures of one shape, recorded on the current stream, where it is to be played as well.

    Raises:
        ConfigError: the network cannot be compiled here.
    """

    def __init__(self, backend: CudaBackend, shape: tuple[int, ...]) -> None:
        self._backend = backend
        self._host = torch.empty(shape, dtype=torch.uint8, pin_memory=True)
        self._pictures = torch.zeros(shape, dtype=torch.uint8, device=backend.device)
        through: Through = backend.through
        self._run(through)  # the head keeps its anchors then; making them cannot be compiled nor recorded
        if backend.compiled:
            through = torch.compile(through, fullgraph=True, dynamic=False)
        try:
            for _ in range(_WARM_UP):
                self._run(through)
        except RuntimeError as error:
            if not backend.compiled:
                raise
            raise ConfigError(
                f"setting compile (WAYSIDE_COMPILE): the model cannot be compiled here ({str(error).splitlines()[0]}); "
                "it needs Triton and a C compiler; or set it to false"
            ) from None
        stream = torch.cuda.current_stream(backend.device)
        stream.synchronize()
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, stream=stream, capture_error_mode="thread_local"):
            *self._found, self._maps = self._run(through)
        self._landing = Landing(self._found)

    def play(self, batch: NDArray[np.uint8]) -> None:
        """Run it on (N, H, W, 3), with N at most that of the pass."""
        # What the GPU read of these pages last time was waited for in `found`.
        self._host[: len(batch)].copy_(torch.from_numpy(batch))
        self._pictures[: len(batch)].copy_(self._host[: len(batch)], non_blocking=True)
        self.replay()

    def replay(self) -> None:
        """Run it on the pictures that are on the GPU."""
        self._graph.replay()

    def found(self, count: int) -> list[Tensor]:
        """Wait; corners, best score and class of each anchor of the first pictures, until the next call, on the CPU."""
        return self._landing.take(self._found, count)

    def maps(self, count: int) -> dict[int, Tensor]:
        """Layer → (count, C, h, w), on the GPU, valid until it is played again."""
        return {layer: features[:count] for layer, features in zip(self._backend.layers, self._maps, strict=True)}

    def _run(self, through: Through) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
        tensor = self._pictures.permute(0, 3, 1, 2).to(self._backend.kind).div_(255)
        raw, maps = through(tensor)
        scores, classes = raw[:, 4:].max(dim=1)
        corners = box_convert(raw[:, :4].transpose(1, 2), "cxcywh", "xyxy")
        return corners.contiguous(), scores, classes, maps
