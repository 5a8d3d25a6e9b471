"""Recorded passes on an NVIDIA GPU give what the CPU gives, and trainings run there.

What needs a GPU itself is skipped where there is none.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from services.detector.backends.agreement import as_input, compare, own_pictures
from services.detector.backends.base import Boxes
from services.detector.backends.cuda import CudaBackend
from services.detector.backends.load import Wanted, load, load_torch
from services.detector.backends.torch import TorchBackend
from services.detector.heads.file import load_head
from services.detector.heads.find import find_heads
from services.detector.memory.descriptors import LAYERS
from services.detector.weights import find_weights
from tests.commands import call
from tests.photographs import own_cuts
from tests.training_data import draw_stripes, write_squares
from training.heads.features import Backbone

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
SHAPE = (384, 640)


def wanted(device: str, batch: int = 3) -> Wanted:
    heads = tuple(find_heads("visibility,pavement"))
    return Wanted(find_weights("wayside-n"), device=device, heads=heads, layers=LAYERS, batch=batch)


@pytest.fixture(scope="module")
def backend() -> CudaBackend:
    backend = load_torch(wanted("cuda"))
    assert isinstance(backend, CudaBackend)
    return backend


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """Different inputs of one shape, more than one pass holds."""
    return own_cuts(20, SHAPE)


def key(boxes: Boxes) -> tuple[bytes, ...]:
    return boxes.xyxy.tobytes(), boxes.scores.tobytes(), boxes.classes.tobytes()


def test_the_network_by_hand_is_the_network() -> None:
    """What is recorded walks the layers itself; that can be seen on a CPU as well."""
    weights = find_weights("wayside-n")
    whole, by_hand = TorchBackend(weights, device="cpu"), CudaBackend(weights, device="cpu", layers=LAYERS)
    batch = np.stack([as_input(path, 640, 32) for path in own_pictures()[:1]])
    expected = whole.forward(batch, features=LAYERS)
    with torch.inference_mode():
        raw, maps = by_hand.through(by_hand.prepare(batch))
        reference = whole.network(whole.prepare(batch))[0]
    assert torch.equal(raw, reference)
    assert by_hand.layers == LAYERS
    assert all(
        torch.equal(found.float(), torch.as_tensor(expected.features[layer]))
        for layer, found in zip(LAYERS, maps, strict=True)
    )


@on_gpu
def test_boxes_and_features_agree_with_the_cpu_in_float32(backend: CudaBackend) -> None:
    exact = load_torch(wanted("cpu"), "float32")
    assert isinstance(exact, TorchBackend)
    inputs = [as_input(path, 640, 32) for path in own_pictures()]
    found = compare(exact, backend, inputs, LAYERS)
    assert found.boxes > 5
    assert found.matched == 1.0
    assert found.score_shift < 0.005
    assert found.cosine > 0.9999


@on_gpu
def test_tensorrt_agrees_with_the_cpu_in_float32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its packages are: onnxruntime-gpu and tensorrt."""
    pytest.importorskip("tensorrt")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = compare(
        load_torch(wanted("cpu"), "float32"), load("tensorrt", wanted("cuda")),
        [as_input(path, 640, 32) for path in own_pictures()], LAYERS,
    )  # fmt: skip
    assert found.boxes > 5
    assert found.matched == 1.0
    assert found.score_shift < 0.005
    assert found.cosine > 0.999


@on_gpu
def test_a_picture_gives_the_same_in_every_batch(backend: CudaBackend, pictures: np.ndarray) -> None:
    alone = [key(backend.forward(picture[None]).boxes[0]) for picture in pictures]
    assert len(set(alone)) > 10
    assert [key(boxes) for boxes in backend.forward(pictures).boxes] == alone  # more than one pass holds
    assert [key(boxes) for boxes in backend.forward(pictures[::-1]).boxes] == alone[::-1]


@on_gpu
def test_what_else_is_asked_changes_no_box(backend: CudaBackend, pictures: np.ndarray) -> None:
    inner = [(0, 0, SHAPE[1], SHAPE[0])] * len(pictures)
    output = backend.forward(pictures, features=LAYERS, inner=inner)
    assert [key(boxes) for boxes in output.boxes] == [key(boxes) for boxes in backend.forward(pictures).boxes]
    assert {layer: len(maps) for layer, maps in output.features.items()} == dict.fromkeys(LAYERS, len(pictures))
    assert all(len(answers) == 2 for answers in output.heads)
    single = backend.forward(pictures[13:14], features=LAYERS, inner=inner[:1])
    assert torch.equal(torch.as_tensor(single.features[4][0]), torch.as_tensor(output.features[4][13]))
    wanted_, got = single.heads[0], output.heads[13]
    assert [answer.label for answer in wanted_] == [answer.label for answer in got]


@on_gpu
def test_threads_do_not_disturb_each_other(backend: CudaBackend, pictures: np.ndarray) -> None:
    alone = [key(boxes) for boxes in backend.forward(pictures).boxes]

    def again(shift: int) -> bool:
        rolled = np.roll(pictures, shift, axis=0)
        return all(
            [key(boxes) for boxes in backend.forward(rolled).boxes] == alone[-shift:] + alone[:-shift]
            for _ in range(20)
        )

    with ThreadPoolExecutor(backend.parallel, initializer=backend.join_parallel) as pool:
        assert all(pool.map(again, range(1, 7)))


@on_gpu
def test_a_detector_learns_on_the_gpu_and_its_weights_run_on_the_cpu(tmp_path: Path) -> None:
    held = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    call(
        "train", "detector", "--name", "squares", "--data", str(write_squares(tmp_path / "own")), "--epochs", "5",
        "--batch", "8", "--imgsz", "160", "--lr", "0.002", "--repeat", "2", "--device", "cuda",
        "--start", str(find_weights("wayside-n")), "--out", str(tmp_path / "models"), "--work", str(tmp_path / "work"),
    )  # fmt: skip
    assert json.loads((tmp_path / "work" / "options.json").read_text())["device"] == "0"
    assert torch.cuda.max_memory_allocated() - held > 32 << 20, "the network and its gradients were not there"
    learned = TorchBackend(tmp_path / "models" / "squares.safetensors", device="cpu", threads=1)
    picture = np.full((160, 160, 3), 100, np.uint8)
    picture[60:90, 60:90] = (240, 120, 30)
    boxes = learned.forward(picture[None]).boxes[0]
    assert learned.labels[boxes.classes[0]] == "cone"
    assert np.abs(boxes.xyxy[0] - [60, 60, 90, 90]).max() < 6


@on_gpu
def test_a_head_learns_from_features_of_the_gpu_and_answers_on_the_cpu(tmp_path: Path) -> None:
    road, weights = tmp_path / "road", find_weights("wayside-n")
    draw_stripes(road, 24)
    call(
        "train", "head", "--name", "road", "--data", str(road), "--out", str(tmp_path), "--start", str(weights),
        "--imgsz", "160", "--epochs", "8", "--candidates", "convnet", "--device", "cuda",
    )  # fmt: skip
    net, spec = load_head(tmp_path / "road.safetensors")
    assert spec.metrics["f1"] > 0.8
    own, exact = (Backbone(weights, spec.layers, spec.kind, 160, 1, device) for device in ("cuda", "cpu"))
    assert (own.backend.device.type, own.digest) == ("cuda", exact.digest)
    striped = cv2.imread(str(road / "stripes" / "3.png"), cv2.IMREAD_COLOR_RGB)
    assert striped is not None
    pixels = striped.astype(np.uint8)
    here, there = exact.condensed(pixels), own.condensed(pixels)
    assert torch.nn.functional.cosine_similarity(here, there, dim=0) > 0.999
    answers = [int(net.from_condensed(kept[None]).argmax()) for kept in (here, there)]
    assert answers == [spec.classes.index("stripes")] * 2
