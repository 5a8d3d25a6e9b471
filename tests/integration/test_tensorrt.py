"""The backend for TensorRT with everything but TensorRT itself, which needs a GPU: ONNX Runtime's CPU runs the graph.

What TensorRT gives is in test_cuda.py.
"""

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from services.detector.backends import load as loading
from services.detector.backends.base import Backend, Boxes
from services.detector.backends.choose import what_runs
from services.detector.backends.exported import Weights
from services.detector.backends.graph_pass import Provider
from services.detector.backends.load import Wanted, exported, load
from services.detector.backends.tensorrt import TensorRtBackend, providers
from services.detector.heads.find import find_heads
from services.detector.memory.descriptors import LAYERS
from services.detector.weights import find_weights
from shared.exceptions import ConfigError
from tests.photographs import own_cuts

CPU = torch.device("cpu")
SHAPE = (384, 640)


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wanted]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        heads = tuple(find_heads("visibility,pavement"))
        yield Wanted(find_weights("wayside-n"), device="cpu", precision="float32", heads=heads, layers=LAYERS)


@pytest.fixture(scope="module")
def weights(wanted: Wanted) -> Weights:
    return exported(wanted)[0]


@pytest.fixture(scope="module")
def backend(wanted: Wanted, weights: Weights) -> TensorRtBackend:
    """Of passes of three pictures."""
    return TensorRtBackend(
        weights, CPU, batch=3, min_score=wanted.min_score, precision="float32", heads=exported(wanted)[1], by=on_cpu
    )


@pytest.fixture(scope="module")
def reference(wanted: Wanted) -> Backend:
    return load("onnx", wanted)


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return own_cuts(7, SHAPE)


def on_cpu(device: torch.device, precision: str, engines: Path) -> Sequence[Provider]:
    return ["CPUExecutionProvider"]


def same(found: Sequence[Boxes], expected: Sequence[Boxes]) -> None:
    assert sum(len(boxes.scores) for boxes in expected) > 20
    assert len(found) == len(expected)
    for got, wanted in zip(found, expected, strict=True):
        assert (got.classes == wanted.classes).all()
        assert got.scores == pytest.approx(wanted.scores, abs=1e-4)
        assert got.xyxy == pytest.approx(wanted.xyxy, abs=0.05)


def test_boxes_features_and_heads_are_those_of_the_graph(
    backend: TensorRtBackend, reference: Backend, pictures: np.ndarray
) -> None:
    """Seven pictures are two passes of three and one that holds two of the last one's."""
    inner = [(0, 12, 640, 360)] * 6 + [None]
    found, expected = (one.forward(pictures, LAYERS, inner) for one in (backend, reference))
    same(found.boxes, expected.boxes)
    for layer in LAYERS:
        got, wanted = (torch.as_tensor(one.features[layer]) for one in (found, expected))
        assert got.shape == wanted.shape
        assert torch.allclose(got, wanted, atol=1e-3)
    assert [len(row) for row in found.heads] == [2] * 6 + [0]
    for row, other in zip(found.heads, expected.heads, strict=True):
        assert [head.label for head in row] == [head.label for head in other]


def test_pictures_of_another_shape_have_a_pass_of_their_own(
    backend: TensorRtBackend, reference: Backend, pictures: np.ndarray
) -> None:
    other = own_cuts(2, (640, 384))
    for batch in (other, pictures[:1], other[::-1]):
        same(backend.forward(batch).boxes * 4, reference.forward(batch).boxes * 4)


def test_features_stay_when_the_next_pass_runs(backend: TensorRtBackend, pictures: np.ndarray) -> None:
    first = backend.forward(pictures[:1], features=LAYERS)
    kept = {layer: torch.as_tensor(one).clone() for layer, one in first.features.items()}
    backend.forward(pictures[1:4], features=LAYERS)
    assert all(torch.equal(torch.as_tensor(first.features[layer]), kept[layer]) for layer in LAYERS)


def test_threads_do_not_disturb_each_other(backend: TensorRtBackend, reference: Backend, pictures: np.ndarray) -> None:
    with ThreadPoolExecutor(3, initializer=backend.join_parallel) as pool:
        rolled = list(pool.map(lambda shift: backend.forward(np.roll(pictures, -shift, axis=0)).boxes, range(6)))
    expected = reference.forward(pictures).boxes
    for shift, found in enumerate(rolled):
        same(found, [*expected[shift:], *expected[:shift]])


def test_a_layer_that_the_graph_does_not_have_is_refused(backend: TensorRtBackend, pictures: np.ndarray) -> None:
    with pytest.raises(ValueError, match="tuple"):
        backend.forward(pictures[:1], features=[3])


def test_tensorrt_comes_first_and_keeps_its_engines(tmp_path: Path) -> None:
    (name, options), (second, _) = providers(torch.device("cuda:1"), "float16", tmp_path)
    assert (name, second) == ("TensorrtExecutionProvider", "CUDAExecutionProvider")
    assert options["trt_engine_cache_path"] == str(tmp_path)
    assert (options["device_id"], options["trt_fp16_enable"]) == (1, True)


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_library_that_is_not_loaded_is_told_and_nothing_else_runs(weights: Weights, pictures: np.ndarray) -> None:
    """ONNX Runtime would go on with the CPU, a hundred times as slow."""

    def as_wished(device: torch.device, precision: str, engines: Path) -> Sequence[Provider]:
        return [*providers(device, precision, engines), "CPUExecutionProvider"]

    backend = TensorRtBackend(weights, CPU, batch=1, min_score=0.1, by=as_wished)
    with pytest.raises(ConfigError, match=r"WAYSIDE_BACKEND.*cannot load TensorrtExecutionProvider"):
        backend.forward(pictures[:1])


def test_what_is_missing_is_said_in_one_line(wanted: Wanted, weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"WAYSIDE_BACKEND.*NVIDIA GPU, and cpu is none"):
        load("tensorrt", wanted)
    with pytest.raises(ConfigError, match=r"WAYSIDE_PRECISION.*no int8"):
        TensorRtBackend(weights, CPU, batch=1, min_score=0.1, precision="int8", by=on_cpu)
    monkeypatch.setattr(loading, "pick_device", lambda name: torch.device("cuda"))
    monkeypatch.setitem(sys.modules, "tensorrt", None)  # as where it is not installed
    with pytest.raises(ConfigError, match=r"onnxruntime-gpu and tensorrt"):
        what_runs("tensorrt", "cuda", "auto", None)
