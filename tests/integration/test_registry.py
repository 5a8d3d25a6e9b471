"""The model registry in a folder, and on MLflow's own server."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import shared.mlflow_store
from shared.exceptions import ModelError
from shared.registry import CANDIDATE, PREVIOUS, PRODUCTION, Registry

ROOT = Path(__file__).resolve().parents[2]
FIGURES = {"map50_95": 0.5, "ap50_95/car": 0.625}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of an MLflow server."""
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tests.mlflow_server", str(folder), str(port)]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT) as process:
        url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 90
        while not _answers(url):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.2)
        yield url
        process.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=5).is_success
    except httpx.TransportError:
        return False


@pytest.fixture(params=["folder", "server"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Registry:
    where = request.getfixturevalue("server") if request.param == "server" else str(tmp_path / "registry")
    return Registry(where)


def files(folder: Path, content: bytes = b"weights") -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    weights, card = folder / "small.safetensors", folder / "small.md"
    weights.write_bytes(content)
    card.write_text("# small\n")
    return [weights, card]


def test_versions_have_figures_lineage_aliases_and_notes(registry: Registry, tmp_path: Path) -> None:
    first = registry.register("small", "detector", files(tmp_path), figures=FIGURES, lineage={"command": "wayside …"})
    second = registry.register("small", "detector", files(tmp_path, b"other"), figures={}, lineage={}, alias=PRODUCTION)
    other = registry.register("spill", "head", files(tmp_path), figures={"f1": 1.0}, lineage={}, alias=None)
    assert [first.label, second.label, other.label] == ["small@1", "small@2", "spill@1"]
    assert (first.kind, first.figures, first.lineage) == ("detector", FIGURES, {"command": "wayside …"})
    assert first.aliases == {CANDIDATE}
    assert second.aliases == {PRODUCTION}
    assert registry.resolve("models:/small@production") == second
    assert registry.resolve("models:/small/1") == first
    registry.point("small", PRODUCTION, 1)
    registry.point("small", PREVIOUS, 2)
    registry.point("small", CANDIDATE, None)
    registry.point("small", CANDIDATE, None)
    registry.note(first, "event.1", "promoted")
    assert [(item.label, set(item.aliases)) for item in registry.versions("small")] == [
        ("small@1", {PRODUCTION}),
        ("small@2", {PREVIOUS}),
    ]
    assert registry.resolve("models:/small@production").notes == {"event.1": "promoted"}
    assert {"small@1", "small@2", "spill@1"} <= {item.label for item in registry.versions()}
    assert registry.versions("nothing") == []


def test_a_version_is_fetched_once_with_its_card(registry: Registry, tmp_path: Path) -> None:
    version = registry.register("fetched", "detector", files(tmp_path), figures={}, lineage={})
    path = registry.fetch(version, tmp_path / "cache")
    assert path.read_bytes() == b"weights"
    assert (path.parent / "small.md").read_text() == "# small\n"
    path.with_name("small.md").unlink()
    assert registry.fetch(version, tmp_path / "cache") == path
    assert not path.with_name("small.md").exists(), "it was fetched again"
    assert [item.name for item in path.parent.parent.iterdir()] == [path.parent.name]


def test_what_is_not_there_is_one_line(registry: Registry, tmp_path: Path) -> None:
    registry.register("known", "head", files(tmp_path), figures={}, lineage={})
    for reference in ("models:/unknown@production", "models:/known@production", "models:/known/7", "models:/Known/1"):
        with pytest.raises(ModelError, match=reference) as raised:
            registry.resolve(reference)
        assert "\n" not in str(raised.value)
    with pytest.raises(ModelError):
        registry.point("known", PRODUCTION, 7)
    with pytest.raises(ModelError, match="lower-case"):
        registry.register("Too Loud", "head", files(tmp_path), figures={}, lineage={})


def test_another_teams_model_on_the_server_is_left_alone(server: str, tmp_path: Path) -> None:
    registry = Registry(server)
    client = registry._mlflow
    client.create_registered_model("forecast")
    run = client.create_run(client.create_experiment("theirs")).info
    client.create_model_version("forecast", f"{run.artifact_uri}/model", run.run_id)
    assert "forecast" not in {item.name for item in registry.versions()}
    with pytest.raises(ModelError, match="not registered by Wayside"):
        registry.resolve("models:/forecast/1")


def test_a_file_that_was_changed_in_the_registry_is_refused(tmp_path: Path) -> None:
    registry = Registry(str(tmp_path / "registry"))
    version = registry.register("small", "detector", files(tmp_path), figures={}, lineage={})
    (kept,) = (tmp_path / "registry").rglob("small.safetensors")
    kept.write_bytes(b"damaged")
    with pytest.raises(ModelError, match="not the file that was registered"):
        registry.fetch(version, tmp_path / "cache")
    kept.unlink()
    with pytest.raises(ModelError):
        registry.fetch(version, tmp_path / "cache")
    assert list((tmp_path / "cache" / "small").iterdir()) == []


def test_a_cache_keeps_two_registries_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        registry = Registry(str(tmp_path / name))
        version = registry.register("small", "head", files(tmp_path, name.encode()), figures={}, lineage={})
        assert registry.fetch(version, tmp_path / "cache").read_bytes() == name.encode()


def test_every_page_of_a_search_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared.mlflow_store, "PAGE", 2)
    registry = Registry(str(tmp_path / "registry"))
    for number in range(5):
        registry.register(f"model-{number}", "head", files(tmp_path), figures={}, lineage={})
    assert [item.name for item in registry.versions()] == [f"model-{number}" for number in range(5)]


REGISTER = """
import sys
from pathlib import Path
from shared.registry import Registry

registry = Registry(sys.argv[1])
version = registry.register("small", "head", [Path(sys.argv[2])], figures={"f1": 1.0}, lineage={"command": "test"})
registry.fetch(version, Path(sys.argv[3]))
"""


def test_processes_that_open_a_new_registry_at_once_all_register_and_say_nothing(tmp_path: Path) -> None:
    weights = files(tmp_path)[0]
    arguments = [sys.executable, "-c", REGISTER, str(tmp_path / "registry"), str(weights), str(tmp_path / "cache")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PYTEST_"))}
    started = [
        subprocess.Popen(
            arguments, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(3)
    ]
    told = [process.communicate(timeout=120)[0] for process in started]
    assert told == ["", "", ""]
    assert [item.number for item in Registry(str(tmp_path / "registry")).versions("small")] == [1, 2, 3]


def test_a_registry_that_cannot_be_reached_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "mlflow.db").write_bytes(b"no database at all" * 100)
    for where in (str(tmp_path / "file"), str(broken), "http://127.0.0.1:9"):
        with pytest.raises(ModelError, match="model registry") as raised:
            Registry(where)
        assert where in str(raised.value)
        assert "\n" not in str(raised.value)
