"""`wayside train detector` as a user runs it: killed, run again, and its model in the detector."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.detector.backends.network import load_network
from services.detector.backends.torch import TorchBackend
from services.detector.heads.find import find_heads, fitting
from services.detector.model_file import read_spec
from services.detector.weights import find_weights, version_of
from shared.registry import ModelVersion, Registry
from tests.training_data import write_squares
from training.detector.classes import NAMES
from training.detector.dataset import Recipe
from training.detector.run import Schedule, train
from training.detector.trainer import DetectorTrainer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Bright squares on grey, as cones, and one corrupt picture."""
    own = write_squares(tmp_path / "own")
    (own / "images" / "corrupt.jpg").write_bytes(b"no picture")
    return own


def command(folder: Path, tmp_path: Path, epochs: int) -> list[str]:
    """As in a fresh clone: from the shipped model."""
    return [
        sys.executable, "-m", "services.cli", "train", "detector", "--name", "squares", "--data", str(folder),
        "--epochs", str(epochs), "--batch", "8", "--imgsz", "160", "--lr", "0.002",
        "--repeat", "2", "--out", str(tmp_path / "models"), "--work", str(tmp_path / "work"),
        "--registry", str(tmp_path / "registry"),
    ]  # fmt: skip


def registered_files(version: ModelVersion, tmp_path: Path) -> set[str]:
    weights = Registry(str(tmp_path / "registry")).fetch(version, tmp_path / "cache")
    return {path.name for path in weights.parent.iterdir()}


def test_a_killed_training_goes_on_and_ends_in_a_model_that_the_detector_loads(folder: Path, tmp_path: Path) -> None:
    arguments, last = command(folder, tmp_path, 5), tmp_path / "work" / "weights" / "last.pt"
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True) as first:
        deadline = time.monotonic() + 120
        while not last.is_file() and first.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.3)
        os.killpg(first.pid, signal.SIGKILL)
    assert last.is_file(), "the training did not come to its first checkpoint"
    assert not (tmp_path / "work" / "finished").exists()
    second = subprocess.run(arguments, capture_output=True, text=True, timeout=240, check=False)
    told = second.stdout + second.stderr
    assert second.returncode == 0, told
    assert "epoch 1 of 5" not in told, "it began anew"
    assert "epoch 5 of 5" in told
    backend = TorchBackend(tmp_path / "models" / "squares.safetensors", device="cpu", threads=1)
    assert set(backend.labels) == set(NAMES)
    picture = np.full((160, 160, 3), 100, np.uint8)
    picture[60:90, 60:90] = (240, 120, 30)
    boxes = backend.forward(picture[None]).boxes[0]
    assert backend.labels[boxes.classes[0]] == "cone"
    assert np.abs(boxes.xyxy[0] - [60, 60, 90, 90]).max() < 6
    card = (tmp_path / "models" / "squares.md").read_text()
    assert "cone, mAP50-95" in card
    target = tmp_path / "models" / "squares.safetensors"
    heads = fitting(find_heads("auto"), load_network(target), "squares")
    assert [head.spec.name for head in heads] == ["pavement", "visibility"], "the shipped heads do not fit it"
    spec = read_spec(target)
    assert spec.command in card
    assert spec.start == version_of(find_weights("wayside-n"))
    version = Registry(str(tmp_path / "registry")).resolve("models:/squares@candidate")
    assert (version.number, version.kind) == (1, "detector")
    assert f"| cone, mAP50-95 | 0.000 | {version.figures['map50_95/cone']:.3f} |" in card
    assert version.lineage.items() >= {"command": spec.command, "start": spec.start, "data": "own"}.items()
    assert registered_files(version, tmp_path) == {"squares.safetensors", "squares.md", "squares.trained"}


def test_another_training_in_the_same_folder_and_a_bad_folder_end_with_one_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "options.json").write_text("{}")
    result = subprocess.run(command(folder, tmp_path, 1), capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.strip().endswith("holds a training with other options; give another --work or delete it")
    for file in (folder / "images").iterdir():
        file.write_bytes(b"no picture")
    (tmp_path / "work" / "options.json").unlink()
    result = subprocess.run(command(folder, tmp_path, 1), capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "0.jpg: cannot be decoded" in result.stderr
    assert result.stderr.strip().splitlines()[-1].startswith("wayside: ")


def test_a_training_ends_after_the_epochs_of_patience_without_a_better_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    results = iter([0.3, 0.5, 0.5, 0.4, 0.6])

    def judged(self: Any) -> tuple[dict[str, float], float]:
        self.best_fitness = max(self.best_fitness or 0.0, fitness := next(results))
        return {}, fitness

    monkeypatch.setattr(DetectorTrainer, "validate", judged)
    recipe = Recipe((write_squares(tmp_path / "own", count=12),), staged=0, repeat=1, seed=1)
    schedule = Schedule(
        epochs=9, patience=2, freeze=10, lr=5e-4, batch=4, imgsz=160, keep=0.0, teach=False, device="cpu", seed=1
    )
    train(
        "squares", find_weights("wayside-n"), recipe, schedule, tmp_path / "work", tmp_path / "models", "command",
        recipe.digest(),
    )  # fmt: skip
    told = capfd.readouterr().err
    assert "epoch 4 of 9" in told
    assert "epoch 5 of 9" not in told, "the best result was the second epoch's"
