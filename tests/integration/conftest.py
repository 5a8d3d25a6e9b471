"""The staged road scene and what `wayside run` makes of it: rendered and analysed once for all tests that need it."""

from pathlib import Path

import pytest

from tests.staging import Staged, stage_scene, wayside


@pytest.fixture(scope="session")
def staged(tmp_path_factory: pytest.TempPathFactory, shared_dir: Path) -> Staged:
    return stage_scene(tmp_path_factory.mktemp("staged"))


@pytest.fixture(scope="session")
def first_run(staged: Staged) -> Path:
    """The folder that `wayside run` has filled."""
    out = staged.site.parent / "out"
    done = wayside("run", "--site", str(staged.site), "--out", str(out))
    assert done.returncode == 0, done.stderr
    return out
