"""The production alias moves again and again while frames flow through real Kafka: none is missing, none is doubled."""

import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from shared import topics
from shared.bus.kafka import KafkaBus
from shared.frames import Frame
from shared.settings import load_settings
from tests.swapping import PRODUCTION, Results, a_frame, await_true, detector, registry_with, send

pytestmark = [pytest.mark.redis, pytest.mark.kafka, pytest.mark.timeout(240)]

CAMERAS = [f"cam-{number}" for number in range(4)]
VERSIONS = 4
FPS = 25


def test_no_frame_is_lost_or_analysed_twice_while_models_are_swapped(
    tmp_path: Path, own_kafka: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    registry = registry_with(tmp_path / "registry", VERSIONS)
    settings = load_settings(
        model=f"models:/road@{PRODUCTION}", registry=str(tmp_path / "registry"), model_poll_s=0.2, imgsz=160,
        device="cpu", threads=1, batch=4,
    )  # fmt: skip
    bus = KafkaBus(own_kafka)
    bus.ensure_topics(topics.SPECS)
    results, camera_men = Results(bus), CameraMen(bus)
    with detector(bus, redis_url, settings):
        camera_men.start()
        for number in range(1, VERSIONS + 1):
            registry.point("road", PRODUCTION, number)
            await_true(lambda label=f"road@{number}": label in results.models(), f"road@{number} runs")
        sent = camera_men.stop()
        await_true(lambda: bus.lag(topics.DETECTOR_GROUP, topics.FRAMES) == 0, "the detector keeps up")

    told = results.read()
    seen = Counter((item.camera, item.frame.captured_at) for item in told)
    assert set(seen) == {(frame.camera, frame.captured_at) for frame in sent}
    assert set(seen.values()) == {1}
    assert len({frame.camera for frame in sent}) == len(CAMERAS)
    for camera in CAMERAS:
        models = [item.model for item in told if item.camera == camera]
        assert models == sorted(models), "a model came back after it was replaced"
    assert set(results.models()) == {f"road@{number}" for number in range(1, VERSIONS + 1)}
    results.close()
    bus.close()


class CameraMen:
    """All cameras send on one thread, at their rate, until told to stop."""

    def __init__(self, bus: KafkaBus) -> None:
        self._producer = bus.producer()
        self._sent: list[Frame] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.start = self._thread.start

    def _run(self) -> None:
        begin = time.monotonic()
        seq = 0
        while not self._stop.wait(max(0.0, begin + seq / FPS - time.monotonic())):
            frames = [a_frame(camera, seq, fps=FPS) for camera in CAMERAS]
            send(self._producer, frames)
            self._sent += frames
            seq += 1

    def stop(self) -> list[Frame]:
        self._stop.set()
        self._thread.join()
        self._producer.close()
        return self._sent
