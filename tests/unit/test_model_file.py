"""Weights in files that hold numbers and text only."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from ultralytics.nn.tasks import DetectionModel

from services.detector.backends.network import load_network
from services.detector.backends.torch import TorchBackend
from services.detector.model_file import load_model, read_spec, save_model, with_classes
from shared.exceptions import ModelError

CLASSES = ("person", "animal", "cone")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    network = DetectionModel("yolo11n.yaml", verbose=False)
    with_classes(network, CLASSES)
    path = tmp_path_factory.mktemp("models") / "road.safetensors"
    save_model(
        path,
        network.state_dict(),
        network.yaml,
        name="road",
        classes=CLASSES,
        start="yolo11n@0",
        command="wayside train",
    )
    return path


def test_the_network_comes_back_with_its_classes_and_numbers(file: Path) -> None:
    network = load_model(file)
    assert network.names == {0: "person", 1: "animal", 2: "cone"}
    assert read_spec(file).command == "wayside train"
    stored = load_file(file)
    for name, value in network.state_dict().items():
        assert torch.equal(value.to(stored[name].dtype), stored[name]), name


def test_the_backend_runs_it_and_names_its_version(file: Path) -> None:
    backend = TorchBackend(file, device="cpu", threads=1, min_score=0.0)
    boxes = backend.forward(np.full((1, 96, 160, 3), 90, np.uint8)).boxes[0]
    assert backend.labels == list(CLASSES)
    assert backend.version.startswith("road@")
    assert len(boxes.scores) > 0
    assert boxes.classes.max() <= 2


def changed(file: Path, target: Path, key: str = "wayside", **fields: object) -> Path:
    """A copy with other metadata."""
    spec = json.loads(read_spec(file).model_dump_json(by_alias=True)) | fields
    save_file(load_file(file), target, {key: json.dumps(spec)})
    return target


def test_a_changed_number_is_found_by_its_checksum(file: Path, tmp_path: Path) -> None:
    tensors = load_file(file)
    name = next(name for name, value in tensors.items() if value.is_floating_point())
    tensors[name].view(-1)[0] += 1
    save_file(tensors, tmp_path / "x.safetensors", {"wayside": read_spec(file).model_dump_json(by_alias=True)})
    with pytest.raises(
        ModelError, match=r"x\.safetensors: the numbers do not match their checksum; copy the file anew"
    ):
        load_model(tmp_path / "x.safetensors")


def test_a_cut_file_a_foreign_one_and_a_newer_one_are_told_apart(file: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ModelError, match="cannot be read as safetensors"):
        load_model(cut)
    with pytest.raises(ModelError, match="no model of Wayside"):
        load_model(changed(file, tmp_path / "foreign.safetensors", key="other"))
    with pytest.raises(ModelError, match=r"metadata schema: .*newer Wayside"):
        load_model(changed(file, tmp_path / "newer.safetensors", schema="wayside.model/2"))
    with pytest.raises(ModelError, match="does not fit its architecture"):
        load_model(changed(file, tmp_path / "classes.safetensors", classes=["person"]))


class Runs:
    """A pickle that would run a command."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


def test_a_pickle_never_runs_its_own_code_unless_it_is_trusted(tmp_path: Path) -> None:
    evil, mark = tmp_path / "evil.pt", tmp_path / "mark"
    torch.save({"model": Runs(mark)}, evil)
    with pytest.raises(ModelError, match=r"holds posix\.mkdir.*WAYSIDE_TRUST_WEIGHTS=true"):
        load_network(evil)
    assert not mark.exists()
    with pytest.raises(ModelError):
        load_network(evil, trusted=True)
    assert mark.is_dir(), "the trusted way opens anything: the refusal above was not for another reason"


def test_other_files_say_what_they_are_not(tmp_path: Path) -> None:
    torch.save({"model": nn.Linear(2, 2)}, tmp_path / "linear.pt")
    (tmp_path / "junk.pt").write_bytes(b"junk" * 100)
    with pytest.raises(ModelError, match="cannot be loaded as YOLO weights"):
        load_network(tmp_path / "linear.pt")
    with pytest.raises(ModelError, match="is damaged or no file of PyTorch's"):
        load_network(tmp_path / "junk.pt")
