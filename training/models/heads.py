"""Figures of heads, on the test pictures of a data set."""

import os
from dataclasses import dataclass
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
from training.heads.compare import groups_of
from training.heads.dataset import DataSet
from training.heads.features import Backbone
from training.heads.fit import flat
from training.heads.measure import measure
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
        InputError: the data have other classes than the head.
    """
    spec = loaded.spec
    if set(spec.classes) != set(data.classes) or spec.kind != data.kind:
        raise InputError(
            f"--data: {data.source}: {data.kind} with {', '.join(data.classes)}; {loaded.version} answers "
            f"{spec.kind} with {', '.join(spec.classes)}"
        )
    imgsz = None if spec.kind == "patch" else spec.imgsz
    backbone = Backbone(loaded.weights, spec.layers, spec.kind, imgsz, len(os.sched_getaffinity(0)))
    own = np.array([spec.classes.index(name) for name in data.classes])
    logits, labels = [], []
    for picture in data.of("test"):
        with torch.inference_mode():
            answer = loaded.net.from_condensed(backbone.condensed(picture.load())[None])
        label = np.where(picture.label >= 0, own[picture.label], picture.label)
        rows = flat(answer, torch.from_numpy(label[None]))
        logits.append(rows[0])
        labels.append(rows[1])
    found = measure(torch.cat(logits), torch.cat(labels), groups_of(data, "test"), spec.temperature, spec.threshold)
    figures = {"f1": Figure(found.f1, "overall"), "accuracy": Figure(found.accuracy, "shown")}
    right, told, true = np.diag(found.confusion), found.confusion.sum(0), found.confusion.sum(1)
    for index, name in enumerate(spec.classes):
        value = 2 * right[index] / max(1, told[index] + true[index])
        figures[f"f1/{name}"] = Figure(float(value), "class", int(true[index]))
    return figures | {"roc_area": Figure(found.auc, "shown"), "ece": Figure(found.ece, "shown")}
