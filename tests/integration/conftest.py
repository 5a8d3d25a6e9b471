"""An embedded bus; the staged road scene and what `wayside run` makes of it, rendered and analysed once for all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared import topics
from shared.bus.memory import MemoryBus
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


@pytest.fixture
def bus() -> Iterator[MemoryBus]:
    """With all topics."""
    bus = MemoryBus()
    bus.ensure_topics(topics.SPECS)
    yield bus
    bus.close()
