"""Ultralytics's training of a detector with our classes, in bfloat16 where the CPU multiplies such matrices itself."""

import os
from typing import Any

import torch
from torch import Tensor
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.nn.tasks import DetectionModel

from training.detector.classes import NAMES
from training.detector.regroup import regrouped


class QuickModel(DetectionModel):
    """A detection model whose forward pass in training runs in bfloat16 on CPUs with AMX: three times as fast.

    The loss is computed in float32. (Ultralytics knows mixed precision on GPUs only.)
    """

    def _predict_once(self, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        quick = self.training and x.device.type == "cpu" and torch.cpu._is_amx_tile_supported()
        if not quick:
            return super()._predict_once(x, *args, **kwargs)  # type: ignore[no-untyped-call]
        with torch.autocast("cpu", torch.bfloat16):
            return _float32(super()._predict_once(x, *args, **kwargs))  # type: ignore[no-untyped-call]


class DetectorTrainer(DetectionTrainer):
    """`DetectionTrainer` that starts from the united rows of the old classes."""

    def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> DetectionModel:
        """The network to train; a resumed one has our classes already."""
        network: DetectionModel = weights
        if tuple(network.names[index] for index in range(len(network.names))) != NAMES:
            network = regrouped(network)
        network.__class__ = QuickModel
        return network.requires_grad_(True)

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Pictures with their channels last, which convolutions are fastest with."""
        batch = super().preprocess_batch(batch)
        batch["img"] = batch["img"].contiguous(memory_format=torch.channels_last)
        return batch

    def _setup_train(self) -> None:
        super()._setup_train()  # type: ignore[no-untyped-call]
        model: Any = self.model
        model.to(memory_format=torch.channels_last)
        torch.set_num_threads(len(os.sched_getaffinity(0)))  # Ultralytics leaves one core unused


def _float32(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.float()
    if isinstance(value, dict):
        return {key: _float32(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_float32(item) for item in value)
    return value
