"""Where the detector steps back, and what it takes from that look."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from services.detector.backends.base import Boxes, Inner, Output
from services.detector.letterbox import Letterbox
from services.detector.overview import in_overview, overview_of
from services.detector.stage import DetectorStage
from shared.frames import Frame
from shared.jpeg import encode_jpeg
from shared.messages import FrameRef
from shared.site import Camera, Zone

WHOLE = Letterbox.fit(1280, 720, 640)
NEAR = [(0.3, 0.0), (0.7, 0.0), (0.7, 1.0), (0.3, 1.0)]  # a lane of 256 px of the input: a person has 128


def zone(polygon: list[tuple[float, float]], kind: str = "lane") -> Zone:
    return Zone.model_validate({"id": "z", "kind": kind, "polygon": polygon})


def planned(*zones: Zone) -> Letterbox | None:
    return overview_of(zones, 1280, 720, WHOLE, 32)


def test_a_lane_that_fills_the_picture_is_seen_at_a_size_at_which_its_cars_are_usual() -> None:
    assert planned(zone(NEAR)) == Letterbox.fit(1280, 720, 192)
    nearer = planned(zone([(0.1, 0.0), (0.9, 0.0), (0.9, 1.0), (0.1, 1.0)]))
    assert nearer == Letterbox.fit(1280, 720, 128)


@pytest.mark.parametrize(
    "zones",
    [
        [],
        [zone([(0.30, 1.0), (0.48, 0.3), (0.511, 0.3), (0.675, 1.0)])],  # near at its lower end alone
        [zone(NEAR), zone([(0.7, 0.0), (0.8, 0.0), (0.8, 1.0), (0.7, 1.0)])],  # of the narrowest lane, 64 px
        [zone(NEAR, "stand")],  # of no usual width
    ],
)
def test_other_cameras_have_none(zones: list[Zone]) -> None:
    assert planned(*zones) is None


def test_what_is_small_in_an_overview_is_left_to_the_whole_look() -> None:
    letterbox = Letterbox.fit(1280, 720, 192)  # 192 x 128, the picture from row 10 on
    boxes = Boxes(
        np.array([[96, 10, 192, 118], [0, 10, 20, 30]], np.float32),
        np.array([0.7, 0.9], np.float32),
        np.array([2, 0]),
    )
    found = in_overview(boxes, letterbox)
    assert found.xyxy.tolist() == [[0.5, 0.0, 1.0, 1.0]]
    assert found.classes.tolist() == [2]


class TwoSizes:
    """Sees a thing of small score over the middle of whole pictures, and a car of the given score in overviews."""

    version, name, precision = "two@1", "two", "float32"
    device_name, parallel, stride = "cpu", 1, 32
    labels: Sequence[str] = ["car", "object"]

    def __init__(self, score: float) -> None:
        self.score = score
        self.shapes: list[tuple[int, ...]] = []

    def forward(
        self, batch: NDArray[np.uint8], features: Sequence[int] = (), inner: Sequence[Inner | None] | None = None
    ) -> Output:
        self.shapes.append(batch.shape[:3])
        height, width = batch.shape[1:3]
        box = np.array([[0.3 * width, 0.3 * height, 0.7 * width, 0.7 * height]], np.float32)
        whole = width == 640
        one = Boxes(box, np.array([0.2 if whole else self.score], np.float32), np.array([1 if whole else 0]))
        return Output([one] * len(batch), heads=[()] * len(batch))

    def join_parallel(self) -> None: ...


def seen(backend: TwoSizes, *, overview: bool = True) -> list[list[tuple[str, float]]]:
    near = Camera(id="near", source="x.mp4", zones=[zone(NEAR)], overview=overview)
    stage = DetectorStage(backend, cameras=[near])
    jpeg = encode_jpeg(np.full((720, 1280, 3), 90, np.uint8))
    frames = [Frame(camera, 0, 0, 1280, 720, jpeg) for camera in ("near", "elsewhere", "near")]
    refs = [FrameRef(topic="frames", partition=0, offset=at, captured_at=0) for at in range(3)]
    rows = stage.detect([stage.decode(frame) for frame in frames], refs)
    stage.close()
    return [[(item.label, item.score) for item in row.objects] for row in rows]


def test_a_car_that_the_whole_look_hardly_sees_has_the_overviews_name_and_score() -> None:
    backend = TwoSizes(0.75)
    assert seen(backend) == [[("car", 0.75)], [("object", 0.2)], [("car", 0.75)]]
    assert backend.shapes == [(3, 384, 640), (2, 128, 192)]


def test_the_surer_look_wins() -> None:
    assert seen(TwoSizes(0.15)) == [[("object", 0.2)]] * 3


def test_a_camera_can_do_without() -> None:
    backend = TwoSizes(0.75)
    assert seen(backend, overview=False) == [[("object", 0.2)]] * 3
    assert backend.shapes == [(3, 384, 640)]
