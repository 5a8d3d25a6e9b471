"""The shipped visibility head on real footage: fog comes in over the motorway and is told once; without fog nothing is.

The fog is drawn (nobody filmed any here), by the scattering that the head was trained with; its strength is not.
"""

from pathlib import Path

import av
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from shared.clock import NS, from_rfc3339
from tests.staging import QUICK, read_events, wayside
from training.scenes.clip import ClipWriter

pytestmark = pytest.mark.shared

ROOT = Path(__file__).parents[2]
SITE = ROOT / "deploy" / "examples" / "highway.yaml"
COMES_S, FPS = 1.0, 5


def _foggy(picture: NDArray[np.uint8], horizon: float = 0.22) -> NDArray[np.uint8]:
    """Grey scattering that grows with the distance: half of the light is gone a quarter of the way down the road."""
    below = np.maximum(np.linspace(0, 1, len(picture)) - horizon, 0) / (1 - horizon)
    clear = np.exp(-2.0 / (1 + 6 * below))[:, None, None]
    return (picture * clear + 200 * (1 - clear)).round().astype(np.uint8)


def _run(shared_dir: Path, tmp_path: Path, name: str, comes_s: float) -> list[dict[str, object]]:
    clip = tmp_path / f"{name}.mp4"
    with av.open(str(shared_dir / "clips" / "highway.mp4")) as source, ClipWriter(clip, 1280, 720, FPS) as writer:
        for index, frame in enumerate(source.decode(video=0)):
            if index % (30 // FPS) == 0:
                picture = frame.to_ndarray(format="rgb24")
                writer.write(_foggy(picture) if index / 30 >= comes_s else picture)
    site = yaml.safe_load(SITE.read_text())
    site["cameras"][0] |= {"fps": FPS, "closeups": 0}  # the head looks at the whole picture
    file = tmp_path / f"{name}.yaml"
    file.write_text(yaml.safe_dump(site))
    done = wayside(
        "run", str(clip), "--site", str(file), "--out", str(tmp_path / name),
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "WAYSIDE_HEADS": "visibility", **QUICK},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [event["data"] for event in read_events(tmp_path / name / "alerts.jsonl")]


def test_fog_over_the_motorway_is_told_once_and_clear_air_is_not(shared_dir: Path, tmp_path: Path) -> None:
    assert [data["incident"] for data in _run(shared_dir, tmp_path, "clear", comes_s=1e9)] == []
    foggy = _run(shared_dir, tmp_path, "foggy", COMES_S)
    (fog,) = [data for data in foggy if data["incident"] == "smoke-or-fog"]
    assert abs(from_rfc3339(str(fog["started_at"])) / NS - COMES_S) <= 3.0
    assert from_rfc3339(str(fog["detected_at"])) / NS <= COMES_S + 14.0
    assert [data["incident"] for data in foggy if data is not fog] == []
