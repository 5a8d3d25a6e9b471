"""A head's training tells its epochs, and the training service understands what it tells."""

import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from shared.settings import Settings
from shared.training import TrainingRequest
from training.heads.candidates import SmallConvNet
from training.heads.compare import compare
from training.heads.dataset import SPLITS, DataSet, Picture
from training.heads.fit import Plan
from training.heads.question import Question
from training.service import job
from training.service.job import Job, Said

EPOCHS = 3


def pictures() -> list[Picture]:
    """Dark and bright ones, 8 of each in every split."""
    return [
        Picture(f"{split}-{number}", f"{split}-{number}", split, partial(shade, number % 2), np.array(number % 2))
        for split in SPLITS
        for number in range(16)
    ]


def shade(label: int) -> np.ndarray:
    return np.full((64, 96, 3), 60 + 120 * label, np.uint8)


def named(name: str) -> SmallConvNet:
    candidate = SmallConvNet(Question("image", 2))
    candidate.name = name
    return candidate


@pytest.fixture(scope="module")
def lines() -> list[str]:
    """What a training of two candidates says."""
    said: list[str] = []
    data = DataSet("light", "image", ["dark", "bright"], pictures(), "drawn", "none", variants=0)
    compare(data, [named("one"), named("two")], Plan(epochs=EPOCHS, lr=1e-3), said.append)
    return said


def test_epochs_count_through_all_candidates(lines: list[str]) -> None:
    epochs = [line for line in lines if line.startswith("epoch")]
    assert [line.partition(",")[0] for line in epochs] == [
        "epoch 1 of 6: one 1 of 3", "epoch 2 of 6: one 2 of 3", "epoch 3 of 6: one 3 of 3",
        "epoch 4 of 6: two 1 of 3", "epoch 5 of 6: two 2 of 3", "epoch 6 of 6: two 3 of 3",
    ]  # fmt: skip
    assert lines.index(epochs[2]) < next(i for i, line in enumerate(lines) if line.startswith("one: F1"))


def test_the_training_service_reads_them(lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    print_them = [sys.executable, "-c", f"print({chr(10).join(lines)!r})"]
    monkeypatch.setattr(job, "command_of", lambda request, settings, work: print_them)
    request = TrainingRequest(request_id="first", kind="head", name="light", data=["light"])
    running = Job(request, Settings(data=tmp_path))
    try:
        deadline = time.monotonic() + 30
        while not running.ended() and time.monotonic() < deadline:
            time.sleep(0.05)
        last = next(line for line in lines if line.startswith("epoch 6"))
        assert running.said() == Said(6, 6, last)
        assert running.said() is None, "told once"
    finally:
        running.stop()
