"""Heads in the detector's one pass: found, refused, and on real frames the same answers whatever the batch."""

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
import yaml
from structlog.testing import capture_logs
from ultralytics.models import YOLO

from services.detector.backends.torch import TorchBackend
from services.detector.heads.backbone import backbone_digest
from services.detector.heads.file import save_head
from services.detector.heads.find import Head, find_heads, fitting
from services.detector.stage import Decoded, DetectorStage
from services.detector.weights import find_weights
from services.producer import read_once
from shared.exceptions import ConfigError, ModelError
from shared.site import Camera
from tests.detecting import decoded_highway, detect
from tests.detector_heads import LAYERS, random_head, random_net, random_spec
from tests.staging import wayside


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A model that nobody trained, and the digest of its backbone."""
    torch.manual_seed(0)
    model = YOLO("yolo11n.yaml")
    path = tmp_path_factory.mktemp("weights") / "untrained.pt"
    model.save(path)
    return path, backbone_digest(model.model, LAYERS)  # type: ignore[arg-type]


@pytest.fixture
def write(tmp_path: Path, untrained: tuple[Path, str]) -> Callable[..., Path]:
    """Puts heads into the folder of weights `models`."""

    def put(kind: str, file: str, **changes: object) -> Path:
        spec = random_spec(kind, **{"backbone": untrained[1]} | changes)  # type: ignore[arg-type]
        path = tmp_path / "models" / "heads" / f"{file}.safetensors"
        save_head(path, random_net(spec), spec)
        return path

    return put


def test_auto_takes_all_in_the_folders_and_leaves_out_with_a_word_what_does_not_fit(
    write: Callable[..., Path], tmp_path: Path, untrained: tuple[Path, str]
) -> None:
    write("image", "own-view", name="own-view")
    write("patch", "other", name="other", backbone="1" * 64)
    (tmp_path / "models" / "heads" / "broken.safetensors").write_bytes(b"nonsense")
    with capture_logs() as logs:
        heads = [head for head in find_heads("auto", tmp_path / "models") if head.spec.name in ("own-view", "other")]
        backend = TorchBackend(untrained[0], device="cpu", heads=heads)
    assert [version.split("@")[0] for version in backend.heads] == ["own-view"]
    texts = [f"{entry['log_level']} {entry['event']} {entry.get('head', '')} {entry['reason']}" for entry in logs]
    assert any("broken.safetensors: cannot be read as a head" in text for text in texts)
    (other,) = [text for text in texts if "other@" in text]
    assert other.startswith("warning head left out")
    assert "another backbone" in other


def test_a_named_head_of_another_backbone_is_refused_in_one_line(
    write: Callable[..., Path], tmp_path: Path, untrained: tuple[Path, str]
) -> None:
    write("patch", "pavement", backbone="1" * 64)
    heads = find_heads("pavement", tmp_path / "models")
    with pytest.raises(ConfigError, match="head pavement@") as raised:
        TorchBackend(untrained[0], device="cpu", heads=heads)
    assert "does not fit the model untrained" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_head_of_layers_that_the_model_lacks_does_not_fit(untrained: tuple[Path, str]) -> None:
    network = YOLO("yolo11n.yaml").model
    head = random_head("image", layers=[4, 60])
    with pytest.raises(ConfigError, match="the model has layers 0 to 23"):
        fitting([head], network, "untrained")  # type: ignore[arg-type]


def test_names_and_paths_choose_and_an_empty_setting_means_none(write: Callable[..., Path], tmp_path: Path) -> None:
    write("image", "visibility")
    path = write("patch", "crack")
    models = tmp_path / "models"
    assert find_heads("", models) == []
    chosen = find_heads(f" visibility , {path}", models)
    assert [(head.spec.name, head.named) for head in chosen] == [("visibility", True), ("pavement", True)]
    write("patch", "pothole")
    with pytest.raises(ConfigError, match="two of crack, pothole are called 'pavement'"):
        find_heads("crack, pothole", models)
    with pytest.raises(ConfigError, match=r"no head 'rust' in .*heads"):
        find_heads("rust", models)
    with pytest.raises(ConfigError, match="no such file"):
        find_heads("elsewhere/rust.safetensors", models)
    path.write_bytes(b"nonsense")
    with pytest.raises(ModelError, match="cannot be read as a head"):
        find_heads("crack", models)


@pytest.fixture(scope="module")
def weights(shared_dir: Path) -> Path:
    return find_weights("yolo11n-coco")


@pytest.fixture(scope="module")
def heads(weights: Path) -> list[Head]:
    network = YOLO(str(weights)).model
    digest = backbone_digest(network, LAYERS)  # type: ignore[arg-type]
    return [random_head("patch", backbone=digest), random_head("image", backbone=digest, seed=1)]


@pytest.fixture(scope="module")
def stage(weights: Path, heads: list[Head]) -> DetectorStage:
    return DetectorStage(TorchBackend(weights, device="cpu", threads=2, heads=heads))


@pytest.fixture(scope="module")
def decoded(stage: DetectorStage, shared_dir: Path) -> list[Decoded]:
    return decoded_highway(stage, shared_dir, 6)


@pytest.mark.shared
def test_every_frame_has_an_answer_of_each_head_and_the_boxes_are_those_without_heads(
    stage: DetectorStage, decoded: list[Decoded], weights: Path
) -> None:
    rows = detect(stage, decoded)
    assert [[head.name for head in row.heads] for row in rows] == [["pavement", "visibility"]] * len(rows)
    grids = [row.heads[0].grid for row in rows]
    assert len({grid.values for grid in grids if grid}) == len(rows)  # each frame's own
    plain = DetectorStage(TorchBackend(weights, device="cpu", threads=2))
    assert [row.objects for row in detect(plain, decoded)] == [row.objects for row in rows]
    assert [row.heads for row in detect(plain, decoded)] == [[]] * len(rows)


@pytest.mark.shared
def test_batches_of_any_size_and_any_number_of_threads_give_the_same_answers(
    stage: DetectorStage, decoded: list[Decoded], shared_dir: Path
) -> None:
    together = detect(stage, decoded)
    for size in (1, 2, 4):
        apart = [row for at in range(0, len(decoded), size) for row in detect(stage, decoded[at : at + size])]
        assert [row.to_bytes() for row in apart] == [row.to_bytes() for row in together], size
    handheld = Camera(id="handheld", source=str(shared_dir / "clips" / "takeoff-handheld.mp4"), fps=1)
    others = [stage.decode(frame) for frame in read_once(handheld)][:3]
    alone = [[row.to_bytes() for row in detect(stage, items)] for items in (decoded, others)]
    with ThreadPoolExecutor(2, initializer=stage.backend.join_parallel) as pool:
        for _ in range(3):
            rows = pool.map(lambda items: [row.to_bytes() for row in detect(stage, items)], (decoded, others))
            assert list(rows) == alone


@pytest.mark.shared
def test_heads_are_not_asked_for_close_ups_but_stay_with_the_frame(
    stage: DetectorStage, decoded: list[Decoded]
) -> None:
    asked = []
    panel = stage.backend._panel  # type: ignore[attr-defined]
    true_ask = panel.ask
    panel.ask = lambda maps, shape, inner: asked.append(len(inner)) or true_ask(maps, shape, inner)
    try:
        lane = [(0.30, 1.0), (0.48, 0.3), (0.511, 0.3), (0.675, 1.0)]
        zones = [{"id": "lane", "kind": "lane", "polygon": lane}]
        camera = Camera.model_validate({"id": "highway", "source": "x.mp4", "zones": zones})
        closer = DetectorStage(stage.backend, cameras=[camera])
        items = [closer.decode(item.frame) for item in decoded[:2]]
        assert all(item.closeups for item in items)
        rows = detect(closer, items)
    finally:
        del panel.ask
    assert asked == [2]
    assert [[head.name for head in row.heads] for row in rows] == [["pavement", "visibility"]] * 2


@pytest.mark.shared
def test_wayside_run_writes_what_the_heads_say_and_refuses_a_head_that_does_not_fit(
    heads: list[Head], decoded: list[Decoded], tmp_path: Path
) -> None:
    path = tmp_path / "visibility.safetensors"
    save_head(path, heads[1].net, heads[1].spec)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for item in decoded:
        (pictures / f"{item.frame.seq:03}.jpg").write_bytes(item.frame.jpeg)
    site = tmp_path / "site.yaml"
    site.write_text(yaml.safe_dump({"site": "s", "cameras": [{"id": "road", "source": str(pictures), "fps": 5}]}))
    arguments = ["run", "--site", str(site), "--out", str(tmp_path / "out"), "--annotate", "--model", "yolo11n-coco"]
    environment = {**os.environ, "WAYSIDE_HEADS": str(path)}
    done = wayside(*arguments, env=environment)
    assert done.returncode == 0, done.stderr
    for name in ("detections", "tracks"):
        lines = [json.loads(line) for line in (tmp_path / "out" / f"{name}.jsonl").read_text().splitlines()]
        assert len(lines) == len(decoded)
        # Once a second by default, at 5 frames/s.
        for number, line in enumerate(lines):
            assert [head["name"] for head in line["heads"]] == ([] if number % 5 else ["visibility"])
    save_head(path, heads[1].net, heads[1].spec.model_copy(update={"backbone": "1" * 64}))
    done = wayside(*arguments, env=environment)
    assert done.returncode == 2
    assert done.stderr.startswith("wayside: setting heads (WAYSIDE_HEADS): head visibility@")
    assert len(done.stderr.splitlines()) == 1
