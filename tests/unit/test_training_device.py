"""Where a training runs, by the names that detectors know."""

import pytest
import torch

from shared.exceptions import ConfigError
from training.detector.device import training_device


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: request.param > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: request.param)


@pytest.mark.parametrize(
    ("gpus", "wanted", "found"),
    [
        (0, "auto", "cpu"), (0, "cpu", "cpu"), (2, "auto", "0"), (2, "cpu", "cpu"), (2, "cuda", "0"),
        (2, "cuda:1", "1"), (2, "1", "1"),
    ],
    indirect=["gpus"],
)  # fmt: skip
def test_the_first_gpu_is_taken_where_there_is_one(gpus: None, wanted: str, found: str) -> None:
    assert training_device(wanted) == found


@pytest.mark.parametrize(
    ("gpus", "wanted", "message"),
    [
        (0, "cuda", "there is no CUDA device here; give auto or cpu"),
        (2, "cuda:2", "there are 2 CUDA devices here"),
        (2, "gpu", "give auto, cpu, cuda or cuda:N"),
        (2, "cuda:", "give auto, cpu, cuda or cuda:N"),
    ],
    indirect=["gpus"],
)
def test_what_is_not_there_is_one_line(gpus: None, wanted: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        training_device(wanted)
