"""The benchmark's baseline is what Ultralytics gives a user: the same tracks, and no worse boxes to begin with."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from ultralytics.models import YOLO

from services.detector.backends.torch import TorchBackend
from services.detector.stage import DetectorStage
from shared.frames import Frame
from shared.geometry import iou
from shared.jpeg import encode_jpeg
from training.bench.baseline import track

pytestmark = pytest.mark.shared
FRAMES = 40
Rows = list[NDArray[np.float32]]


@pytest.fixture(scope="module")
def pictures(shared_dir: Path) -> list[NDArray[np.uint8]]:
    """Consecutive frames, BGR; traffic enters and leaves at the picture's edges."""
    clip = cv2.VideoCapture(str(shared_dir / "clips" / "highway.mp4"))
    read = [clip.read()[1] for _ in range(FRAMES)]
    clip.release()
    return [np.asarray(picture, np.uint8) for picture in read]


@pytest.fixture(scope="module")
def ultralytics(shared_dir: Path, pictures: list[NDArray[np.uint8]]) -> tuple[Rows, Rows]:
    """Per frame the boxes that `YOLO.track` predicted (x1, y1, x2, y2, score, class), and the tracks it made of them
    (x1, y1, x2, y2, id, score, class)."""
    model = YOLO(str(shared_dir / "models" / "yolo11n-coco.pt"))
    predicted: Rows = []

    def keep(predictor: Any) -> None:
        predicted.extend(result.boxes.data.cpu().numpy() for result in predictor.results)

    model.add_callback("on_predict_postprocess_end", keep)  # before the tracker's own, which replaces the boxes
    tracks: Rows = []
    for picture in pictures:
        (result,) = model.track(picture, tracker="bytetrack.yaml", persist=True, conf=0.1, imgsz=640, verbose=False)
        assert result.boxes is not None
        assert result.boxes.is_track
        tracks.append(np.asarray(result.boxes.data))
    return predicted, tracks


def test_the_baseline_s_tracks_are_those_of_ultralytics_track(
    pictures: list[NDArray[np.uint8]], ultralytics: tuple[Rows, Rows]
) -> None:
    predicted, expected = ultralytics
    found = list(track(predicted, pictures[0].shape[:2]))
    assert sum(len(rows) for rows in expected) > 10 * FRAMES
    for index, (own, theirs) in enumerate(zip(found, expected, strict=True)):
        np.testing.assert_array_equal(own[:, :7], theirs, err_msg=f"frame {index}")


def test_boxes_of_wayside_s_detector_give_the_baseline_no_worse_tracks(
    shared_dir: Path, pictures: list[NDArray[np.uint8]], ultralytics: tuple[Rows, Rows]
) -> None:
    """The benchmark feeds both contestants from one detector. It decodes and scales in its own way, and suppresses
    across classes, so boxes differ by pixels; nothing that Ultralytics tracks may be lost by that."""
    stage = DetectorStage(TorchBackend(shared_dir / "models" / "yolo11n-coco.pt", device="cpu", threads=1), imgsz=640)
    height, width = pictures[0].shape[:2]
    boxes = []
    for index, picture in enumerate(pictures):
        jpeg = encode_jpeg(np.ascontiguousarray(picture[:, :, ::-1]), quality=90)
        item = stage.decode(Frame("cam", index, index, width, height, jpeg))
        (found,) = stage.infer([item])
        placed = found.xyxy * (width, height, width, height)
        boxes.append(np.column_stack([placed, found.scores, found.classes]).astype(np.float32))
    stage.close()
    own = list(track(boxes, (height, width)))
    expected = ultralytics[1]
    covered = sum(
        int((iou(theirs[:, :4], mine[:, :4]).max(axis=1) > 0.5).sum())
        for theirs, mine in zip(expected, own, strict=True)
    )
    assert covered >= 0.95 * sum(len(rows) for rows in expected)
    assert len(_ids(own)) <= 1.1 * len(_ids(expected))


def _ids(rows: Rows) -> set[float]:
    return {float(row[4]) for frame in rows for row in frame}
