"""A candidate in the shadow of production, on frames of a real road: what it says is compared and changes nothing."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from services.detector.backends.torch import TorchBackend
from services.detector.compare import MIN_SCORE
from services.detector.heads.file import load_head, save_head
from services.detector.heads.find import find_heads
from services.detector.shadow import Shadow
from services.detector.stage import DetectorStage
from services.detector.worker import Done
from services.producer.reader import read_once
from shared import topics
from shared.bus.base import Bus
from shared.bus.memory import MemoryBus
from shared.comparison import ModelComparison
from shared.exceptions import ModelError
from shared.frames import Frame
from shared.registry import CANDIDATE
from shared.settings import Settings, load_settings
from shared.site import Camera
from tests.detecting import detect
from tests.swapping import WEIGHTS, Results, await_true, detector, registry_with, send

pytestmark = pytest.mark.shared

PRODUCTION = "yolo11n-coco"
FRAMES = 8


@pytest.fixture(scope="module")
def frames(shared_dir: Path) -> list[Frame]:
    """The highway's first frames, one in 10 s, so that they reach into a second minute."""
    camera = Camera(id="highway", source=str(shared_dir / "clips" / "highway.mp4"), fps=1)
    read = itertools.islice(read_once(camera, run="night"), FRAMES)
    return [
        Frame(item.camera, item.seq, item.seq * 10_000_000_000, item.width, item.height, item.jpeg, item.run)
        for item in read
    ]


def settings_of(shadow: str, **more: object) -> Settings:
    return load_settings(model=PRODUCTION, shadow=shadow, device="cpu", threads=1, **more)


@pytest.mark.redis
def test_a_shadow_is_compared_and_changes_no_result(
    frames: Sequence[Frame], bus: MemoryBus, redis_url: str, shared_dir: Path
) -> None:
    alone = DetectorStage(TorchBackend(shared_dir / "models" / f"{PRODUCTION}.pt", device="cpu", threads=1))
    expected = detect(alone, [alone.decode(frame) for frame in frames])
    alone.close()
    results, producer = Results(bus), bus.producer()
    send(producer, frames)
    with detector(bus, redis_url, settings_of(str(WEIGHTS))):
        await_true(lambda: bus.lag(topics.DETECTOR_GROUP, topics.FRAMES) == 0, "all frames are done")
    told = results.read()
    assert [(item.model, item.objects) for item in told] == [(item.model, item.objects) for item in expected]

    first, second = comparisons(bus)
    assert (first.frames, second.frames) == (6, 2)
    assert (first.start, first.end) == (frames[0].captured_at, frames[5].captured_at)
    assert {first.production, second.production} == {told[0].model}
    assert first.candidate.startswith("wayside-n@")
    assert (first.run, first.camera) == ("night", "highway")
    strong = Counter(thing.label for item in told for thing in item.objects if thing.score >= MIN_SCORE)
    counted: Counter[str] = Counter()
    for item in (*first.classes, *second.classes):
        counted[item.label] += item.agreed + item.only_production
    assert +counted == strong
    car = next(item for item in first.classes if item.label == "car")
    assert car.agreed > 10
    assert car.mean_iou is not None
    assert car.mean_iou > 0.8
    assert first.production_ms > 0
    assert first.candidate_ms > 0


def comparisons(bus: Bus) -> list[ModelComparison]:
    consumer = bus.consumer([topics.MODEL_COMPARISONS], group=None)
    records = consumer.poll(100, timeout_s=0)
    consumer.close()
    return [ModelComparison.from_bytes(record.value) for record in records]


@dataclass
class Production:
    """What production hands to the shadow, batch by batch."""

    stage: DetectorStage
    frames: Sequence[Frame]

    def done(self, index: int) -> Done:
        decoded = [self.stage.decode(self.frames[index])]
        return Done(decoded, detect(self.stage, decoded), 0.01)


@pytest.fixture(scope="module")
def production(frames: Sequence[Frame]) -> Iterator[Production]:
    stage = DetectorStage(TorchBackend(WEIGHTS, device="cpu", threads=1))
    yield Production(stage, frames)
    stage.close()


def test_the_same_model_agrees_with_itself_on_its_share_of_the_batches(bus: MemoryBus, production: Production) -> None:
    shadow = Shadow(settings_of(str(WEIGHTS), shadow_share=0.5), [], bus.producer())
    for index in range(6):
        shadow.look(production.done(index))
    shadow.close()
    (told,) = comparisons(bus)
    assert told.frames == 3
    assert [(item.only_production, item.only_candidate) for item in told.classes] == [(0, 0)] * len(told.classes)
    assert {(item.mean_iou, item.mean_score_difference) for item in told.classes} == {(1.0, 0.0)}


def test_a_candidate_of_a_head_is_compared_on_the_model_in_production(
    bus: MemoryBus, frames: Sequence[Frame], tmp_path: Path
) -> None:
    old = find_heads("pavement,visibility")
    stage = DetectorStage(TorchBackend(WEIGHTS, device="cpu", threads=1, heads=old))
    net, spec = load_head(WEIGHTS.parent / "heads" / "visibility.safetensors")
    save_head(tmp_path / "visibility.safetensors", net, spec.model_copy(update={"threshold": 1e-6}))
    heads = f"pavement,{tmp_path / 'visibility.safetensors'}"
    shadow = Shadow(load_settings(model=str(WEIGHTS), shadow_heads=heads, device="cpu", threads=1), [], bus.producer())
    told = Production(stage, frames)
    judged = [told.done(index) for index in range(4)]
    for done in judged:
        shadow.look(done)
    shadow.close()
    stage.close()
    (message,) = comparisons(bus)
    assert message.production == message.candidate
    pavement, visibility = message.heads
    assert (pavement.name, pavement.frames, pavement.agreed, pavement.mean_difference) == ("pavement", 4, 4, 0.0)
    assert pavement.production == pavement.candidate
    assert visibility.production != visibility.candidate
    # The candidate calls the least doubt not clear.
    clear = [
        result.probabilities["clear"]
        for done in judged for item in done.detections for result in item.heads
        if result.name == "visibility" and result.label == "clear"
    ]  # fmt: skip
    doubtful = sum(value < 1 for value in clear)
    assert doubtful > 0
    assert (visibility.frames, visibility.agreed) == (4, 4 - doubtful)
    assert (visibility.only_production, visibility.only_candidate) == (0, doubtful)


def test_an_error_stops_the_shadow_and_nothing_else(
    bus: MemoryBus, production: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("out of memory")

    def errors() -> float:
        return REGISTRY.get_sample_value("wayside_errors_total", {"service": "detector", "kind": "shadow"}) or 0.0

    shadow, before = Shadow(settings_of(str(WEIGHTS)), [], bus.producer()), errors()
    done = production.done(0)
    with monkeypatch.context() as patch:
        patch.setattr(DetectorStage, "infer", fail)
        shadow.look(done)
    assert errors() == before + 1
    shadow.look(done)
    shadow.close()
    assert comparisons(bus) == []
    assert errors() == before + 1


def test_a_candidate_that_comes_later_is_taken_up(
    bus: MemoryBus, production: Production, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    registry = registry_with(tmp_path / "registry", 1)
    alias = f"models:/road@{CANDIDATE}"
    settings = settings_of(alias, registry=str(tmp_path / "registry"), model_poll_s=0.05)
    shadow = Shadow(settings, [], bus.producer())
    shadow.look(production.done(0))
    registry.point("road", CANDIDATE, 1)
    done = production.done(1)

    def runs() -> bool:
        shadow.look(done)
        return REGISTRY.get_sample_value("wayside_model_info", {"role": "shadow", "version": "road@1"}) == 1

    await_true(runs, "the candidate runs")
    shadow.look(done)
    shadow.close()
    (told,) = comparisons(bus)
    assert told.candidate == "road@1"
    assert told.start == done.frames[0].captured_at


def test_a_shadow_that_is_nowhere_is_refused_at_the_start(bus: MemoryBus) -> None:
    with pytest.raises(ModelError, match="no such weights file"):
        Shadow(settings_of("/nowhere/road.safetensors"), [], bus.producer())
