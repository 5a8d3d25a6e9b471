"""How well detectors find what is on pictures that no training saw: mean average precision per class and size."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import supervision as sv
from supervision.metrics import MeanAveragePrecision

from services.detector.backends.base import Backend
from services.detector.backends.torch import TorchBackend
from services.detector.letterbox import Letterbox
from training.data.labelled import LabelledPicture
from training.data.roadside import Labels
from training.detector.classes import NAMES, SHARED, own_class
from training.scenes.canvas import Picture
from training.trust import trusted

LEAST_SCORE = 0.001


@dataclass(frozen=True, slots=True)
class Precision:
    """mAP of one model on one set of pictures.

    Attributes:
        shared: mAP50-95 over the classes that COCO has too.
        by_class: mAP50-95 and mAP50 per class that occurs.
        by_size: mAP50-95 of small (below 32 x 32 px), medium and large (from 96 x 96 px) objects; None: there are none.
    """

    pictures: int
    shared: float
    shared50: float
    by_class: dict[str, tuple[float, float]]
    by_size: dict[str, float | None]


def read_pictures(items: Sequence[LabelledPicture]) -> Iterable[tuple[Picture, Labels]]:
    """Decoded pictures with labels in pixels."""
    import cv2

    for item in items:
        picture = cv2.imread(str(item.path))
        assert picture is not None  # the data check has seen it
        height, width = picture.shape[:2]
        boxes = item.boxes * [width, height, width, height]
        yield np.ascontiguousarray(picture[..., ::-1], np.uint8), Labels(item.classes, boxes)


def measure(weights: Path, pictures: Iterable[tuple[Picture, Labels]], imgsz: int) -> Precision:
    """Run a model in torch on every picture as the detector does; classes of COCO count as ours.

    Raises:
        ModelError: the weights cannot be loaded.
    """
    return measure_backend(TorchBackend(weights, min_score=LEAST_SCORE, trusted=trusted()), pictures, imgsz)


def measure_backend(backend: Backend, pictures: Iterable[tuple[Picture, Labels]], imgsz: int) -> Precision:
    """As `measure`, with a model that is loaded: with `LEAST_SCORE`, or precision is lost where scores are low."""
    classes = np.array([NAMES.index(own_class(label)) for label in backend.labels])
    metric, count = MeanAveragePrecision(), 0
    for picture, labels in pictures:
        count += 1
        metric.update(_found(backend, classes, picture, imgsz), _wanted(labels))
    result = metric.compute()
    by_class = {
        NAMES[int(index)]: (float(row.mean()), float(row[0]))
        for index, row in zip(result.matched_classes, result.ap_per_class, strict=True)
        if row[0] >= 0
    }
    sizes = {"small": result.small_objects, "medium": result.medium_objects, "large": result.large_objects}
    own = [by_class[name] for name in SHARED if name in by_class]
    return Precision(
        count,
        float(np.mean([row[0] for row in own])) if own else 0.0,
        float(np.mean([row[1] for row in own])) if own else 0.0,
        by_class,
        {name: float(part.map50_95) if part and part.map50_95 >= 0 else None for name, part in sizes.items()},
    )


def _found(backend: Backend, classes: np.ndarray, picture: Picture, imgsz: int) -> sv.Detections:
    height, width = picture.shape[:2]
    letterbox = Letterbox.fit(width, height, imgsz, backend.stride)
    boxes = backend.forward(letterbox.placed(picture)[None]).boxes[0]
    xyxy = letterbox.normalise(boxes) * [width, height, width, height]
    return sv.Detections(xyxy=xyxy.astype(np.float32), confidence=boxes.scores, class_id=classes[boxes.classes])


def _wanted(labels: Labels) -> sv.Detections:
    if not labels.classes:
        return sv.Detections.empty()
    return sv.Detections(
        xyxy=labels.boxes.astype(np.float32),
        class_id=np.array([NAMES.index(own_class(name)) for name in labels.classes]),
    )
