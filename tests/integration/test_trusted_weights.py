"""Pickled weights that hold more than layers: trainings and the registry take them after the same flag as detectors."""

from pathlib import Path

import pytest
import torch

from services.detector.model_file import load_model
from shared.exceptions import ModelError
from shared.registry import Registry
from tests.commands import Wayside, call
from tests.training_data import draw_stripes, write_squares

SHIPPED = Path(__file__).resolve().parents[2] / "models" / "wayside-n.safetensors"
REFUSED = r"foreign\.pt: holds tests\.integration\.test_trusted_weights\.Note, .*set WAYSIDE_TRUST_WEIGHTS=true"
DETECTOR = (
    "train", "detector", "--name", "squares", "--data", "own", "--start", "foreign.pt", "--epochs", "1", "--batch", "4",
    "--imgsz", "160", "--out", "out",
)  # fmt: skip
HEAD = (
    "train", "head", "--name", "road", "--data", "road", "--start", "foreign.pt", "--out", "heads", "--epochs", "1",
    "--imgsz", "160", "--candidates", "head", "--register",
)  # fmt: skip
ADD = ("models", "add", "foreign.pt")
PROMOTE = ("models", "promote", "foreign", "--data", "own", "--imgsz", "160", "--incidents", "0")


class Note:
    """What somebody has pickled beside the layers."""


@pytest.fixture
def wayside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wayside:
    """Runs the command beside `foreign.pt` and some data; an error that is told in one line is raised."""
    monkeypatch.setenv("WAYSIDE_REGISTRY", "registry")
    monkeypatch.delenv("WAYSIDE_TRUST_WEIGHTS", raising=False)
    monkeypatch.chdir(tmp_path)
    torch.save({"model": load_model(SHIPPED), "note": Note()}, "foreign.pt")
    write_squares(tmp_path / "own", 24)
    draw_stripes(tmp_path / "road", 20)

    return call


@pytest.mark.parametrize("command", [DETECTOR, HEAD, ADD], ids=["detector", "head", "add"])
def test_without_the_flag_they_are_refused_in_one_line(wayside: Wayside, command: tuple[str, ...]) -> None:
    with pytest.raises(ModelError, match=REFUSED):
        wayside(*command)
    assert Registry("registry").versions() == []


def test_with_the_flag_detectors_and_heads_are_trained_on_them_and_they_are_promoted(
    wayside: Wayside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAYSIDE_TRUST_WEIGHTS", "true")
    wayside(*DETECTOR)
    assert Path("out/squares.safetensors").is_file()
    assert "cone, mAP50-95" in Path("out/squares.md").read_text()
    assert "road@1 is the candidate of road" in wayside(*HEAD).output
    wayside(*ADD)
    assert "foreign@1 is in production" in wayside(*PROMOTE).output
