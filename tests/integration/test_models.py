"""`wayside models …` and trainings that register, as a user runs them, on a registry in a folder."""

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from services.detector.heads.file import load_head, save_head
from services.detector.model_file import load_model, read_spec, save_model
from services.detector.weights import version_of
from shared.exceptions import ConfigError, InputError, ModelError
from shared.registry import Registry
from tests.commands import Wayside, call
from tests.detector_heads import random_net
from tests.training_data import draw_stripes
from training.bench.detections import Request
from training.data.coco_split import held_out
from training.models import incidents
from training.models.history import history_of
from training.scenes import road_frames
from training.scenes.scene import INCIDENTS

SHIPPED = Path(__file__).resolve().parents[2] / "models" / "wayside-n.safetensors"
PICTURES = 10
# Other tests run beside: speed is judged by tests of its own.
QUICK = ["--slower", "1000", "--imgsz", "320", "--incidents", "0"]


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(str(tmp_path / "registry"))


@pytest.fixture
def wayside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wayside:
    """Runs the command; an error that is told in one line is raised."""
    monkeypatch.setenv("WAYSIDE_REGISTRY", str(tmp_path / "registry"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    return call


@pytest.fixture(scope="module")
def worse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model with half of what it knew shaken up."""
    spec, network = read_spec(SHIPPED), load_model(SHIPPED)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.model[20:].parameters():
            parameter += 0.5 * parameter.std(correction=0) * torch.randn_like(parameter)
    path = tmp_path_factory.mktemp("worse") / "wayside-n.safetensors"
    save_model(
        path, network.state_dict(), spec.architecture, name=spec.name, rows=spec.rows, classes=spec.classes,
        start=spec.start, command="a test",
    )  # fmt: skip
    return path


@pytest.fixture(scope="module")
def pictures(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some pictures of coco256 that training never sees, and some that it does."""
    own, coco = tmp_path_factory.mktemp("coco"), shared_dir / "data" / "coco256"
    chosen = {True: 0, False: 0}
    for path in sorted((coco / "images").rglob("*.jpg")):
        held = held_out(int(path.stem))
        label = (coco / "labels" / path.relative_to(coco / "images")).with_suffix(".txt")
        if chosen[held] < PICTURES and label.is_file():
            chosen[held] += 1
            for file, folder in ((path, "images"), (label, "labels")):
                (own / folder).mkdir(exist_ok=True)
                shutil.copy(file, own / folder / file.name)
    assert chosen == {True: PICTURES, False: PICTURES}
    return own


def aliases(registry: Registry, name: str) -> dict[str, int]:
    return {alias: item.number for item in registry.versions(name) for alias in item.aliases}


@pytest.mark.shared
def test_a_detector_is_promoted_refused_forced_and_rolled_back(
    wayside: Wayside, registry: Registry, pictures: Path, worse: Path
) -> None:
    data = ["--data", str(pictures), *QUICK]
    wayside("models", "add", str(SHIPPED))
    assert aliases(registry, "wayside-n") == {"candidate": 1}
    told = wayside("models", "promote", "wayside-n", *data).output
    assert f"measuring on {PICTURES} pictures" in told
    assert "staged incidents were left out, as --incidents 0 asks for" in told
    assert aliases(registry, "wayside-n") == {"production": 1}
    with pytest.raises(ModelError, match="none was in production before wayside-n@1"):
        wayside("models", "rollback", "wayside-n")
    with pytest.raises(ConfigError, match="in production already"):
        wayside("models", "promote", "wayside-n", "1", *data)

    wayside("models", "add", str(worse))
    refused = wayside("models", "promote", "wayside-n", *data, code=1)
    (line,) = [row for row in refused.output.splitlines() if row.startswith("wayside: ")]
    assert line.startswith("wayside: wayside-n@2 is not promoted, worse: map50_95 0.")
    assert "(production 0." in line
    assert aliases(registry, "wayside-n") == {"production": 1, "candidate": 2}

    wayside("models", "promote", "wayside-n", *data, "--force", "night shift test")
    assert aliases(registry, "wayside-n") == {"production": 2, "previous": 1}
    first, second = registry.versions("wayside-n")
    assert [event.decision for event in history_of(first)] == ["promoted"]
    refusal, forced = history_of(second)
    assert (refusal.decision, refusal.reason) == ("refused", None)
    assert (forced.decision, forced.reason, forced.against) == ("forced", "night shift test", "wayside-n@1")
    assert forced.figures["map50_95"] < forced.against_figures["map50_95"] - 0.01
    assert forced.against_figures["map50_95"] == pytest.approx(history_of(first)[0].figures["map50_95"], abs=1e-6)
    assert any(text.startswith("map50_95 ") for text in refusal.worse)

    wayside("models", "rollback", "wayside-n", "--reason", "misses people")
    assert aliases(registry, "wayside-n") == {"production": 1, "previous": 2}
    wayside("models", "rollback", "wayside-n")
    assert aliases(registry, "wayside-n") == {"production": 2, "previous": 1}
    first, second = registry.versions("wayside-n")
    assert [event.decision for event in history_of(first)] == ["promoted", "restored", "withdrew"]
    assert history_of(second)[-2].reason == "misses people"

    shown = wayside("models", "show", "wayside-n", "2").output
    for word in ("a test", "refused", "forced", "night shift test", "misses people", "map50_95"):
        assert word in shown
    listed = json.loads(wayside("models", "list", "--json").output)
    assert [(item["version"], item["aliases"]) for item in listed] == [(1, ["previous"]), (2, ["production"])]
    assert json.loads(wayside("models", "show", "wayside-n", "previous", "--json").output) == listed[0]
    table = wayside("models", "list", "wayside-n").output
    assert "previous" in table
    assert "production" in table


@pytest.mark.shared
def test_staged_incidents_are_among_the_figures_unless_they_are_left_out(
    wayside: Wayside, registry: Registry, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def requests_of(split: str, limit: int, kinds: Sequence[str]) -> list[Request]:
        assert (split, limit, kinds) == ("dev", incidents.DEFAULT, INCIDENTS)
        return [(split, "stopped-vehicle", 0)]

    monkeypatch.setattr(incidents, "requests_of", requests_of)
    wayside("models", "add", str(SHIPPED))
    # At the resolution that the scenes are made for.
    told = wayside("models", "promote", "wayside-n", "--data", str(pictures)).output
    assert "staged incidents: scenes of each type: 1" in told
    (event,) = history_of(registry.resolve("models:/wayside-n@production"))
    assert event.figures["incidents_found"] == 1.0
    assert event.figures["incidents_found/stopped-vehicle"] == 1.0
    assert event.figures["false_alarms"] >= 0
    assert event.figures["seconds_to_detect"] > 0


def test_without_the_shared_clips_incidents_are_those_of_the_generated_road(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "clips" / "highway.mp4"
    monkeypatch.setattr(incidents, "HIGHWAY", missing)
    monkeypatch.setattr(incidents, "_ROADS", 1)
    monkeypatch.setattr(road_frames, "SECONDS", 8.0)  # a person walks across from 5 s on
    said: list[str] = []
    (figures,) = incidents.incident_figures([SHIPPED], 640, None, False, said.append)
    assert said[0] == f"staged incidents: generated roads: 1, as {missing} is not there"
    assert re.fullmatch(r"staged incidents took \d+ s of CPU time", said[1])
    assert figures["incidents_found/person-on-lane"].value == 1.0
    assert figures["false_alarms"].value == 0.0
    assert [name for name in figures if "/" in name] == ["incidents_found/person-on-lane"]


def test_a_trained_head_registers_itself_and_a_worse_one_is_refused(
    wayside: Wayside, registry: Registry, tmp_path: Path
) -> None:
    draw_stripes(tmp_path / "road", 20)
    asked = ["train", "head", "--name", "road", "--data", "road", "--out", "heads"]
    asked += ["--imgsz", "160", "--epochs", "8", "--candidates", "head"]
    wayside(*asked, "--start", str(SHIPPED))
    assert registry.versions() == [], "it was not asked to register"
    wayside("models", "add", str(SHIPPED))
    registered = ["--start", "models:/wayside-n@candidate"]
    assert "road@1 is the candidate of road" in wayside(*asked, *registered, "--register").output
    (version,) = registry.versions("road")
    wayside("models", "promote", "wayside-n", "--force", "the alias of a start moves")
    spec = load_head(tmp_path / "heads" / "road.safetensors")[1]
    assert version.kind == "head"
    assert version.figures == spec.metrics
    assert version.lineage["start"] == f"models:/wayside-n/1@{version_of(SHIPPED).partition('@')[2]}"
    assert version.lineage["data"] == "road"
    assert len(version.lineage["data_sha256"]) == 64
    assert "threads" in version.lineage["machine"]
    folder = registry.fetch(version, tmp_path / "cache").parent
    assert {path.name for path in folder.iterdir()} == {"road.safetensors", "road.md", "road.html", "road.trained"}

    data = ["--data", "road", "--start", "models:/wayside-n@production", *QUICK, "--least", "1"]
    wayside("models", "promote", "road", *data)
    (event,) = history_of(registry.resolve("models:/road@production"))
    assert event.figures["f1"] == pytest.approx(spec.metrics["f1"], abs=1e-3)
    assert event.figures["ms_per_picture"] > 0

    worse = random_net(spec, seed=1)
    save_head(tmp_path / "worse.safetensors", worse, spec)
    wayside("models", "add", "worse.safetensors")
    refused = wayside("models", "promote", "road", *data, code=1)
    assert "road@2 is not promoted, worse: f1 0." in refused.output
    assert "f1/stripes" in refused.output
    assert aliases(registry, "road") == {"production": 1, "candidate": 2}
    with pytest.raises(ConfigError, match="--data: pictures to judge on are needed, or --force REASON"):
        wayside("models", "promote", "road")
    wayside("models", "promote", "road", "--force", "no pictures at hand")
    assert aliases(registry, "road") == {"production": 2, "previous": 1}


def test_a_head_is_judged_only_on_its_own_question_and_features(wayside: Wayside, tmp_path: Path) -> None:
    draw_stripes(tmp_path / "road", 20)
    heads = SHIPPED.parent / "heads"
    wayside("models", "add", str(heads / "pavement.safetensors"))
    with pytest.raises(InputError, match="image with empty, stripes; pavement@1 answers patch with intact, damaged"):
        wayside("models", "promote", "pavement", "--data", "road", "--start", str(SHIPPED))
    with pytest.raises(ConfigError, match="--incidents"):
        wayside("models", "promote", "pavement", "--data", "road", "--incidents", "1")
    with pytest.raises(ConfigError, match="--all-kinds"):
        wayside("models", "promote", "pavement", "--data", "road", "--all-kinds")


def test_what_cannot_be_done_is_one_line(wayside: Wayside, registry: Registry, tmp_path: Path) -> None:
    assert "no model in the registry" in wayside("models", "list").output
    with pytest.raises(ModelError, match="no model 'nothing' in the registry"):
        wayside("models", "show", "nothing")
    with pytest.raises(ModelError, match="no version is in production"):
        wayside("models", "rollback", "nothing")
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(ModelError, match="cannot be read"):
        wayside("models", "add", "text.safetensors")
    with pytest.raises(ModelError, match=r"missing\.safetensors: no such file"):
        wayside("models", "add", "missing.safetensors")
    with pytest.raises(ModelError, match="lower-case"):
        wayside("models", "add", str(SHIPPED), "--name", "Night Shift")
    with pytest.raises(ModelError, match="lower-case"):
        wayside("train", "head", "--name", "Night_Shift", "--data", "road", "--register")
    with pytest.raises(ConfigError, match="would overwrite the weights that it begins from"):
        wayside("train", "detector", "--name", "wayside-n", "--start", str(SHIPPED), "--out", str(SHIPPED.parent))
    wayside("models", "add", str(SHIPPED))
    with pytest.raises(ModelError, match="wayside-n has no version '7'; it has 1, candidate"):
        wayside("models", "promote", "wayside-n", "7")
    seen = tmp_path / "seen"
    for folder in ("images", "labels"):
        (seen / folder).mkdir(parents=True)
    number = next(number for number in range(1000) if not held_out(number))
    cv2.imwrite(str(seen / "images" / f"{number:012d}.jpg"), np.zeros((64, 64, 3), np.uint8))
    (seen / "labels" / f"{number:012d}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    with pytest.raises(InputError, match="of 1 pictures none that is held out"):
        wayside("models", "promote", "wayside-n", "--data", "seen")
    assert aliases(registry, "wayside-n") == {"candidate": 1}
    assert history_of(registry.versions("wayside-n")[0]) == []
