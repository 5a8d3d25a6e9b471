"""A camera's reference view outlives the worker that learned it."""

import numpy as np
from numpy.typing import NDArray

from services.detector.found import Found
from services.detector.health import HealthWatch
from services.detector.letterbox import Letterbox
from services.detector.stage import Decoded
from shared.clock import NS
from shared.frames import Frame
from shared.site import Camera
from shared.store import Store
from tests.unit.test_camera_health import FPS, road

NOTHING = Found(np.zeros((0, 4)), np.zeros(0, np.float32), np.zeros(0, np.int64))
CAMERA = Camera(id="cam", source="clip.mp4")


def faults(watch: HealthWatch, pictures: list[NDArray[np.uint8]], start: int, run: str | None = None) -> set[str]:
    height, width = pictures[0].shape[:2]
    box = Letterbox(width, height, width, height, 0, 0)
    told: set[str] = set()
    for index, picture in enumerate(pictures, start):
        frame = Frame("cam", index, index * NS // FPS, width, height, b"", run)
        health = watch.see(Decoded(frame, box, picture, [], width, height), NOTHING, [])
        told |= {fault.kind for fault in health.faults} if health else set()
    return told


def test_a_camera_that_was_moved_while_workers_changed_is_told(redis_url: str) -> None:
    store = Store.connect(redis_url)
    pictures = road(40)
    moved = [np.ascontiguousarray(np.roll(picture, (40, 120), (0, 1))) for picture in pictures[:200]]
    first = HealthWatch([CAMERA], store)
    assert faults(first, pictures, 0) == set()
    first.save()
    assert faults(HealthWatch([CAMERA], store), moved, len(pictures)) == {"moved"}
    # Without what was learned, the view as it is now would be the reference; and a replay takes nothing over.
    assert faults(HealthWatch([CAMERA]), moved, len(pictures)) == set()
    assert faults(HealthWatch([CAMERA], store), moved, len(pictures), "replay") == set()
    store.close()
