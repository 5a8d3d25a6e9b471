"""A detector whose forward pass takes a known time, so that its capacity is known on any machine."""

import time
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from services.detector.backends.base import Boxes, Inner, Output
from services.detector.source import Source
from services.detector.stage import DetectorStage
from shared.site import Camera


class SlowBackend:
    """Sleeps for each picture and finds nothing.

    Attributes:
        asked: pictures of which the heads were asked.
    """

    version, name, precision = "slow@1", "slow", "float32"
    device_name, parallel, stride = "cpu", 1, 32
    labels: Sequence[str] = ["car"]

    def __init__(self, seconds: float) -> None:
        self._seconds, self.asked = seconds, 0

    def forward(
        self, batch: NDArray[np.uint8], features: Sequence[int] = (), inner: Sequence[Inner | None] | None = None
    ) -> Output:
        time.sleep(self._seconds * len(batch))
        self.asked += sum(place is not None for place in inner or ())
        nothing = Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
        return Output([nothing] * len(batch), heads=[()] * len(batch))

    def join_parallel(self) -> None:
        pass


def use_slow_model(monkeypatch: pytest.MonkeyPatch, seconds: float, cameras: Sequence[Camera]) -> SlowBackend:
    """Every detector of this process takes so long for a picture."""
    backend = SlowBackend(seconds)
    stage = DetectorStage(backend, imgsz=160, cameras=cameras, heads_every_s=1.0)
    monkeypatch.setattr(Source, "resolve", lambda self: {})
    monkeypatch.setattr(Source, "load", lambda self, versions: stage)
    return backend
