"""Graphs by ONNX Runtime on the CPU, in float32."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from services.detector.backends.exported import Arrays
from services.detector.backends.graph import INPUT
from shared.exceptions import ConfigError


class OnnxRunner:
    """Implements `Runner`: one single-threaded pass per core.

    Raises:
        ConfigError: another precision than float32.
    """

    name = "onnx"

    def __init__(self, graph: Path, *, parallel: int, precision: str = "auto") -> None:
        if precision not in ("auto", "float32"):
            raise ConfigError(
                f"setting precision (WAYSIDE_PRECISION): onnx has no {precision} on a CPU; auto or float32"
            )
        self.precision, self.version = "float32", str(onnxruntime.__version__)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors only
        self._session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        self._pool = ThreadPoolExecutor(parallel, thread_name_prefix="onnx")

    def run(self, batch: NDArray[np.uint8]) -> list[Arrays]:
        """See `Runner.run`."""
        pictures = np.ascontiguousarray(batch)
        return list(self._pool.map(self._one, (pictures[number : number + 1] for number in range(len(pictures)))))

    def _one(self, picture: NDArray[np.uint8]) -> Arrays:
        outputs: Arrays = self._session.run(None, {INPUT: picture})
        return outputs
