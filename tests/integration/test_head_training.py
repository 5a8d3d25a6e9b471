"""`wayside train head` end to end: from a folder to a head, its card and its report."""

import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.io
import torch
import torchvision

from services.detector.backends.torch import TorchBackend
from services.detector.heads.file import load_head
from services.detector.letterbox import Letterbox
from shared.exceptions import InputError
from tests.commands import call
from tests.conftest import SHARED
from tests.detector_heads import LAYERS, random_head
from tests.training_data import draw_stripes
from training.data.problems import Problems
from training.heads.command import Request, train_head
from training.heads.crackforest import read_crackforest
from training.heads.features import Backbone
from training.heads.fit import Plan

WEIGHTS = SHARED / "models" / "yolo11n-coco.pt"
pytestmark = [pytest.mark.shared, pytest.mark.usefixtures("shared_dir")]


def test_a_folder_becomes_a_head_a_card_and_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no route to the host")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    draw_stripes(tmp_path / "road", 24)
    (tmp_path / "road" / "wet").mkdir()
    (tmp_path / "road" / "empty" / "broken.jpg").write_bytes(b"\xff\xd8\xff not a picture")
    weights = tmp_path / "resnet18.pth"
    torch.save(torchvision.models.resnet18(weights=None).state_dict(), weights)
    result = call(
        "train", "head", "--name", "road", "--data", str(tmp_path / "road"), "--out", str(tmp_path / "heads"),
        "--start", str(WEIGHTS), "--imgsz", "160", "--epochs", "4",
        "--candidates", f"convnet,resnet18={weights},resnet34",
    )  # fmt: skip
    told = " ".join(result.output.split())
    assert "empty/broken.jpg: corrupt picture" in told
    assert "wet: empty class" in told
    left_out = "resnet34: left out: its pretrained weights cannot be downloaded (no route to the host)"
    assert left_out in told
    net, spec = load_head(tmp_path / "heads" / "road.safetensors")
    assert spec.classes == ["empty", "stripes"]
    assert spec.metrics["f1"] > 0.8
    backbone = Backbone(WEIGHTS, spec.layers, spec.kind, 160, 1)
    assert spec.backbone == backbone.digest
    striped = cv2.imread(str(tmp_path / "road" / "stripes" / "3.png"), cv2.IMREAD_COLOR_RGB)
    assert net.from_condensed(backbone.condensed(striped)[None]).argmax() == 1  # type: ignore[arg-type]
    page = (tmp_path / "heads" / "road.html").read_text()
    for word in ("torchvision resnet18", "small ConvNet", "<svg", "corrupt picture", "range test", left_out):
        assert word in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "not stated" in (tmp_path / "heads" / "road.md").read_text()


def test_one_class_only_stops_with_all_problems(tmp_path: Path) -> None:
    draw_stripes(tmp_path / "road", count=14)
    for path in sorted((tmp_path / "road" / "stripes").iterdir())[:5]:
        path.write_bytes(b"")
    result = subprocess.run(
        [sys.executable, "-m", "services.cli", "train", "head", "--name", "road", "--data", str(tmp_path / "road")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert result.returncode == 2
    assert "a head needs two classes" in result.stderr
    assert result.stderr.count("corrupt picture") == 5
    assert "class with 9 usable pictures" in result.stderr
    assert "Traceback" not in result.stderr


def crack_folder(folder: Path, count: int = 24) -> None:
    rng = np.random.default_rng(1)
    (folder / "image").mkdir(parents=True)
    (folder / "groundTruth").mkdir()
    for number in range(count):
        picture = rng.normal(130, 8, (160, 192, 3)).clip(0, 255).astype(np.uint8)
        mask = np.ones((160, 192), np.uint8)
        row = int(rng.integers(40, 120))
        cv2.line(mask, (0, row), (191, row + int(rng.integers(-30, 30))), 2, 5)
        picture[mask == 2] = 40
        write(folder, f"{number:03d}", picture, mask)


def write(folder: Path, stem: str, picture: np.ndarray, mask: np.ndarray) -> None:
    cv2.imwrite(str(folder / "image" / f"{stem}.png"), picture)
    truth = np.empty((1, 1), dtype=[("Segmentation", "O"), ("Boundaries", "O")])
    truth[0, 0] = (mask, mask)
    scipy.io.savemat(folder / "groundTruth" / f"{stem}.mat", {"groundTruth": truth})


def test_every_bad_annotation_is_named_and_the_rest_is_trained_on(tmp_path: Path) -> None:
    crack_folder(tmp_path)
    picture, mask = np.full((160, 192, 3), 90, np.uint8), np.ones((160, 192), np.uint8)
    write(tmp_path, "large", picture, np.ones((320, 192), np.uint8))
    mask[20:23, 20:180] = 2
    write(tmp_path, "other", picture, mask)
    write(tmp_path, "torn", picture, mask)
    (tmp_path / "groundTruth" / "torn.mat").write_bytes(b"MATLAB 5.0 MAT-file, torn")
    write(tmp_path, "black", picture, mask)
    (tmp_path / "image" / "black.png").write_bytes(b"")
    problems = Problems()
    data = read_crackforest("pavement", tmp_path, problems)
    told = "\n".join(problems.lines())
    for line in ("large.mat: mask of 192x320 px reaches outside", "torn.mat: unreadable annotation",
                 "black.png: corrupt picture", "other.mat: mask lies on nothing darker"):  # fmt: skip
        assert line in told
    assert len(data.pictures) == 24
    path = train_head(
        Request("pavement", [tmp_path], tmp_path / "heads", candidates=(), start=str(WEIGHTS)), Plan(epochs=6, lr=5e-3)
    )
    net, spec = load_head(path)
    assert spec.metrics["f1"] > 0.8
    backbone = Backbone(WEIGHTS, spec.layers, "patch", None, 1)
    picture = cv2.imread(str(tmp_path / "image" / "000.png"), cv2.IMREAD_COLOR_RGB).astype(np.uint8)
    heat = net.probabilities(backbone.maps(picture))[0, 1]
    assert heat.shape == (5, 6)
    assert heat[1:-1, 1:-1].max() > 0.8


@pytest.mark.parametrize("share", [0.2, 0.5, 0.95])
def test_an_annotation_that_is_cut_anywhere_is_named(tmp_path: Path, share: float) -> None:
    crack_folder(tmp_path)
    file = tmp_path / "groundTruth" / "003.mat"
    scipy.io.savemat(file, {"groundTruth": scipy.io.loadmat(file)["groundTruth"]}, do_compression=True)
    content = file.read_bytes()
    file.write_bytes(content[: round(len(content) * share)])
    problems = Problems()
    assert len(read_crackforest("pavement", tmp_path, problems).pictures) == 23
    assert len(problems.lines()) == 1
    assert "003.mat: unreadable annotation" in problems.lines()[0]


def test_no_picture_left_is_one_error_with_everything(tmp_path: Path) -> None:
    crack_folder(tmp_path, count=9)
    for path in (tmp_path / "groundTruth").iterdir():
        path.write_bytes(b"no")
    with pytest.raises(InputError, match="0 pictures with a mask") as raised:
        read_crackforest("pavement", tmp_path, Problems())
    assert str(raised.value).count("unreadable annotation") == 9


def test_training_shows_a_head_what_the_detector_shows_it() -> None:
    """A picture of 16:9 has padding in the detector's input, which no head sees."""
    backbone = Backbone(WEIGHTS, LAYERS, "image", 320, 1)
    head = random_head("image", backbone=backbone.digest)
    picture = np.random.default_rng(2).integers(0, 255, (180, 320, 3)).astype(np.uint8)
    letterbox = Letterbox.fit(320, 180, 320)
    assert letterbox.shape == (192, 320)
    placed = np.empty((1, *letterbox.shape, 3), np.uint8)
    letterbox.place(picture, placed[0])
    backend = TorchBackend(WEIGHTS, device="cpu", threads=1, heads=[head])
    (answer,) = backend.forward(placed, inner=[letterbox.inner]).heads[0]
    logits = head.net.from_condensed(backbone.condensed(picture)[None]) / head.net.temperature
    trained = torch.softmax(logits, 1)[0]
    assert list(answer.probabilities.values()) == pytest.approx(trained.tolist(), abs=2e-3)
