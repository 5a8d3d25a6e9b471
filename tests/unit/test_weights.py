"""Finding weights by name."""

from pathlib import Path

import pytest

from services.detector import weights
from services.detector.heads.find import find_heads
from services.detector.weights import find_weights, version_of
from shared.exceptions import ConfigError, ModelError


def test_a_name_is_found_in_the_given_folder_and_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "road.pt"
    file.write_bytes(b"weights")
    assert find_weights("road", tmp_path) == file
    assert find_weights("road.pt", tmp_path) == file
    assert find_weights(str(file)) == file


def test_the_version_names_the_file_and_its_digest(tmp_path: Path) -> None:
    file = tmp_path / "road.pt"
    file.write_bytes(b"weights")
    assert version_of(file) == "road@9a129038"
    file.write_bytes(b"other")
    assert version_of(file) != "road@9a129038"


def test_a_missing_path_says_so() -> None:
    with pytest.raises(ModelError, match=r"/nowhere/road.pt: no such weights file"):
        find_weights("/nowhere/road.pt")


def test_when_none_is_to_be_had_one_line_says_where_it_looked_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*args: object, **options: object) -> str:
        raise ConnectionError("no route to the download")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("ultralytics.utils.downloads.attempt_download_asset", offline)
    with pytest.raises(ModelError) as raised:
        find_weights("no-such-model", tmp_path)
    text = str(raised.value)
    assert "\n" not in text
    assert str(tmp_path) in text
    assert "no route to the download" in text
    assert "WAYSIDE_MODELS" in text


def test_our_folders_come_before_the_download(tmp_path: Path) -> None:
    folders = weights.model_folders(tmp_path)
    assert folders[0] == Path("models").resolve()
    assert tmp_path.resolve() in folders
    beside = (Path(weights.__file__).parents[3] / "shared" / "models").resolve()  # it may be a link
    assert folders.index(tmp_path.resolve()) < folders.index(beside)


def test_a_reference_to_the_registry_is_no_file_name() -> None:
    with pytest.raises(ModelError, match="models:/road@production: models of the registry are not read here"):
        find_weights("models:/road@production")
    with pytest.raises(ConfigError, match="models:/fog/2: heads of the registry are not read here"):
        find_heads("models:/fog/2")
