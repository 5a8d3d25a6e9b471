"""Detectors that follow the registry, on the embedded bus: weights and heads are swapped, bad versions left alone."""

import gc
import os
import weakref
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from services.detector.source import Source, load_stage, release
from shared import topics
from shared.bus.memory import MemoryBus
from shared.exceptions import ModelError
from shared.registry import Registry
from shared.settings import Settings, load_settings
from tests.staging import wayside
from tests.swapping import MODELS, PRODUCTION, WEIGHTS, Results, a_frame, await_true, detector, registry_with, send

ROAD = f"models:/road@{PRODUCTION}"
VISIBILITY = f"models:/visibility@{PRODUCTION}"
HEAD = MODELS / "heads" / "visibility.safetensors"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two good versions of a detector and a broken one, two of a head."""
    folder = tmp_path_factory.mktemp("registry")
    registry_with(folder, 2, name="visibility", file=HEAD, kind="head")
    broken = folder / "broken.safetensors"
    broken.write_bytes(WEIGHTS.read_bytes()[:100_000])
    registry_with(folder, 2).register("road", "detector", [broken], figures={}, lineage={}, alias=None)
    return folder


@pytest.fixture
def settings(tmp_path: Path, registry: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return load_settings(model=ROAD, registry=str(registry), model_poll_s=0.05, imgsz=160, device="cpu", threads=1)


def changed(settings: Settings, **fields: str) -> Settings:
    return settings.model_copy(update=fields)


@pytest.mark.redis
def test_weights_and_heads_are_swapped_and_a_broken_version_is_not(settings: Settings, redis_url: str) -> None:
    registry = Registry(settings.registry)
    bus = MemoryBus()
    bus.ensure_topics(topics.SPECS)
    results, producer = Results(bus), bus.producer()
    sent = 0

    def await_versions(model: str, head: str) -> None:
        def run() -> bool:
            nonlocal sent
            send(producer, [a_frame("cam", sent)])
            sent += 1
            told = results.read()
            return bool(told) and (told[-1].model, [item.version for item in told[-1].heads]) == (model, [head])

        await_true(run, f"{model} with {head}")

    failed = swaps("failed")
    swapped = swaps("swapped")
    with detector(bus, redis_url, changed(settings, heads=VISIBILITY)):
        await_versions("road@1", "visibility@1")
        registry.point("visibility", PRODUCTION, 2)
        await_versions("road@1", "visibility@2")
        registry.point("road", PRODUCTION, 2)
        await_versions("road@2", "visibility@2")
        registry.point("road", PRODUCTION, 3)
        await_true(lambda: swaps("failed") == failed + 1, "the broken version was tried")
        for _ in range(3):
            await_versions("road@2", "visibility@2")
        assert REGISTRY.get_sample_value("wayside_model_info", {"role": "production", "version": "road@2"}) == 1
        assert REGISTRY.get_sample_value("wayside_model_info", {"role": "production", "version": "road@1"}) is None
        registry.point("road", PRODUCTION, 1)
        await_versions("road@1", "visibility@2")
        await_true(lambda: bus.lag(topics.DETECTOR_GROUP, topics.FRAMES) == 0, "all frames are done")
    assert swaps("failed") == failed + 1
    assert swaps("swapped") == swapped + 3
    assert [item.seq for item in results.read()] == list(range(sent))
    bus.close()


def swaps(outcome: str) -> float:
    return REGISTRY.get_sample_value("wayside_model_swaps_total", {"role": "production", "outcome": outcome}) or 0.0


def test_a_number_is_fixed_and_an_alias_is_followed(settings: Settings) -> None:
    stage = load_stage(settings, [])
    assert stage.backend.version == "road@1"
    stage.close()
    assert Source(settings).follows
    assert Source(changed(settings, model="models:/road/1", heads=VISIBILITY)).follows
    fixed = Source(changed(settings, model="models:/road/2"))
    assert not fixed.follows
    assert [version.label for version in fixed.resolve().values()] == ["road@2"]
    file = Source(changed(settings, model=str(WEIGHTS)))
    assert not file.follows
    assert file.resolve() == {}


def test_a_head_is_no_detector(settings: Settings) -> None:
    source = Source(changed(settings, model=VISIBILITY))
    with pytest.raises(
        ModelError, match=r"visibility@production \(visibility@\d\) is a head; a detector is needed here"
    ):
        source.load(source.resolve())


def test_a_released_stage_leaves_no_network_behind(settings: Settings) -> None:
    source = Source(changed(settings, model=str(WEIGHTS)))
    stage = source.load(source.resolve())
    stage.infer([stage.decode(a_frame("cam", 0))])
    network = weakref.ref(stage.backend.network)  # type: ignore[attr-defined]
    gc.disable()
    try:
        release(stage)
        del stage
        assert network() is None
    finally:
        gc.enable()


def test_a_start_without_the_version_is_refused_with_one_line(tmp_path: Path, settings: Settings) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    (frames / "0.jpg").write_bytes(a_frame("cam", 0).jpeg)
    site = tmp_path / "site.yaml"
    site.write_text(f"site: test\ncameras:\n  - id: cam\n    source: {frames}\n    fps: 1\n    zones: []\n")
    done = wayside(
        "run", "--site", str(site), "--out", str(tmp_path / "out"), "--model", "models:/road@candidate",
        env={**os.environ, "WAYSIDE_REGISTRY": settings.registry},
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith(f"wayside: models:/road@candidate: model registry {settings.registry}: ")
