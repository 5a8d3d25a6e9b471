"""The weights that a training began from keep telling what they see."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor
from ultralytics.nn.tasks import DetectionModel

from training.detector.classes import COCO, NAMES, NEW, rows_for
from training.detector.rows import extended
from training.detector.trainer import Teacher, Truth

CAR = 2
ROWS = rows_for(COCO, NEW)


@pytest.fixture(scope="module")
def start() -> Any:
    """YOLO11n with COCO's names, which sees a car everywhere and nothing else."""
    torch.manual_seed(2)
    network: Any = DetectionModel("yolo11n.yaml", verbose=False).eval()
    network.names = dict(enumerate(COCO))
    with torch.no_grad():
        for branch in network.model[-1].cv3:
            branch[-1].weight.zero_()
            branch[-1].bias.fill_(-12.0)
            branch[-1].bias[CAR] = 3.0
    return network


@torch.no_grad()
def outputs(network: Any, pictures: Tensor) -> tuple[Tensor, Tensor]:
    seen = network(pictures)[1]
    return seen["scores"].float(), seen["boxes"].float()


def test_the_teacher_agrees_with_what_it_began_and_not_with_who_forgot_a_class(start: Any) -> None:
    pictures = torch.rand(2, 3, 64, 96)
    student = extended(copy.deepcopy(start), ROWS)
    scores, sides = outputs(student, pictures)
    teacher = Teacher(copy.deepcopy(start))
    same = teacher.loss(pictures, scores, sides)
    forgot = scores.clone()
    forgot[:, CAR] = -3.0
    moved = sides + 3 * torch.randn(sides.shape)
    assert teacher.loss(pictures, forgot, sides) > same + 1.0
    assert teacher.loss(pictures, scores, moved) > same


def test_where_it_sees_nothing_it_lets_new_things_be_learned(start: Any) -> None:
    blind = copy.deepcopy(start)
    with torch.no_grad():
        for branch in blind.model[-1].cv3:
            branch[-1].bias.fill_(-12.0)
    pictures = torch.rand(1, 3, 64, 96)
    scores, sides = outputs(extended(copy.deepcopy(start), ROWS), pictures)
    learned = scores.clone()
    learned[:, ROWS.index("cone")] = 4.0
    assert Teacher(blind).loss(pictures, learned, sides) < 0.02


def test_the_loss_reaches_the_student_only(start: Any) -> None:
    pictures = torch.rand(1, 3, 64, 64)
    scores, sides = (value.requires_grad_() for value in outputs(extended(copy.deepcopy(start), ROWS), pictures))
    teacher = Teacher(copy.deepcopy(start))
    teacher.loss(pictures, scores - 3.0, sides + torch.randn(sides.shape)).backward()
    assert scores.grad is not None
    assert scores.grad[:, CAR].abs().sum() > 0
    assert sides.grad is not None


def test_inside_a_box_of_another_class_it_lets_the_label_speak(start: Any) -> None:
    pictures = torch.rand(2, 3, 64, 96)
    scores, sides = outputs(extended(copy.deepcopy(start), ROWS), pictures)
    teacher, forgot = Teacher(copy.deepcopy(start)), scores.clone()
    forgot[:, CAR] = -3.0
    whole = torch.tensor([(0.5, 0.5, 1.0, 1.0)] * 2)
    shapes = [(8, 12), (4, 6), (2, 3)]

    def judged(*kinds: str) -> float:
        numbers = torch.tensor([NAMES.index(kind) for kind in kinds])
        labels = Truth(torch.arange(2), numbers, whole, shapes)
        return float(teacher.loss(pictures, forgot, sides, labels))

    assert judged("object", "bird") == 0.0
    assert judged("car", "car") == pytest.approx(float(teacher.loss(pictures, forgot, sides)))
    assert judged("car", "bird") > 1.0, "a label counts for its own picture"


def test_only_anchors_in_the_box_are_contradicted() -> None:
    left_half = torch.tensor([(0.25, 0.5, 0.5, 1.0)])
    labels = Truth(torch.tensor([1]), torch.tensor([NAMES.index("car")]), left_half, [(2, 4), (1, 2)])
    seen = torch.full((2, 10), NAMES.index("object"))
    found = labels.contradicts(seen)
    assert not found[0].any()
    assert found[1].tolist() == [True, True, False, False, True, True, False, False, True, False]
    assert not labels.contradicts(torch.full((2, 10), NAMES.index("car"))).any()
