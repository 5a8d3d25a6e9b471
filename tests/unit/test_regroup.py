"""Old classification rows become those of our classes."""

import copy
from typing import Any

import pytest
import torch
from ultralytics.nn.tasks import DetectionModel

from training.detector.classes import NAMES
from training.detector.regroup import between, regrouped

COCO_CAR, COCO_BIRD, COCO_ANIMALS = 2, 14, list(range(15, 24))


@pytest.fixture(scope="module")
def pair() -> tuple[Any, Any]:
    torch.manual_seed(5)
    network: Any = DetectionModel("yolo11n.yaml", verbose=False).eval()
    from ultralytics.utils import YAML
    from ultralytics.utils.checks import check_yaml

    network.names = YAML.load(check_yaml("coco8.yaml"))["names"]
    for branch in network.model[-1].cv3:
        torch.nn.init.normal_(branch[-1].weight)
        torch.nn.init.normal_(branch[-1].bias)
    return network, regrouped(copy.deepcopy(network))


@torch.inference_mode()
def logits(network: Any) -> torch.Tensor:
    torch.manual_seed(1)
    return network(torch.rand(1, 3, 64, 64))[1]["scores"][0]  # type: ignore[no-any-return]


def test_a_class_that_stands_for_one_keeps_its_row_and_one_for_several_their_mean(pair: tuple[Any, Any]) -> None:
    before, after = logits(pair[0]), logits(pair[1])
    assert after.shape[0] == len(NAMES)
    assert torch.allclose(after[NAMES.index("car")], before[COCO_CAR], atol=1e-5)
    assert torch.allclose(after[NAMES.index("bird")], before[COCO_BIRD], atol=1e-5)
    assert torch.allclose(after[NAMES.index("animal")], before[COCO_ANIMALS].mean(dim=0), atol=1e-4)


def test_a_class_that_stands_for_none_starts_silent(pair: tuple[Any, Any]) -> None:
    assert torch.all(logits(pair[1])[NAMES.index("cone")].sigmoid() < 0.001)


def test_halfway_lies_halfway(pair: tuple[Any, Any]) -> None:
    start = pair[1]
    tuned = copy.deepcopy(start)
    with torch.no_grad():
        for parameter in tuned.parameters():
            parameter += 1.0
    name = "model.0.conv.weight"
    halfway = between(start, tuned, 0.5)
    assert torch.allclose(halfway[name], start.state_dict()[name] + 0.5)
    assert between(start, tuned, 0.0)[name].equal(start.state_dict()[name])
    assert between(start, tuned, 1.0)[name].equal(tuned.state_dict()[name])
    assert set(halfway) == set(tuned.state_dict())
