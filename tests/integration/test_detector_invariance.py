"""A frame's detections depend on the frame alone: not on its batch, its neighbours' shape or the threads (ADR 5)."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from ultralytics.models import YOLO

from services.detector.backends.torch import TorchBackend
from services.detector.stage import Decoded, DetectorStage
from services.detector.weights import find_weights
from services.producer import read_once
from shared.messages import Detections
from shared.site import Camera
from shared.sitefile import load_site
from tests.detecting import decoded_highway, detect

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def stage(shared_dir: Path) -> DetectorStage:
    return DetectorStage(TorchBackend(find_weights("yolo11n-coco"), device="cpu", threads=2))


@pytest.fixture(scope="module")
def decoded(stage: DetectorStage, shared_dir: Path) -> list[Decoded]:
    return decoded_highway(stage, shared_dir, 8)


def test_batches_of_any_size_give_the_same_bytes(stage: DetectorStage, decoded: list[Decoded]) -> None:
    together = detect(stage, decoded)
    assert sum(len(item.objects) for item in together) > 50
    for size in (1, 2, 3, 4):
        apart = [row for at in range(0, len(decoded), size) for row in detect(stage, decoded[at : at + size])]
        assert [row.to_bytes() for row in apart] == [row.to_bytes() for row in together], size


def test_one_thread_gives_the_same_bytes_as_two(stage: DetectorStage, decoded: list[Decoded]) -> None:
    two = detect(stage, decoded)
    torch.set_num_threads(1)
    try:
        one = detect(stage, decoded)
    finally:
        torch.set_num_threads(2)
    assert [row.to_bytes() for row in one] == [row.to_bytes() for row in two]


def test_cameras_of_other_shapes_in_the_batch_change_nothing(
    stage: DetectorStage, decoded: list[Decoded], shared_dir: Path
) -> None:
    portrait = Camera(id="handheld", source=str(shared_dir / "clips" / "takeoff-handheld.mp4"), fps=1)
    others = [stage.decode(frame) for frame in read_once(portrait)][:4]
    mixed = [item for pair in zip(decoded[:4], others, strict=True) for item in pair]
    rows = detect(stage, mixed)
    assert [row.to_bytes() for row in rows[0::2]] == [row.to_bytes() for row in detect(stage, decoded[:4])]
    assert [row.to_bytes() for row in rows[1::2]] == [row.to_bytes() for row in detect(stage, others)]


def test_threads_with_inputs_of_different_shapes_do_not_disturb_each_other(
    stage: DetectorStage, decoded: list[Decoded], shared_dir: Path
) -> None:
    """As `wayside run` does with cameras of several shapes."""
    handheld = Camera(id="handheld", source=str(shared_dir / "clips" / "takeoff-handheld.mp4"), fps=1)
    others = [stage.decode(frame) for frame in read_once(handheld)][:4]
    assert others[0].letterbox.shape != decoded[0].letterbox.shape
    alone = [[row.to_bytes() for row in detect(stage, items)] for items in (decoded[:4], others)]
    with ThreadPoolExecutor(2, initializer=stage.backend.join_parallel) as pool:
        for _ in range(5):
            rows = pool.map(lambda items: [row.to_bytes() for row in detect(stage, items)], (decoded[:4], others))
            assert list(rows) == alone


def test_a_model_with_two_heads_gives_boxes_too(tmp_path: Path, stage: DetectorStage, decoded: list[Decoded]) -> None:
    """YOLO26 ends in a head without NMS beside the usual one; untrained weights of it are enough here."""
    YOLO("yolo26n.yaml").save(tmp_path / "dual.pt")
    backend = TorchBackend(tmp_path / "dual.pt", device="cpu", min_score=0.0)
    boxes = backend.forward(np.stack([item.picture for item in decoded[:2]])).boxes
    width = decoded[0].letterbox.shape[1]
    for found in boxes:
        assert 100 < len(found.scores) <= 300
        centres = (found.xyxy[:, :2] + found.xyxy[:, 2:]) / 2
        assert ((centres > -width) & (centres < 2 * width)).all()
        assert (found.classes < 80).all()


def test_requested_feature_maps_come_with_the_boxes(stage: DetectorStage, decoded: list[Decoded]) -> None:
    """Heads and the obstacle memory will read these: (N, C, h, w) of the named layers, of the same pass."""
    batch = np.stack([item.picture for item in decoded[:2]])
    output = stage.backend.forward(batch, features=[4, 6])
    assert {layer: array.shape[0] for layer, array in output.features.items()} == {4: 2, 6: 2}
    assert output.features[4].shape[2:] == (batch.shape[1] // 8, batch.shape[2] // 8)
    plain = stage.backend.forward(batch)
    assert plain.features == {}
    assert (plain.boxes[0].xyxy == output.boxes[0].xyxy).all()


def test_close_ups_find_more_far_away_and_depend_on_the_frame_alone(
    stage: DetectorStage, decoded: list[Decoded], shared_dir: Path
) -> None:
    camera = load_site(Path(__file__).parents[2] / "deploy" / "examples" / "highway.yaml").cameras[0]
    closer = DetectorStage(stage.backend, cameras=[camera])
    items = [closer.decode(item.frame) for item in decoded]
    assert all(len(item.closeups) == 1 for item in items)
    together = detect(closer, items)
    for size in (1, 3):
        apart = [row for at in range(0, len(items), size) for row in detect(closer, items[at : at + size])]
        assert [row.to_bytes() for row in apart] == [row.to_bytes() for row in together], size
    region = items[0].closeups[0][0]
    bottom = (region.top + region.height) / items[0].height

    def surely_there(rows: list[Detections]) -> float:
        return sum(item.score for row in rows for item in row.objects if item.box[3] < bottom)

    # The clip's vehicles are large enough to be found without, only less surely: 10 % more is what it gives there.
    assert surely_there(together) > 1.05 * surely_there(detect(stage, decoded))
    closer.close()
