"""ONNX Runtime and OpenVINO give what torch gives, from a graph that is exported once."""

import gc
import os
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs
from ultralytics.models import YOLO

from services.detector.backends import load as loading
from services.detector.backends.agreement import Agreement, compare
from services.detector.backends.base import Backend
from services.detector.backends.load import Wanted, load
from services.detector.backends.torch import TorchBackend
from services.detector.heads.find import find_heads
from services.detector.memory.descriptors import LAYERS
from services.detector.memory.road import LEAST
from services.detector.source import Source, release
from services.detector.stage import Decoded, DetectorStage
from services.detector.watch import tell_versions
from services.detector.weights import find_weights
from services.producer import read_once
from shared.exceptions import ConfigError, ModelError
from shared.settings import load_settings
from shared.site import Camera
from shared.sitefile import load_site
from tests.detecting import decoded_highway, detect
from tests.staging import wayside

pytestmark = pytest.mark.shared
SITE = Path(__file__).parents[2] / "deploy" / "examples" / "highway.yaml"
NAMES = ("openvino", "onnx")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A fresh folder for the exports of this module."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def wanted(shared_dir: Path) -> Wanted:
    heads = tuple(find_heads("visibility,pavement"))
    return Wanted(find_weights("wayside-n"), device="cpu", threads=2, heads=heads, layers=LAYERS)


@pytest.fixture(scope="module")
def torch_backend(wanted: Wanted) -> TorchBackend:
    return loading.load_torch(wanted, "float32")


@pytest.fixture(scope="module")
def backends(wanted: Wanted) -> dict[str, Backend]:
    return {name: load(name, wanted) for name in NAMES}


@pytest.fixture(scope="module")
def decoded(torch_backend: TorchBackend, shared_dir: Path) -> list[Decoded]:
    return decoded_highway(DetectorStage(torch_backend), shared_dir, 8)


@pytest.fixture(params=NAMES)
def backend(request: pytest.FixtureRequest, backends: dict[str, Backend]) -> Backend:
    return backends[request.param]


def test_boxes_and_features_agree_with_torch_in_float32(
    backend: Backend, torch_backend: TorchBackend, decoded: list[Decoded]
) -> None:
    found = compare(torch_backend, backend, [item.picture for item in decoded], LAYERS)
    assert found.boxes > 100
    exact = backend.precision == "float32"
    assert found.matched >= (1.0 if exact else 0.97)
    assert found.score_shift <= (1e-5 if exact else 0.01)
    assert found.cosine >= (0.999999 if exact else 0.999)
    assert (backend.version, backend.labels, backend.stride) == (
        torch_backend.version, torch_backend.labels, torch_backend.stride,
    )  # fmt: skip


def test_the_heads_answer_the_same(backend: Backend, torch_backend: TorchBackend, decoded: list[Decoded]) -> None:
    batch = np.stack([item.picture for item in decoded[:3]])
    inner = [decoded[0].letterbox.inner, None, decoded[2].letterbox.inner]
    wanted, got = (one.forward(batch, inner=inner).heads for one in (torch_backend, backend))
    assert [len(row) for row in got] == [2, 0, 2]
    for a, b in zip((head for row in wanted for head in row), (head for row in got for head in row), strict=True):
        assert (a.name, a.version, a.label) == (b.name, b.version, b.label)
        assert a.probabilities == pytest.approx(b.probabilities, abs=1e-4 if backend.precision == "float32" else 0.03)


def test_a_frame_is_the_same_to_the_bit_in_any_batch_and_thread(
    backend: Backend, decoded: list[Decoded], shared_dir: Path
) -> None:
    stage = DetectorStage(backend)
    together = [row.to_bytes() for row in detect(stage, decoded)]
    for size in (1, 3):
        apart = [row for at in range(0, 8, size) for row in detect(stage, decoded[at : at + size])]
        assert [row.to_bytes() for row in apart] == together, size
    portrait = Camera(id="handheld", source=str(shared_dir / "clips" / "takeoff-handheld.mp4"), fps=1)
    others = [stage.decode(frame) for frame in read_once(portrait)][:2]
    mixed = detect(stage, [others[0], *decoded[:2], others[1]])
    assert [row.to_bytes() for row in mixed[1:3]] == together[:2]
    with ThreadPoolExecutor(2, initializer=backend.join_parallel) as pool:
        rows = pool.map(lambda at: [row.to_bytes() for row in detect(stage, decoded[at : at + 2])], range(0, 8, 2))
        assert [row for part in rows for row in part] == together
    batch = np.stack([item.picture for item in decoded[:3]])
    many, one = backend.forward(batch, features=LAYERS), backend.forward(batch[1:2], features=LAYERS)
    assert all((many.features[layer][1] == one.features[layer][0]).all() for layer in LAYERS)
    assert (one.boxes[0].xyxy == backend.forward(batch[1:2]).boxes[0].xyxy).all()
    stage.close()


def test_the_road_looks_the_same_to_the_memory(
    backend: Backend, torch_backend: TorchBackend, decoded: list[Decoded]
) -> None:
    """Its lowest threshold is a distance of 0.2: what is remembered by one backend holds for the other."""
    camera = load_site(SITE).cameras[0].model_copy(update={"fps": 1.0})
    looks = []
    for one in (torch_backend, backend):
        stage = DetectorStage(one, cameras=[camera], memory_every_s=1.0)
        looks.append([found.road for found in stage.see([replace(item, closeups=[]) for item in decoded[:3]])])
        stage.close()
    for a, b in zip(*looks, strict=True):
        assert a is not None
        assert b is not None
        assert len(a) > 500
        assert (((a - b) ** 2).sum(axis=1) / 2).max() < 0.01 * LEAST


def test_the_setting_names_what_a_worker_runs(backends: dict[str, Backend], shared_dir: Path) -> None:
    source = Source(load_settings(model="wayside-n", backend="openvino", device="cpu", threads=2))
    stage = source.load(source.resolve())
    assert (stage.backend.name, stage.backend.version) == ("openvino", backends["openvino"].version)
    tell_versions("production", None, stage)
    labels = {"role": "production", "backend": "openvino", "precision": stage.backend.precision}
    assert REGISTRY.get_sample_value("wayside_backend_info", labels) == 1
    tell_versions("production", stage, None)
    assert REGISTRY.get_sample_value("wayside_backend_info", labels) is None
    backend = weakref.ref(stage.backend)
    gc.disable()
    try:
        release(stage)
        del stage
        assert backend() is None
    finally:
        gc.enable()


def test_a_second_load_exports_and_compares_nothing(
    backends: dict[str, Backend], wanted: Wanted, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*args: object) -> None:
        raise AssertionError("was made again")

    graphs = set(cache.glob("wayside/exports/*/graph.onnx"))
    monkeypatch.setattr(loading, "write_graph", never)
    monkeypatch.setattr(loading, "measure", never)
    for name in NAMES:
        with capture_logs() as logs:
            assert load(name, wanted).version == backends[name].version
        assert logs == []
    assert any(graph.parent.name.startswith("wayside-n-") for graph in graphs)
    assert set(cache.glob("wayside/exports/*/graph.onnx")) == graphs


def test_an_export_that_differs_too_much_is_refused_each_time_with_one_line(
    backends: dict[str, Backend], wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "key_of", lambda *parts: "another-processor")
    monkeypatch.setattr(loading, "measure", lambda *arguments: Agreement(20, 0.7, 0.05, 0.9))
    for _ in range(2):
        with pytest.raises(ModelError, match=r"70\.0% of 20 boxes agree, at least 90% must; scores differ") as raised:
            load("onnx", wanted)
        assert "\n" not in str(raised.value)
        monkeypatch.setattr(loading, "measure", None)  # the second time it stands in a note


def test_a_graph_of_other_numbers_does_not_agree(
    backends: dict[str, Backend], decoded: list[Decoded], shared_dir: Path, wanted: Wanted
) -> None:
    other = TorchBackend(find_weights("yolo11n-coco"), device="cpu", threads=2, precision="float32")
    found = compare(other, backends["openvino"], [item.picture for item in decoded[:2]], LAYERS)
    assert found.lacks(loading.TOLERANCE)


def test_a_model_with_two_heads_and_one_of_segments(tmp_path: Path, decoded: list[Decoded]) -> None:
    """Untrained weights are enough here; of a dual head the half runs that gives every anchor, as in torch."""
    YOLO("yolo26n.yaml").save(tmp_path / "dual.pt")
    wanted = Wanted(tmp_path / "dual.pt", device="cpu", threads=2, min_score=0.0, precision="float32")
    batch = np.stack([item.picture for item in decoded[:1]])
    one, other = (load(name, wanted).forward(batch).boxes[0] for name in ("torch", "openvino"))
    assert len(one.scores) == len(other.scores) == 300
    assert np.allclose(np.sort(one.scores), np.sort(other.scores), atol=1e-4)
    YOLO("yolo11n-seg.yaml").save(tmp_path / "segments.pt")
    with pytest.raises(ModelError, match=r"segments\.pt ends in Segment, which cannot be exported"):
        load("onnx", replace(wanted, weights=tmp_path / "segments.pt", trusted=True))


def test_precisions_that_it_does_not_have_are_refused(backends: dict[str, Backend], wanted: Wanted) -> None:
    for name, precision in (("onnx", "bfloat16"), ("openvino", "float16")):
        with pytest.raises(ConfigError, match=rf"WAYSIDE_PRECISION\): {name} has no {precision}"):
            load(name, replace(wanted, precision=precision))


def test_an_unknown_backend_ends_the_command_with_one_line(tmp_path: Path) -> None:
    done = wayside("run", "--out", str(tmp_path), env={**os.environ, "WAYSIDE_BACKEND": "abacus"})
    assert done.returncode == 2
    assert done.stderr.startswith("wayside: setting backend (WAYSIDE_BACKEND)")
    assert done.stderr.count("\n") == 1
