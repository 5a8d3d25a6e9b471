"""An embedded bus; the staged road scene and what `wayside run` makes of it, rendered and analysed once for all."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from shared import topics
from shared.bus.memory import MemoryBus
from tests.staging import Staged, quick, stage_scene, wayside


@pytest.fixture(scope="session")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all processes that run the tests; each makes what it needs there unless another one has."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "common"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def staged(common: Path, shared_dir: Path) -> Staged:
    with FileLock(common / "staged.lock"):
        if not (done := common / "staged").is_file():
            stage_scene(common)
            done.touch()
    return Staged.within(common)


@pytest.fixture(scope="session")
def first_run(common: Path, staged: Staged) -> Path:
    """The folder that `wayside run` has filled."""
    out = common / "out"
    with FileLock(common / "out.lock"):
        if not (done := common / "ran").is_file():
            result = wayside("run", "--site", str(staged.site), "--out", str(out), env=quick())
            assert result.returncode == 0, result.stderr
            done.touch()
    return out


@pytest.fixture
def bus() -> Iterator[MemoryBus]:
    """With all topics."""
    bus = MemoryBus()
    bus.ensure_topics(topics.SPECS)
    yield bus
    bus.close()
