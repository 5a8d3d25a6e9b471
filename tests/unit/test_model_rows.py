"""A detector that learns further classes keeps what it knows."""

import copy
from typing import Any

import pytest
import torch
from ultralytics.nn.tasks import DetectionModel

from training.detector.classes import COCO, NEW, rows_for
from training.detector.rows import between, extended, names_of

ROWS = rows_for(COCO, [*NEW, "animal"])
COCO_ANIMALS = list(range(15, 24))


@pytest.fixture(scope="module")
def pair() -> tuple[Any, Any]:
    torch.manual_seed(5)
    network: Any = DetectionModel("yolo11n.yaml", verbose=False).eval()
    network.names = dict(enumerate(COCO))
    for branch in network.model[-1].cv3:
        torch.nn.init.normal_(branch[-1].weight)
        torch.nn.init.normal_(branch[-1].bias)
    return network, extended(copy.deepcopy(network), ROWS)


@torch.inference_mode()
def logits(network: Any) -> torch.Tensor:
    torch.manual_seed(1)
    return network(torch.rand(1, 3, 64, 64))[1]["scores"][0]  # type: ignore[no-any-return]


def test_the_old_rows_say_what_they_said(pair: tuple[Any, Any]) -> None:
    before, after = logits(pair[0]), logits(pair[1])
    assert names_of(pair[1]) == ROWS
    assert after.shape[0] == len(COCO) + 3
    assert torch.allclose(after[: len(COCO)], before, atol=1e-5)


def test_a_new_row_starts_from_those_that_are_published_alike_or_silent(pair: tuple[Any, Any]) -> None:
    before, after = logits(pair[0]), logits(pair[1])
    assert torch.allclose(after[ROWS.index("animal")], before[COCO_ANIMALS].mean(dim=0), atol=1e-4)
    for name in NEW:
        assert torch.all(after[ROWS.index(name)].sigmoid() < 0.001)


def test_other_rows_in_front_are_refused(pair: tuple[Any, Any]) -> None:
    with pytest.raises(ValueError, match="first rows"):
        extended(copy.deepcopy(pair[0]), ["cone", *COCO])


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
