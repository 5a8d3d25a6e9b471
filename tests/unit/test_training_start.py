"""Which weights a training begins from."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

import training.detector.run
from services.cli import app
from shared.exceptions import ModelError
from shared.registry import CANDIDATE, PRODUCTION, Registry
from shared.settings import Settings, load_settings
from training.heads import command
from training.heads.command import Request
from training.start import find_start, start_of


class BegunError(Exception):
    """A training would begin from these weights now."""

    def __init__(self, weights: Path) -> None:
        super().__init__(weights)
        self.weights = weights


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("WAYSIDE_REGISTRY", str(tmp_path / "registry"))
    monkeypatch.setenv("WAYSIDE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return load_settings()


@pytest.fixture
def registry(settings: Settings, tmp_path: Path) -> Registry:
    """Two versions of a detector, the first in production, and a head."""
    registry, file = Registry(settings.registry), tmp_path / "own" / "road.pt"
    file.parent.mkdir()
    for content, alias in ((b"one", PRODUCTION), (b"two", CANDIDATE)):
        file.write_bytes(content)
        registry.register("road", "detector", [file], figures={}, lineage={}, alias=alias)
    registry.register("fog", "head", [file], figures={}, lineage={})
    return registry


def test_a_file_in_the_folder_of_the_setting_is_found(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "only-there.pt").write_bytes(b"weights")
    start = find_start("only-there", settings)
    assert (start.weights, start.version) == (tmp_path / "models" / "only-there.pt", "only-there@9a129038")
    assert start_of(start.version) == ["only-there"]


def test_an_alias_and_a_number_are_fetched_and_told_by_number(registry: Registry, settings: Settings) -> None:
    alias, number = find_start("models:/road@production", settings), find_start("models:/road/2", settings)
    assert (alias.weights.read_bytes(), alias.version) == (b"one", "models:/road/1@7692c3ad")
    assert (number.weights.read_bytes(), number.version) == (b"two", "models:/road/2@3fc4ccfe")
    registry.point("road", PRODUCTION, 2)
    (again,) = start_of(alias.version)
    assert find_start(again, settings).weights == alias.weights


def test_a_killed_training_goes_on_with_what_the_alias_meant(
    registry: Registry, settings: Settings, tmp_path: Path
) -> None:
    kept = tmp_path / "work" / "start.txt"
    begun = find_start("models:/road@production", settings, kept)
    registry.point("road", PRODUCTION, 2)
    assert find_start("models:/road@production", settings, kept) == begun
    assert find_start("models:/road@candidate", settings, kept).version.startswith("models:/road/2@")
    assert find_start("models:/road@production", settings).version.startswith("models:/road/2@")


def test_what_is_no_detector_of_the_registry_is_one_line(registry: Registry, settings: Settings) -> None:
    with pytest.raises(ModelError, match=r"models:/fog@candidate \(fog@1\) is a head; a detector is needed here"):
        find_start("models:/fog@candidate", settings)
    with pytest.raises(ModelError, match="models:/road@night"):
        find_start("models:/road@night", settings)


def begin(monkeypatch: pytest.MonkeyPatch, arguments: Sequence[str]) -> BegunError:
    """What `wayside train …` would begin from; it stops there."""

    def detector(name: str, weights: Path, *_: object) -> Path:
        raise BegunError(weights)

    def head(request: Request, **_: object) -> Path:
        raise BegunError(Path(request.start))

    monkeypatch.setattr(training.detector.run, "train", detector)
    monkeypatch.setattr(command, "run_request", head)
    result = CliRunner().invoke(app, ["train", *arguments])
    assert isinstance(result.exception, BegunError), result.output
    return result.exception


@pytest.mark.parametrize("kind", ["detector", "head"])
def test_both_trainings_begin_from_the_registry(
    kind: str, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [kind, "--name", "road", "--data", "own", "--start", "models:/road@production"]
    assert begin(monkeypatch, asked).weights.read_bytes() == b"one"
    monkeypatch.setenv("WAYSIDE_REGISTRY", str(tmp_path / "empty"))
    elsewhere = [*asked, "--registry", str(tmp_path / "registry")]
    assert begin(monkeypatch, elsewhere).weights.read_bytes() == b"one", "the flag names the registry"


def test_a_training_after_a_finished_one_looks_again_what_the_alias_means(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["detector", "--name", "road", "--data", "own", "--start", "models:/road@production", "--work", "work"]
    assert begin(monkeypatch, asked).weights.read_bytes() == b"one"
    registry.point("road", PRODUCTION, 2)
    assert begin(monkeypatch, asked).weights.read_bytes() == b"one", "it was killed"
    (tmp_path / "work" / "finished").touch()
    assert begin(monkeypatch, asked).weights.read_bytes() == b"two"
