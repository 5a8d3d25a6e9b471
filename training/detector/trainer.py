"""Ultralytics's training of a detector with our classes, in bfloat16 where the CPU multiplies such matrices itself."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.nn.tasks import DetectionModel

from training.detector.classes import NAMES, own_class
from training.detector.rows import extended, names_of

# How much agreement with the teacher counts beside the labels: classes, and the distributions of the boxes' sides.
_SCORES, _SIDES = 2.0, 0.5


@dataclass(frozen=True, eq=False)
class Truth:
    """The labels of a batch.

    Attributes:
        picture: (L,) number of each label's picture.
        kind: (L,) number of its own class in `NAMES`.
        boxes: (L, 4) middle, width and height in 0..1.
        shapes: rows and columns of anchors of each level, in the order of the anchors.
    """

    picture: Tensor
    kind: Tensor
    boxes: Tensor
    shapes: Sequence[tuple[int, int]]

    def contradicts(self, seen: Tensor) -> Tensor:
        """(N, anchors) booleans: the anchor lies in labelled boxes, none of which is of the class `seen` there."""
        middles = [
            torch.cartesian_prod((torch.arange(rows) + 0.5) / rows, (torch.arange(columns) + 0.5) / columns).flip(1)
            for rows, columns in self.shapes
        ]
        away = (torch.cat(middles).to(self.boxes.device)[None] - self.boxes[:, None, :2]).abs()
        inside = (away < self.boxes[:, None, 2:] / 2).all(dim=2)
        same = inside & (seen[self.picture] == self.kind[:, None])
        covered, agreed = (
            torch.zeros(seen.shape, device=seen.device).index_add_(0, self.picture, mask.float()) > 0
            for mask in (inside, same)
        )
        return covered & ~agreed


class Teacher:
    """The weights that training began from, which tell on every picture what they see there.

    Labels of a few hundred pictures cannot say all that they know; what they see can (Li and Hoiem, "Learning without
    forgetting", ECCV 2016). Where they see nothing they say nothing, so that new things can be learned. Nor do they say
    anything where labels contradict them: seen from above, a car is a "cell phone" to COCO's weights.
    """

    def __init__(self, network: Any) -> None:
        self._classes = _own_numbers(names_of(network))
        self._network = network.eval().requires_grad_(False)

    def loss(self, pictures: Tensor, scores: Tensor, sides: Tensor, labels: "Truth | None" = None) -> Tensor:
        """Disagreement per picture.

        Args:
            pictures: (N, 3, H, W) 0..1.
            scores: (N, rows, anchors), the student's logits; its first rows are the teacher's.
            sides: (N, 4 * bins, anchors), logits of the distances from anchor to box.
            labels: what is known of the pictures.
        """
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=_quick(pictures)):
            seen = self._network(pictures)[1]
        target = seen["scores"].float().sigmoid()
        known = scores[:, : target.shape[1]]
        weight, row = target.max(dim=1)
        if labels is not None:
            weight = weight * ~labels.contradicts(self._classes.to(row.device)[row])
        total = weight.sum().clamp(min=1.0)
        classes = functional.binary_cross_entropy_with_logits(known, target, reduction="none").sum(dim=1)
        bins = sides.shape[1] // 4
        old = seen["boxes"].float().unflatten(1, (4, bins)).softmax(dim=2)
        new = sides.unflatten(1, (4, bins)).log_softmax(dim=2)  # type: ignore[no-untyped-call]
        distance = -(old * new).sum(dim=2).mean(dim=1)
        agreement: Tensor = (weight * (_SCORES * classes + _SIDES * distance)).sum() / total
        return agreement


class QuickModel(DetectionModel):
    """A detection model whose forward pass in training runs in bfloat16 on CPUs with AMX: three times as fast.

    The loss is computed in float32. (Ultralytics knows mixed precision on GPUs only.)

    Attributes:
        teacher: of the training that runs in this process; no part of the model.
    """

    teacher: ClassVar[Teacher | None] = None

    def _predict_once(self, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        if not self.training or not _quick(x):
            return super()._predict_once(x, *args, **kwargs)  # type: ignore[no-untyped-call]
        with torch.autocast("cpu", torch.bfloat16):
            return _float32(super()._predict_once(x, *args, **kwargs))  # type: ignore[no-untyped-call]

    def loss(self, batch: dict[str, Any], preds: Any = None) -> Any:
        """Ultralytics's loss, in training with the teacher's."""
        preds = self.forward(batch["img"]) if preds is None else preds  # type: ignore[no-untyped-call]
        loss, items = super().loss(batch, preds)  # type: ignore[no-untyped-call]
        if self.training and QuickModel.teacher is not None:
            names = self.names
            own = _own_numbers([str(names[index]) for index in range(len(names))]).to(batch["img"].device)
            kinds = own[batch["cls"].long().flatten().to(own.device)]
            shapes = [(level.shape[2], level.shape[3]) for level in preds["feats"]]
            truth = Truth(batch["batch_idx"].long().to(own.device), kinds, batch["bboxes"].to(own.device), shapes)
            kept = QuickModel.teacher.loss(batch["img"], preds["scores"], preds["boxes"], truth)
            loss = torch.cat([loss.reshape(-1), (kept * len(batch["img"])).reshape(1)])
            items = {**items, "teacher_loss": kept.detach()}
        return loss, items


class DetectorTrainer(DetectionTrainer):
    """`DetectionTrainer` that keeps the rows of its start and adds those that the data have beside them.

    Attributes:
        begun: the epoch that was begun last, counted from 0.
    """

    begun = -1

    def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> DetectionModel:
        """The network to train; a resumed one has our classes already."""
        names = self.data["names"]
        network: DetectionModel = weights
        rows = [str(names[index]) for index in range(len(names))]
        if names_of(network) != rows:
            network = extended(network, rows)
        network.__class__ = QuickModel
        return network.requires_grad_(True)

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Pictures with their channels last, which convolutions are fastest with."""
        batch = super().preprocess_batch(batch)
        batch["img"] = batch["img"].contiguous(memory_format=torch.channels_last)
        return batch

    def save_model(self) -> bool:
        """Whole or not at all: who is killed in the middle of writing goes on from the epoch before it."""
        last, best = self.last, self.best
        self.last, self.best = (path.with_suffix(".partial") for path in (last, best))
        try:
            saved: bool = super().save_model()  # type: ignore[no-untyped-call]
            # The best first: the last one says that it is there.
            for partial, path in ((self.best, best), (self.last, last)):
                if partial.is_file():
                    partial.replace(path)
        finally:
            self.last, self.best = last, best
        return saved

    def _model_train(self) -> None:
        """Batch norms keep the statistics of the start: those of drawn roads are far from those of photographs."""
        super()._model_train()  # type: ignore[no-untyped-call]
        model: Any = self.model
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()

    def _setup_train(self) -> None:
        super()._setup_train()  # type: ignore[no-untyped-call]
        model: Any = self.model
        model.to(memory_format=torch.channels_last)
        torch.set_num_threads(len(os.sched_getaffinity(0)))  # Ultralytics leaves one core unused


def _own_numbers(rows: Sequence[str]) -> Tensor:
    return torch.tensor([NAMES.index(own_class(row)) for row in rows])


def _quick(pictures: Tensor) -> bool:
    available: bool = torch.cpu._is_amx_tile_supported()
    return available and pictures.device.type == "cpu"


def _float32(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.float()
    if isinstance(value, dict):
        return {key: _float32(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_float32(item) for item in value)
    return value
