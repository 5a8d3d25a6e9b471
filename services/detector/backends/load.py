"""Weights in the technology that the settings name."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from services.detector.backends.agreement import INT8_TOLERANCE, TOLERANCE, Agreement, as_input, compare, own_pictures
from services.detector.backends.base import Backend
from services.detector.backends.cache import kept_graph, key_of, quantised_file, read_note, write_note
from services.detector.backends.exported import ExportedBackend, Runner, Weights
from services.detector.backends.graph import write_graph
from services.detector.backends.network import load_network
from services.detector.backends.torch import TorchBackend, pick_device
from services.detector.heads.find import Head, fitting
from services.detector.weights import version_of
from shared.exceptions import ConfigError, ModelError
from shared.machine import processor
from shared.telemetry.logs import logger

EXPORTED, TENSORRT = ("openvino", "onnx"), "tensorrt"
_PACKAGES = {"openvino": ("openvino", "onnx"), "onnx": ("onnxruntime", "onnx")}
# Boxes and features are compared at this size, whatever the cameras' is.
_COMPARED_AT = 640


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a backend is loaded with, whatever its technology.

    Attributes:
        threads: of the CPU; None for all cores.
        layers: whose features may be asked for, beside those that the heads take.
        batch, compiled: on a GPU, see `CudaBackend`.
    """

    weights: Path
    device: str = "auto"
    precision: str = "auto"
    min_score: float = 0.1
    threads: int | None = None
    trusted: bool = False
    heads: Sequence[Head] = field(default=())
    layers: Sequence[int] = ()
    batch: int = 32
    compiled: bool = False


def load(name: str, wanted: Wanted) -> Backend:
    """The backend `torch`, `onnx`, `openvino` or `tensorrt`; what has to be exported for it is, once.

    Raises:
        ModelError: the weights cannot be loaded or exported, or the export differs too much from them.
        ConfigError: no such device or precision, a package is missing, or a named head does not fit.
    """
    if name == "torch":
        return load_torch(wanted)
    if name == TENSORRT:
        return _load_tensorrt(wanted)
    return _load_exported(name, wanted)


def load_torch(wanted: Wanted, precision: str | None = None) -> TorchBackend:
    """See `load`."""
    options: dict[str, Any] = {
        "device": wanted.device, "min_score": wanted.min_score, "threads": wanted.threads, "heads": wanted.heads,
        "precision": precision or wanted.precision, "trusted": wanted.trusted,
    }  # fmt: skip
    if pick_device(wanted.device).type != "cuda":
        return TorchBackend(wanted.weights, **options)
    from services.detector.backends.cuda import CudaBackend

    return CudaBackend(wanted.weights, batch=wanted.batch, layers=wanted.layers, compiled=wanted.compiled, **options)


def _load_exported(name: str, wanted: Wanted) -> ExportedBackend:
    if wanted.device not in ("auto", "cpu"):
        raise ConfigError(
            f"setting backend (WAYSIDE_BACKEND): {name} runs on the CPU here, not on {wanted.device}; torch does"
        )
    make = runner_of(name)
    weights, heads = exported(wanted)
    if (name, wanted.precision) == ("openvino", "int8"):
        weights = replace(weights, path=_quantised(weights))
    parallel = wanted.threads or len(os.sched_getaffinity(0))
    runner = make(weights.path, parallel=parallel, precision=wanted.precision)
    backend = ExportedBackend(runner, weights, parallel=parallel, min_score=wanted.min_score, heads=heads)
    _accept(backend, runner.version, processor(), weights, wanted)
    return backend


def _load_tensorrt(wanted: Wanted) -> Backend:
    version, device = tensorrt_version(wanted.device), pick_device(wanted.device)
    from services.detector.backends.tensorrt import TensorRtBackend

    weights, heads = exported(wanted)
    backend = TensorRtBackend(
        weights, device, batch=wanted.batch, min_score=wanted.min_score, precision=wanted.precision, heads=heads
    )
    _accept(backend, version, torch.cuda.get_device_name(device), weights, wanted)
    return backend


def tensorrt_version(device: str) -> str:
    """What is installed.

    Raises:
        ConfigError: the device is no GPU, or a package is missing.
    """
    if pick_device(device).type != "cuda":
        raise ConfigError(
            f"setting backend (WAYSIDE_BACKEND): tensorrt runs on an NVIDIA GPU, and {device} is none here; auto, "
            "torch, onnx or openvino"
        )
    try:
        import onnx  # noqa: F401 (writes the graph)

        from services.detector.backends.tensorrt import check_installed

        return check_installed()
    except ImportError as error:
        raise ConfigError(
            "setting backend (WAYSIDE_BACKEND): tensorrt needs the packages onnx, onnxruntime-gpu and tensorrt "
            f"({error}); install them, or set it to torch"
        ) from None


def exported(wanted: Wanted) -> tuple[Weights, list[Head]]:
    """The graph of these weights, which is made where it is not there yet, and the heads that fit it.

    Raises:
        ModelError, ConfigError: see `load`.
    """
    network = load_network(wanted.weights, trusted=wanted.trusted)
    heads = fitting(wanted.heads, network, wanted.weights.stem) if wanted.heads else []
    # A model of another make may be too short for them; who asks for one of its layers then is told.
    few = [layer for layer in wanted.layers if layer < len(network.model) - 1]
    layers = tuple(sorted({*few, *(layer for head in heads for layer in head.spec.layers)}))
    names = [str(network.names[index]) for index in range(len(network.names))]
    labels, strides = getattr(network, "published", names), tuple(int(stride) for stride in network.stride)
    version = version_of(wanted.weights)
    path, held = kept_graph(
        wanted.weights, layers, lambda path: write_graph(network, layers, path, wanted.weights.name)
    )
    if not held:
        logger("detector").info("model exported", model=version, path=str(path))
    return Weights(version, labels, layers, strides, path), heads


def _quantised(weights: Weights) -> Path:
    file = quantised_file(weights.path)
    if not file.is_file():
        raise ConfigError(
            f"setting precision (WAYSIDE_PRECISION): {weights.version} is not there in int8 yet; make it with "
            "`wayside export --precision int8 --calibrate PICTURES`, a folder of pictures of your cameras"
        )
    return file


def runner_of(name: str) -> Callable[..., Runner]:
    """What runs the graphs of one technology.

    Raises:
        ConfigError: its packages are not installed, or there is none of this name.
    """
    try:
        import onnx  # noqa: F401 (writes the graph)

        if name == "openvino":
            from services.detector.backends.openvino import OpenVinoRunner

            return OpenVinoRunner
        if name == "onnx":
            from services.detector.backends.onnx import OnnxRunner

            return OnnxRunner
    except ImportError as error:
        raise ConfigError(
            f"setting backend (WAYSIDE_BACKEND): {name} needs the packages {' and '.join(_PACKAGES[name])} "
            f"({error}); install Wayside with its extra `fast`, or set it to torch"
        ) from None
    raise ConfigError(
        f"setting backend (WAYSIDE_BACKEND): no backend {name!r}; auto, torch, onnx, openvino or tensorrt"
    )


def _accept(backend: Backend, version: str, machine: str, weights: Weights, wanted: Wanted) -> None:
    """Compare with torch once for this graph, technology, precision and machine; remember what came out.

    Raises:
        ModelError: it differs more than is tolerated.
    """
    # In whole numbers it is another one with other pictures.
    made = weights.path.stat().st_mtime_ns if backend.precision == "int8" else 0
    key = key_of(backend.name, version, backend.precision, machine, made)
    note = weights.path.with_name(f"{backend.name}-{backend.precision}-{key}.json")
    held = read_note(note)
    agreement = Agreement(**held) if held else measure(backend, wanted, weights.layers)
    if not held:
        write_note(note, agreement.as_dict())
        logger("detector").info(
            "export compared with torch in float32", model=weights.version, backend=backend.name,
            precision=backend.precision, **{key: _short(value) for key, value in agreement.as_dict().items()},
        )  # fmt: skip
    if worse := agreement.lacks(INT8_TOLERANCE if backend.precision == "int8" else TOLERANCE):
        raise ModelError(
            f"{weights.version} by {backend.name} in {backend.precision} is not what it is in torch: "
            f"{'; '.join(worse)}; set WAYSIDE_PRECISION=float32, or WAYSIDE_BACKEND=torch"
        )


def measure(backend: Backend, wanted: Wanted, layers: Sequence[int]) -> Agreement:
    """How far a backend is from torch in float32 on pictures that are always at hand."""
    reference = load_torch(replace(wanted, device="cpu", heads=()), "float32")
    return compare(
        reference, backend, [as_input(path, _COMPARED_AT, backend.stride) for path in own_pictures()], layers
    )


def _short(value: Any) -> Any:
    return round(value, 5) if isinstance(value, float) else value
