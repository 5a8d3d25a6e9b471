"""Camera health on real clips."""

from pathlib import Path

import cv2
import pytest

from services.detector.health import HealthMeter
from services.producer.reader import read_once
from shared.jpeg import decode_jpeg
from shared.site import Camera


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
