"""Which technology `auto` takes, that it keeps to it, and what happens where one cannot run."""

import builtins
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.detector.backends import choose
from services.detector.backends.load import Wanted, load, runner_of
from shared.exceptions import ConfigError, ModelError
from shared.settings import load_settings

WANTED = Wanted(Path("some.pt"), device="cpu")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(choose, "_chosen", {})


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the backends that were loaded; none of them is real."""
    names: list[str] = []

    def fake(name: str, wanted: Wanted) -> Any:
        names.append(name)
        return SimpleNamespace(name=name)

    monkeypatch.setattr(choose, "load", fake)
    return names


def timed(monkeypatch: pytest.MonkeyPatch, **times: float) -> None:
    monkeypatch.setattr(choose, "measure", lambda backends: {name: times[name] for name in backends})


def test_the_fastest_is_taken_and_a_tie_goes_to_the_first() -> None:
    assert choose.pick({"openvino": 16.0, "onnx": 31.0, "torch": 29.0}) == "openvino"
    assert choose.pick({"openvino": 40.0, "onnx": 31.0, "torch": 25.0}) == "torch"
    assert choose.pick({"onnx": 26.0, "torch": 25.0}) == "onnx"


def test_the_choice_is_measured_once_and_kept_on_disk(
    monkeypatch: pytest.MonkeyPatch, loaded: list[str], tmp_path: Path
) -> None:
    timed(monkeypatch, openvino=50.0, onnx=20.0, torch=30.0)
    with capture_logs() as logs:
        assert choose.choose(WANTED) == "onnx"
    assert loaded == ["openvino", "onnx", "torch"]
    (entry,) = [entry for entry in logs if entry["event"] == "backend chosen for this machine"]
    assert entry["cpu_ms_per_picture"] == {"openvino": 50.0, "onnx": 20.0, "torch": 30.0}
    timed(monkeypatch, openvino=1.0, onnx=20.0, torch=30.0)
    assert choose.choose(WANTED) == "onnx"
    monkeypatch.setattr(choose, "_chosen", {})  # as in the next process
    assert choose.choose(WANTED) == "onnx"
    assert len(loaded) == 3
    shown = choose.what_runs("auto", "cpu", "auto", None)
    assert shown == "onnx (CPU ms per picture: openvino 50.0, onnx 20.0, torch 30.0)"
    (note,) = (tmp_path / "wayside" / "exports").glob("chosen-*.json")
    note.write_text(json.dumps({"backend": "abacus"}))
    monkeypatch.setattr(choose, "_chosen", {})
    assert choose.choose(WANTED) == "openvino"  # nonsense on disk is measured anew


def test_what_cannot_run_is_left_out_of_the_choice(monkeypatch: pytest.MonkeyPatch, loaded: list[str]) -> None:
    fake = choose.load

    def partly(name: str, wanted: Wanted) -> Any:
        if name != "torch":
            raise ConfigError(f"{name} needs a package")
        return fake(name, wanted)

    monkeypatch.setattr(choose, "load", partly)
    timed(monkeypatch, torch=30.0)
    with capture_logs() as logs:
        assert choose.load_fitting("auto", WANTED).name == "torch"
    assert [entry["backend"] for entry in logs if entry["event"] == "backend left out"] == ["openvino", "onnx"]


def test_a_model_that_the_choice_cannot_run_is_run_by_torch_with_a_word(
    monkeypatch: pytest.MonkeyPatch, loaded: list[str]
) -> None:
    monkeypatch.setattr(choose, "choose", lambda wanted: "openvino")
    fake = choose.load

    def partly(name: str, wanted: Wanted) -> Any:
        if name == "openvino":
            raise ModelError("some.pt ends in Segment, which cannot be exported")
        return fake(name, wanted)

    monkeypatch.setattr(choose, "load", partly)
    with capture_logs() as logs:
        assert choose.load_fitting("auto", WANTED).name == "torch"
    assert any("ends in Segment" in str(entry.get("reason")) for entry in logs)
    with pytest.raises(ModelError, match="Segment"):
        choose.load_fitting("openvino", WANTED)


def test_a_missing_package_is_one_line_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "onnx":
            raise ImportError("No module named 'onnx'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"needs the packages openvino and onnx .*its extra `fast`"):
        runner_of("openvino")


def test_an_unknown_backend_and_a_wrong_device_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"WAYSIDE_BACKEND.*'abacus'"):
        load_settings(backend="abacus")
    with pytest.raises(ConfigError, match="no backend 'abacus'"):
        runner_of("abacus")
    with pytest.raises(ConfigError, match="openvino runs on the CPU here, not on cuda:0"):
        load("openvino", Wanted(Path("some.pt"), device="cuda:0"))
