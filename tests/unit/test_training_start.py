"""Which weights a training begins from."""

from pathlib import Path

import pytest

from training.models.heads import weights_version


def test_weights_in_the_folder_of_the_setting_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "only-there.pt").write_bytes(b"weights")
    monkeypatch.setenv("WAYSIDE_MODELS", str(tmp_path))
    assert weights_version("only-there") == "only-there@9a129038"
