"""An exported graph on a device, with its pictures and outputs in PyTorch's memory there: nothing is copied between."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor

from services.detector.backends.decode import anchors
from services.detector.backends.graph import DIMENSIONS, INPUT

Provider = str | tuple[str, dict[str, Any]]
"""Of ONNX Runtime: what runs a graph, with its options."""

_TYPES = {"tensor(float)": (np.float32, torch.float32), "tensor(float16)": (np.float16, torch.float16)}


class GraphPass:
    """A graph for so many pictures of one shape, by ONNX Runtime.

    Attributes:
        providers: what runs its parts, the first most of them: those that could be loaded.
    """

    def __init__(
        self, graph: Path, shape: tuple[int, int, int, int], device: torch.device, providers: Sequence[Provider]
    ) -> None:
        """`shape`: (N, H, W, 3) of every pass."""
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only
        for name, size in zip(DIMENSIONS, shape[:3], strict=True):
            options.add_free_dimension_override_by_name(name, size)
        self._session = onnxruntime.InferenceSession(str(graph), options, providers=list(providers))
        self.providers: list[str] = self._session.get_providers()
        self._device = device
        self._host = torch.empty(shape, dtype=torch.uint8, pin_memory=device.type == "cuda")
        self._pictures = torch.zeros(shape, dtype=torch.uint8, device=device)
        self._binding = self._session.io_binding()
        place = device.type, device.index or 0
        self._binding.bind_input(INPUT, *place, np.uint8, shape, self._pictures.data_ptr())
        self._outputs: list[Tensor] = []
        for node in self._session.get_outputs():
            element, kind = _TYPES[node.type]
            output = torch.empty(node.shape, dtype=kind, device=device)
            self._binding.bind_output(node.name, *place, element, node.shape, output.data_ptr())
            self._outputs.append(output)

    def play(self, batch: NDArray[np.uint8]) -> list[Tensor]:
        """Run it on (N, H, W, 3), with N at most that of the pass.

        Returns:
            the graph's outputs of these pictures on the device, valid until the next call.
        """
        self._host[: len(batch)].copy_(torch.from_numpy(np.ascontiguousarray(batch)))
        self._pictures[: len(batch)].copy_(self._host[: len(batch)], non_blocking=True)
        if self._device.type == "cuda":  # the other library has a stream of its own, and waits for none of ours
            torch.cuda.current_stream(self._device).synchronize()
        self._session.run_with_iobinding(self._binding)
        self._binding.synchronize_outputs()
        return [output[: len(batch)] for output in self._outputs]


def every_box(sides: Tensor, logits: Tensor, strides: Sequence[int], shape: tuple[int, int]) -> tuple[Tensor, ...]:
    """What `decode` says of the anchors whose score counts, of all anchors of a batch: a GPU sorts nothing out.

    Args:
        sides: (N, A, 4 * bins), see `Graph`.
        logits: (N, A, classes).
        strides: a tuple, of the head's maps.
        shape: (H, W) of the pictures.

    Returns:
        (N, A, 4) float32 corners in pixels of the input, (N, A) scores 0..1, (N, A) classes.
    """
    best, classes = logits.max(dim=2)
    count, rows, width = sides.shape
    bins = width // 4
    split = sides.float().view(count, rows, 4, bins)
    steps = torch.arange(bins, dtype=torch.float32, device=sides.device)
    distances = split[..., 0] if bins == 1 else split.softmax(dim=3) @ steps
    places = torch.from_numpy(anchors(*shape, strides)).to(sides.device)
    centre, stride = places[:, :2], places[:, 2:]
    corners = torch.cat([centre - distances[..., :2] * stride, centre + distances[..., 2:] * stride], dim=2)
    return corners, best.float().sigmoid(), classes
