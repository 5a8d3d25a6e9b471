"""Camera health on real clips."""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from services.detector.health import HealthMeter
from services.producer.reader import read_once
from shared.clock import NS
from shared.jpeg import decode_jpeg, encode_jpeg
from shared.site import Camera
from training.faults.camera import CASES, staged
from training.scenes.render import frames
from training.scenes.scene import FPS
from training.scenes.staged import compose


def kinds(clip: Path) -> dict[str, float]:
    """Seconds at which each kind of fault was first told."""
    meter, first = HealthMeter(), {}
    for frame in read_once(Camera(id="c", source=str(clip), fps=10)):
        picture = decode_jpeg(frame.jpeg)
        scale = 640 / max(picture.shape)
        health = meter.step(
            cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA),  # type: ignore[arg-type]
            frame.captured_at,
        )
        for fault in health.faults if health else ():
            first.setdefault(fault.kind, frame.captured_at / 1e9)
    return first


@pytest.mark.shared
@pytest.mark.parametrize("name", ["highway", "parking-overhead"])
def test_fixed_cameras_have_no_fault(name: str, shared_dir: Path) -> None:
    assert kinds(shared_dir / "clips" / f"{name}.mp4") == {}


@pytest.mark.shared
def test_a_hand_held_camera_is_moved_within_seconds(shared_dir: Path) -> None:
    first = kinds(shared_dir / "clips" / "takeoff-handheld.mp4")
    assert list(first) == ["moved"]
    assert first["moved"] <= 6


@pytest.mark.shared
def test_a_smooth_cover_is_told_though_it_fits_a_turned_view_here_and_there(shared_dir: Path) -> None:
    (case,) = (case for case in CASES if case.name == "covered, all")
    scene = compose("dev", "wet", 0)
    meter, first = HealthMeter(), dict[str, float]()
    small = (cv2.resize(picture, (640, 360), interpolation=cv2.INTER_AREA) for picture in frames(scene))
    pictures = (np.asarray(picture, np.uint8) for picture in islice(small, 40 * FPS))
    for index, picture in enumerate(staged(pictures, case, FPS, 20, 40, scene.seed)):
        seen = decode_jpeg(encode_jpeg(picture, quality=scene.conditions.quality))
        health = meter.step(seen, index * NS // FPS)
        for fault in health.faults if health else ():
            first.setdefault(fault.kind, index / FPS)
    assert list(first) == ["covered"]
    assert 30 <= first["covered"] <= 34
