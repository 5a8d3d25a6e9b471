"""YOLO by PyTorch: CUDA in float16; CPU in bfloat16 where it multiplies such matrices itself, else in float32."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from ultralytics.nn.modules import Detect
from ultralytics.utils.ops import xywh2xyxy
from ultralytics.utils.tal import make_anchors

from services.detector.backends.base import Boxes, Inner, Output
from services.detector.backends.network import load_network
from services.detector.backends.onednn import use_onednn
from services.detector.backends.select import suppress
from services.detector.backends.taps import Taps
from services.detector.heads.find import Head, fitting
from services.detector.heads.panel import Panel
from services.detector.weights import version_of
from shared.exceptions import ConfigError

# Batch size times picture shape: a handful in practice.
_MAX_INPUTS = 64


class ThreadSafeDetect(Detect):
    """Ultralytics's head with anchors per shape of input, and with boxes decoded in float32.

    Its own memory of the last input's anchors is written and read again in each pass, so two threads with inputs of
    different shapes would take each other's. And 8 bits of bfloat16 would place a box at the right edge to within 2 px
    only.
    """

    def _inference(self, x: dict[str, Tensor]) -> Tensor:
        anchors, strides = self._anchors(list(x["feats"]))
        boxes = self.decode_bboxes(self.dfl(x["boxes"].float()), anchors, x.get("angle"))
        return torch.cat((boxes * strides, x["scores"].float().sigmoid()), 1)

    def _anchors(self, features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """(1, 2, anchors) and (1, anchors) float32: places and strides of the anchors of all maps."""
        held: dict[Any, tuple[Tensor, Tensor]] = self.__dict__.setdefault("anchors_by_shape", {})
        key = tuple(feature.shape[2:] for feature in features)
        found = held.get(key)
        if found is None:
            grids = [feature.new_empty((1, 1, *feature.shape[2:]), dtype=torch.float32) for feature in features]
            anchors, strides = make_anchors(grids, self.stride, 0.5)  # type: ignore[no-untyped-call]
            found = anchors.transpose(0, 1).unsqueeze(0), strides.transpose(0, 1)
            if len(held) >= _MAX_INPUTS:
                held.clear()
            held[key] = found
        return found


class TorchBackend:
    """An Ultralytics detection model; implements `Backend`.

    Attributes:
        heads: versions of the heads that run, in the order of their answers.

    `trusted` weights may bring code of their own; see `load_network`.

    Raises:
        ModelError: the weights cannot be loaded, or are no detection model.
        ConfigError: no such device, a precision that it does not have, or a named head that does not fit the weights.
    """

    name = "torch"

    def __init__(
        self,
        weights: Path,
        *,
        device: str = "auto",
        min_score: float = 0.1,
        threads: int | None = None,
        precision: str = "auto",
        trusted: bool = False,
        heads: Sequence[Head] = (),
    ) -> None:
        self.device = pick_device(device)
        self.device_name = str(self.device)
        self.parallel = 1
        if self.device.type == "cpu":
            # Ultralytics sets one thread when imported; a worker has its cores for the model.
            self.parallel = threads or len(os.sched_getaffinity(0))
            torch.set_num_threads(self.parallel)
        self.kind = pick_precision(precision, self.device)
        self.precision = str(self.kind).removeprefix("torch.")
        self._min_score = min_score
        self._local = threading.local()
        model = load_network(weights, trusted=trusted)
        if getattr(model.model[-1], "end2end", False):
            model.model[-1].end2end = False  # of a dual head the half that gives every anchor, as `_select` needs
        heads = fitting(heads, model, weights.stem) if heads else ()
        network: Any = model.fuse(verbose=False).eval()
        network.requires_grad_(False)
        if self.device.type == "cpu":
            use_onednn(network)
        if type(network.model[-1]) is Detect:
            network.model[-1].__class__ = ThreadSafeDetect
        # Pictures come with their channels last, and both oneDNN and the tensor cores are fastest so.
        self.network = network.to(self.device, self.kind)
        if type(network.model[-1]) is ThreadSafeDetect:
            network.model[-1].dfl.float()
        self.network.to(memory_format=torch.channels_last)
        self.taps = Taps(list(self.network.model))
        self._panel = Panel(heads, self.device)
        self.heads = [head.version for head in heads]
        names = [str(network.names[index]) for index in range(len(network.names))]
        self.labels = getattr(network, "published", names)
        self.stride = int(max(network.stride))
        self.version = version_of(weights)

    @torch.inference_mode()
    def prepare(self, batch: NDArray[np.uint8]) -> Tensor:
        """(N, H, W, 3) uint8 → (N, 3, H, W) 0..1 in the model's type, on its device.

        The tensor is valid until the same thread's next call with a batch of this shape.
        """
        pictures = torch.from_numpy(batch).to(self.device, non_blocking=True).permute(0, 3, 1, 2)
        tensor = self._input(tuple(pictures.shape))
        return torch.div(tensor.copy_(pictures), 255, out=tensor)

    def _input(self, shape: tuple[int, ...]) -> Tensor:
        """A tensor that is used again for the next batch of this shape: fresh pages cost more than the work."""
        inputs: dict[tuple[int, ...], Tensor] = self._local.__dict__.setdefault("inputs", {})
        if shape not in inputs:
            if len(inputs) >= _MAX_INPUTS:
                inputs.clear()
            inputs[shape] = torch.empty(shape, dtype=self.kind, device=self.device, memory_format=torch.channels_last)
        return inputs[shape]

    def join_parallel(self) -> None:
        """See `Backend.join_parallel`. The number of threads is a property of the calling thread in OpenMP."""
        if self.device.type == "cpu":
            torch.set_num_threads(1)

    @torch.inference_mode()
    def forward(
        self, batch: NDArray[np.uint8], features: Sequence[int] = (), inner: Sequence[Inner | None] | None = None
    ) -> Output:
        """See `Backend.forward`."""
        asked = inner is not None and any(where is not None for where in inner)
        with self.taps.taking([*features, *(self._panel.layers if asked else ())]) as maps:
            raw = self.network(self.prepare(batch))
        shape = batch.shape[1], batch.shape[2]
        heads = self._panel.ask(maps, shape, inner) if inner is not None else []
        boxes = self._select(raw[0] if isinstance(raw, (tuple, list)) else raw)
        return Output(boxes, {layer: maps[layer].float().cpu().numpy() for layer in features}, heads)

    def _select(self, raw: Tensor) -> list[Boxes]:
        """Best class per anchor, threshold and NMS, for the whole batch at once.

        Args:
            raw: (N, 4 + classes, anchors): centre x, centre y, width, height, then class scores.
        """
        scores, classes = raw[:, 4:].max(dim=1)
        image, anchor = (scores > self._min_score).nonzero(as_tuple=True)
        scores, classes = scores[image, anchor], classes[image, anchor]
        boxes = xywh2xyxy(raw[image, :4, anchor].float())  # type: ignore[no-untyped-call]
        return suppress(boxes, scores.float(), classes, image, len(raw))


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


def pick_precision(name: str, device: torch.device) -> torch.dtype:
    """`auto` is the fastest that loses nothing to speak of: float16 on CUDA, bfloat16 on a CPU with AMX.

    Raises:
        ConfigError: float16 on a CPU, bfloat16 on one that has no instructions for it, or int8.
    """
    if name == "auto":
        quick: bool = torch.cpu._is_amx_tile_supported()
        name = "float16" if device.type == "cuda" else "bfloat16" if quick else "float32"
    if name == "int8":
        raise ConfigError(
            "setting precision (WAYSIDE_PRECISION): int8 runs in OpenVINO alone; set WAYSIDE_BACKEND=openvino, and "
            "make it with `wayside export --precision int8 --calibrate PICTURES`"
        )
    if name == "float16" and device.type == "cpu":
        raise ConfigError("setting precision (WAYSIDE_PRECISION): float16 needs CUDA; auto, float32 or bfloat16 here")
    if name == "bfloat16" and device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        raise ConfigError("setting precision (WAYSIDE_PRECISION): this CPU has no bfloat16; auto or float32 here")
    kind: torch.dtype = getattr(torch, name)
    return kind
