"""Graphs by OpenVINO on the CPU: in bfloat16 where it multiplies such matrices itself, else in float32."""

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import properties

from services.detector.backends.exported import Arrays
from shared.exceptions import ConfigError

# Shapes of input that are kept compiled: cameras of one site have few.
_MAX_SHAPES = 16
_TYPES = {"float32": openvino.Type.f32, "bfloat16": openvino.Type.bf16}


class OpenVinoRunner:
    """Implements `Runner`: one compiled graph per input shape, one single-threaded stream per core.

    A shape that is known when it is compiled runs 10 to 15 % faster than one that is not.

    Raises:
        ConfigError: a precision that it does not have here.
    """

    name = "openvino"

    def __init__(self, graph: Path, *, parallel: int, precision: str = "auto") -> None:
        self.version = str(openvino.__version__).partition("-")[0]
        self._core = openvino.Core()
        self.precision = self._pick(precision)
        self._config = {
            properties.hint.inference_precision(): _TYPES[self.precision],
            properties.num_streams(): parallel,
            properties.inference_num_threads(): parallel,
            # Several workers share a machine; pinned, all of them would sit on its first cores.
            properties.hint.enable_cpu_pinning(): False,
        }
        self._graph = self._core.read_model(graph)
        self._compiled: OrderedDict[tuple[int, int], Any] = OrderedDict()
        self._lock = threading.Lock()
        self._local = threading.local()

    def _pick(self, precision: str) -> str:
        quick = "BF16" in self._core.get_property("CPU", properties.device.capabilities())
        if precision == "auto":
            return "bfloat16" if quick else "float32"
        if precision not in _TYPES or (precision == "bfloat16" and not quick):
            raise ConfigError(
                f"setting precision (WAYSIDE_PRECISION): openvino has no {precision} on this CPU; auto or float32"
            )
        return precision

    def run(self, batch: NDArray[np.uint8]) -> list[Arrays]:
        """See `Runner.run`. The pictures are read where they lie; a request of its own takes each."""
        requests = self._requests((batch.shape[1], batch.shape[2]), len(batch))
        pictures = np.ascontiguousarray(batch)
        for number, request in enumerate(requests):
            request.set_input_tensor(openvino.Tensor(pictures[number : number + 1], shared_memory=True))
            request.start_async()
        for request in requests:
            request.wait()
        return [[tensor.data for tensor in request.output_tensors] for request in requests]

    def _requests(self, shape: tuple[int, int], count: int) -> list[Any]:
        """The calling thread's own: their outputs are overwritten by its next call."""
        held: OrderedDict[tuple[int, int], list[Any]] = self._local.__dict__.setdefault("requests", OrderedDict())
        requests = held.setdefault(shape, [])
        held.move_to_end(shape)
        while len(held) > _MAX_SHAPES:
            held.popitem(last=False)
        while len(requests) < count:
            requests.append(self._compile(shape).create_infer_request())
        return requests[:count]

    def _compile(self, shape: tuple[int, int]) -> Any:
        with self._lock:
            if shape not in self._compiled:
                graph = self._graph.clone()
                graph.reshape([1, *shape, 3])
                self._compiled[shape] = self._core.compile_model(graph, "CPU", self._config)
            self._compiled.move_to_end(shape)
            while len(self._compiled) > _MAX_SHAPES:
                self._compiled.popitem(last=False)
            return self._compiled[shape]
