"""The baseline's shortcut is fair: the boxes of `wayside` through ByteTrack give the tracks of `YOLO.track`."""

from pathlib import Path

import numpy as np
import pytest
from ultralytics.models import YOLO

from services.detector.backends.torch import TorchBackend
from services.detector.stage import DetectorStage
from services.detector.weights import find_weights
from shared.frames import Frame
from shared.jpeg import decode_jpeg, encode_jpeg
from training.bench.baseline import track
from training.scenes.freeze import _pictures

pytestmark = pytest.mark.shared


def test_same_tracks_as_ultralytics(shared_dir: Path) -> None:
    weights = find_weights("yolo11n-coco")
    stage = DetectorStage(TorchBackend(weights), imgsz=640)
    reference = YOLO(str(weights))
    ours, theirs = [], []
    for index, picture in enumerate(list(_pictures(shared_dir / "clips" / "highway.mp4"))[:40]):
        jpeg = encode_jpeg(picture)
        decoded = stage.decode(Frame("c", index, index, 1280, 720, jpeg))
        boxes = stage.infer([decoded])[0]
        xyxy = decoded.letterbox.normalise(boxes) * (1280, 720, 1280, 720)
        ours.append(np.column_stack([xyxy, boxes.scores, boxes.classes]).astype(np.float32))
        (result,) = reference.track(decode_jpeg(jpeg)[..., ::-1], persist=True, imgsz=640, verbose=False)
        theirs.append(result.boxes.xyxy.numpy() if result.boxes.id is not None else np.zeros((0, 4)))
    stage.close()
    matched = total = 0
    for mine, other in zip(track(ours, (720, 1280)), theirs, strict=True):
        total += len(other)
        matched += sum(bool((np.abs(mine[:, :4] - box).max(axis=1) < 3).any()) for box in other if len(mine))
    # Every frame of the clip: at 5 frames/s this fast traffic moves further than its own boxes and hardly any track
    # would be left to compare.
    # What differs: our suppression of boxes is across classes, and pictures are resized by area.
    assert total > 100
    print(f"{matched} of {total} tracked boxes agree")
    assert matched >= 0.8 * total
