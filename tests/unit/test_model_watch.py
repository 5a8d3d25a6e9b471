"""Following an alias, without a registry, a network or a clock: `check` is what the thread does every few seconds."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.detector.watch import Watch
from shared.exceptions import ModelError

ALIAS = "models:/road@production"


class Stage:
    """A stage that only knows its version and whether it was released."""

    def __init__(self, version: str) -> None:
        self.backend = SimpleNamespace(version=version)
        self.tried: list[object] = []
        self.closed = self.fails = False

    def decode(self, frame: object) -> object:
        return frame

    def decode_all(self, frames: Sequence[object]) -> list[object]:
        return list(frames)

    def infer(self, decoded: Sequence[object]) -> None:
        self.tried += decoded
        if self.fails:
            raise ValueError("no such layer")

    def close(self) -> None:
        self.closed = True


class Source:
    """The alias means `number`; what is in `broken` cannot be loaded, what is in `weak` fails at its first pass."""

    follows = True

    def __init__(self) -> None:
        self.number = 1
        self.error: Exception | None = None
        self.broken: set[int] = set()
        self.weak: set[int] = set()
        self.loaded: list[int] = []
        self.stages: list[Stage] = []
        self.while_loading: Callable[[], object] = lambda: None

    def resolve(self) -> dict[str, Any]:
        if self.error:
            raise self.error
        return {ALIAS: SimpleNamespace(label=f"road@{self.number}", number=self.number)}

    def load(self, versions: dict[str, Any]) -> Stage:
        version = versions[ALIAS]
        self.loaded.append(version.number)
        self.while_loading()
        if version.number in self.broken:
            raise RuntimeError("size mismatch\nfor layer 3")
        self.stages.append(Stage(version.label))
        self.stages[-1].fails = version.number in self.weak
        return self.stages[-1]


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def watch(source: Source) -> Watch:
    return Watch(source, source.resolve(), "production")  # type: ignore[arg-type]


def look(watch: Watch, source: Source, number: int) -> str | None:
    """The version that the loop would go on with after one look at the registry."""
    source.number = number
    watch.check()
    stage = watch.take()
    return stage.backend.version if stage else None


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_nothing_is_loaded_while_the_alias_stays(watch: Watch, source: Source) -> None:
    assert look(watch, source, 1) is None
    assert source.loaded == []


def test_another_version_is_tried_on_recent_frames_and_handed_over_once(watch: Watch, source: Source) -> None:
    assert look(watch, source, 2) == "road@2"
    assert source.stages[0].tried  # with no frame yet, on a blank one
    assert watch.take() is None
    assert look(watch, source, 2) is None
    assert look(watch, source, 1) == "road@1"
    assert source.loaded == [2, 1]


def test_a_version_that_cannot_be_loaded_is_told_once_and_tried_again_only_when_the_alias_moves(
    watch: Watch, source: Source
) -> None:
    source.broken = {2}
    before = counted("wayside_model_swaps_total", role="production", outcome="failed")
    with capture_logs() as logs:
        assert [look(watch, source, number) for number in (2, 2, 2)] == [None] * 3
        assert source.loaded == [2]
        assert look(watch, source, 1) is None  # runs already: nothing to load
        assert look(watch, source, 2) is None
        assert look(watch, source, 3) == "road@3"
    assert source.loaded == [2, 2, 3]
    told = [line for line in logs if line["event"] == "model not taken"]
    assert [(line["model"], line["error"]) for line in told] == [("road@2", "RuntimeError: size mismatch")] * 2
    assert counted("wayside_model_swaps_total", role="production", outcome="failed") == before + 2


def test_a_version_that_fails_at_its_first_pass_is_released_and_never_handed_over(watch: Watch, source: Source) -> None:
    source.weak = {2}
    assert look(watch, source, 2) is None
    assert source.stages[0].closed
    assert look(watch, source, 3) == "road@3"


def test_an_unreachable_registry_is_told_once_per_outage_and_counted_each_time(watch: Watch, source: Source) -> None:
    before = counted("wayside_errors_total", service="detector", kind="registry")
    with capture_logs() as logs:
        for error in (ModelError("registry x: refused"), OSError("gone"), None, ModelError("registry x: refused")):
            source.error = error
            assert look(watch, source, 1) is None
        source.error = None
        assert look(watch, source, 2) == "road@2"
    assert [line["error"] for line in logs if line["log_level"] == "warning"] == ["registry x: refused"] * 2
    assert counted("wayside_errors_total", service="detector", kind="registry") == before + 3


def test_a_stage_that_nobody_took_is_released_when_the_alias_moves_on(watch: Watch, source: Source) -> None:
    source.number = 2
    watch.check()
    assert look(watch, source, 3) == "road@3"
    assert [stage.closed for stage in source.stages] == [True, False]


def test_a_stage_that_nobody_took_is_released_when_the_alias_comes_back(watch: Watch, source: Source) -> None:
    source.number = 2
    watch.check()
    assert look(watch, source, 1) is None
    assert source.stages[0].closed
    assert look(watch, source, 2) == "road@2"


def test_a_swap_while_the_next_version_loads_is_not_lost(watch: Watch, source: Source) -> None:
    source.number = 2
    watch.check()
    taken: list[str] = []
    source.while_loading = lambda: taken.append(watch.take().backend.version)  # type: ignore[union-attr]
    source.number = 3
    watch.check()
    source.while_loading = lambda: None
    assert taken == ["road@2"]
    assert watch.take().backend.version == "road@3"  # type: ignore[union-attr]
    assert look(watch, source, 3) is None
    assert look(watch, source, 2) == "road@2"


def test_where_nothing_runs_yet_the_first_version_is_loaded(source: Source) -> None:
    watch = Watch(source, None, "shadow")  # type: ignore[arg-type]
    source.error = ModelError("no candidate")
    assert look(watch, source, 1) is None
    source.error = None
    assert look(watch, source, 1) == "road@1"


def test_the_thread_looks_by_itself_and_ends(watch: Watch, source: Source) -> None:
    source.number = 2
    watch.start(every_s=0.01)
    while watch.ready is None:
        pass
    watch.close()
    assert source.stages[0].closed
    source.follows = False  # type: ignore[misc]
    fixed = Watch(source, source.resolve(), "production")  # type: ignore[arg-type]
    fixed.start(every_s=0.01)
    source.number = 3
    fixed.close()
    assert source.loaded == [2]
