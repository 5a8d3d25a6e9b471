"""Figures of heads, on the test pictures of a data set."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from services.detector.backends.network import load_network
from services.detector.heads.backbone import backbone_digest
from services.detector.heads.file import HeadSpec, load_head
from services.detector.heads.find import Head
from services.detector.heads.net import HeadNet
from shared.exceptions import InputError, ModelError
from shared.settings import Settings
from training.heads.cells import Cells
from training.heads.compare import boxes_of, groups_of
from training.heads.dataset import IGNORED, DataSet, Picture
from training.heads.features import Backbone
from training.heads.loss import examples
from training.heads.measure import measure
from training.heads.targets import targets
from training.models.promotion import Figure
from training.start import find_start
from training.trust import trusted


@dataclass(frozen=True, slots=True)
class LoadedHead:
    """A head and the detector whose features it looks at."""

    net: HeadNet
    spec: HeadSpec
    version: str
    weights: Path

    @property
    def head(self) -> Head:
        """As the detector runs it."""
        return Head(self.net, self.spec, self.version)


def load(path: Path, label: str, starts: list[str], settings: Settings) -> LoadedHead:
    """Read a head.

    Args:
        label: its version in the registry.
        starts: detectors, as `find_start` takes them; the first whose layers are those that the head was trained on
            is taken.
        settings: `models` and `registry` say where those are.

    Raises:
        ModelError: no head, or none of the detectors fits.
    """
    net, spec = load_head(path)
    for start in starts:
        weights = find_start(start, settings).weights
        if backbone_digest(load_network(weights, trusted=trusted()), spec.layers) == spec.backbone:
            return LoadedHead(net, spec, label, weights)
    raise ModelError(
        f"{label}: was trained on the features of another detector than {', '.join(starts)}; name it with --start"
    )


def head_figures(loaded: LoadedHead, data: DataSet) -> dict[str, Figure]:
    """Figures of one head for a promotion.

    Raises:
        InputError: the data have other classes than the head, or boxes and it has none, or the other way round.
    """
    spec = loaded.spec
    if (set(spec.classes), spec.kind, spec.boxes) != (set(data.classes), data.kind, data.cells is not None):
        raise InputError(
            f"--data: {data.source}: {_question(data.kind, data.classes, data.cells is not None)}; {loaded.version} "
            f"answers {_question(spec.kind, spec.classes, spec.boxes)}"
        )
    imgsz = None if spec.kind == "patch" and not spec.boxes else spec.imgsz
    backbone = Backbone(loaded.weights, spec.layers, spec.kind, imgsz, len(os.sched_getaffinity(0)))
    data = _as_asked(data, spec, backbone.backend.stride)
    answers = []
    for picture in data.of("test"):
        with torch.inference_mode():
            answers.append(loaded.net.from_condensed(backbone.condensed(picture.load())[None])[0])
    # One by one, as pictures may have different grids.
    labels = [torch.from_numpy(picture.label) for picture in data.of("test")]
    rows = examples(answers, labels, len(spec.classes))
    found = measure(*rows, groups_of(data, "test"), spec.temperature, spec.threshold)
    figures = {"f1": Figure(found.f1, "overall"), "accuracy": Figure(found.accuracy, "shown")}
    right, told, true = np.diag(found.confusion), found.confusion.sum(0), found.confusion.sum(1)
    for index, name in enumerate(spec.classes):
        value = 2 * right[index] / max(1, told[index] + true[index])
        figures[f"f1/{name}"] = Figure(float(value), "class", int(true[index]))
    figures |= {"roc_area": Figure(found.auc, "shown"), "ece": Figure(found.ece, "shown")}
    boxes = boxes_of(answers, data, spec.temperature, spec.threshold)
    for name, value in boxes.metrics.items() if boxes else ():
        figures[name] = Figure(value, "overall" if name == "box_f1" else "shown")
    return figures


def _question(kind: str, classes: Sequence[str], boxes: bool) -> str:
    return f"{kind} with {', '.join(classes)}{' and boxes' if boxes else ''}"


def _as_asked(data: DataSet, spec: HeadSpec, stride: int) -> DataSet:
    """The data with their classes in the head's order, on the head's grid."""
    own = np.array([spec.classes.index(name) for name in data.classes])
    cells = Cells(spec.imgsz, spec.stride * spec.step, stride) if spec.boxes else None

    def turned(picture: Picture) -> Picture:
        if cells is None or picture.objects is None:
            return replace(picture, label=np.where(picture.label >= 0, own[picture.label], IGNORED))
        objects = replace(picture.objects, classes=own[picture.objects.classes])
        return replace(picture, objects=objects, label=targets(objects, cells)[0])

    return replace(data, classes=spec.classes, cells=cells, pictures=[turned(picture) for picture in data.pictures])
