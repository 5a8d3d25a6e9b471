"""Graphs by OpenVINO on the CPU: in bfloat16 where it multiplies such matrices itself, in int8 where asked, else in
float32."""

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import properties
from openvino.preprocess import PrePostProcessor

from services.detector.backends.exported import Arrays
from shared.exceptions import ConfigError

# That are kept compiled: cameras of one site have few.
_MAX_SHAPES = 32
_Shape = tuple[int, int, int]
"""Pictures, height and width of an input."""
# Pictures of one request: of what there are as many as go together, and then of the rest.
_TOGETHER = (4, 2, 1)
# A quantised graph says itself what it computes in whole numbers; the rest is done in float32.
_TYPES = {"float32": openvino.Type.f32, "bfloat16": openvino.Type.bf16, "int8": openvino.Type.f32}
# The graph's first outputs are boxes and scores.
_MAPS_FROM = 2


class OpenVinoRunner:
    """Implements `Runner`: one compiled graph per input shape, one single-threaded stream per core.

    A shape that is known when it is compiled runs 10 to 15 % faster than one that is not. Two pictures together take up
    to 7 % less than one after the other, four another 5 %, and more are no cheaper; a picture's numbers are the same
    alone and beside others.

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
        self._graph = self._read(graph)
        self._compiled: OrderedDict[_Shape, Any] = OrderedDict()
        self._lock = threading.Lock()
        self._local = threading.local()

    def _read(self, graph: Path) -> Any:
        """The graph, with its maps in bfloat16 where that is what they are computed in.

        Else each pass would write them in float32 and read them so again, which takes 5 % of it; and the convolutions
        around them round in another way, so that boxes would depend on whether a graph puts maps out.
        """
        model = self._core.read_model(graph)
        if self.precision != "bfloat16":
            return model
        prepared = PrePostProcessor(model)
        for number in range(_MAPS_FROM, len(model.outputs)):
            prepared.output(number).tensor().set_element_type(openvino.Type.bf16)
        return prepared.build()

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
        """See `Runner.run`. The pictures are read where they lie; each request takes some of them."""
        pictures = np.ascontiguousarray(batch)
        height, width = batch.shape[1:3]
        parts: list[NDArray[np.uint8]] = []
        requests: list[Any] = []
        begin = 0
        for size in _TOGETHER:
            count = (len(pictures) - begin) // size
            end = begin + count * size
            parts += [pictures[at : at + size] for at in range(begin, end, size)]
            requests += self._requests((size, height, width), count)
            begin = end
        for request, part in zip(requests, parts, strict=True):
            request.set_input_tensor(openvino.Tensor(part, shared_memory=True))
            request.start_async()
        for request in requests:
            request.wait()
        return [[_array(tensor) for tensor in request.output_tensors] for request in requests]

    def _requests(self, shape: _Shape, count: int) -> list[Any]:
        """The calling thread's own: their outputs are overwritten by its next call."""
        if not count:
            return []
        held: OrderedDict[_Shape, list[Any]] = self._local.__dict__.setdefault("requests", OrderedDict())
        requests = held.setdefault(shape, [])
        held.move_to_end(shape)
        while len(held) > _MAX_SHAPES:
            held.popitem(last=False)
        while len(requests) < count:
            requests.append(self._compile(shape).create_infer_request())
        return requests[:count]

    def _compile(self, shape: _Shape) -> Any:
        with self._lock:
            if shape not in self._compiled:
                graph = self._graph.clone()
                graph.reshape([*shape, 3])
                self._compiled[shape] = self._core.compile_model(graph, "CPU", self._config)
            self._compiled.move_to_end(shape)
            while len(self._compiled) > _MAX_SHAPES:
                self._compiled.popitem(last=False)
            return self._compiled[shape]


def _array(tensor: Any) -> NDArray[Any]:
    """The tensor's memory; OpenVINO calls bfloat16 numpy's float16."""
    array: NDArray[Any] = tensor.data
    return array.view(np.uint16) if tensor.element_type == openvino.Type.bf16 else array
