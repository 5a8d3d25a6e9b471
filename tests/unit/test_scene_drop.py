"""Things staged on a real clip: they lie on the lanes from their moment on, behind what passes, and in the truth."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shared.exceptions import ConfigError
from shared.geometry import inside_polygon
from shared.site import Camera, Zone
from training.scenes.clip import ClipWriter
from training.scenes.drop import Drop, drop
from training.scenes.footage import pictures_of
from training.truth import read_truth

LANE = [(0.05, 0.3), (0.95, 0.3), (0.95, 0.95), (0.05, 0.95)]
CAMERA = Camera(id="cam", source="clip.mp4", zones=[Zone(id="lane-1", kind="lane", polygon=LANE, direction=(1, 0))])
WALL = (180, 60, 40)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of a grey road; a wall of another colour drives through it from left to right."""
    path = tmp_path_factory.mktemp("drop") / "clip.mp4"
    with ClipWriter(path, 320, 240, 10) as writer:
        for index in range(30):
            picture = np.full((240, 320, 3), 120, np.uint8)
            left = index * 12 - 40
            picture[20:238, max(left, 0) : max(left + 40, 0)] = WALL
            writer.write(picture)
    return path


def test_things_lie_on_the_lanes_from_their_moment_on_and_behind_what_passes(clip: Path, tmp_path: Path) -> None:
    truth = drop(clip, tmp_path / "staged.mp4", CAMERA, Drop(at_s=1.0, things=4, heights=(10, 16), seed=3))
    before, after = list(pictures_of(clip)), list(pictures_of(tmp_path / "staged.mp4"))
    assert len(before) == len(after)
    changed = [np.abs(a.astype(int) - b).max(axis=2) > 40 for a, b in zip(before, after, strict=True)]
    assert not any(mask.any() for mask in changed[:10])
    assert len(truth.incidents) == 4
    for item in truth.incidents:
        at = np.array([item.at])  # type: ignore[attr-defined]
        assert (item.incident, item.zone, item.start_s, item.end_s) == ("obstacle-on-lane", "lane-1", 1.0, 3.0)
        assert inside_polygon(at, np.array(LANE))[0]
        column, row = round(at[0, 0] * 320), round(at[0, 1] * 240 - (item.size_px or 0) / 2)
        seen = [mask[row - 2 : row + 3, column - 3 : column + 4].any() for mask in changed[10:]]
        hidden = [np.abs(a[row, column].astype(int) - WALL).max() < 40 for a in before[10:]]
        assert all(seen[index] for index in range(20) if not hidden[index])
        assert all(not changed[10 + index][row, column] for index in range(20) if hidden[index])


def test_the_same_seed_gives_the_same_things(clip: Path, tmp_path: Path) -> None:
    first, again, other = (
        drop(clip, tmp_path / f"{name}.mp4", CAMERA, Drop(1.0, 3, (10, 16), seed))
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == again != other
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


@pytest.mark.parametrize(
    ("staged", "message"),
    [
        (Drop(9.0, 1, (10, 16), 1), "ends after 3.0 s"),
        (Drop(1.0, 40, (30, 40), 1), "have room for"),
    ],
)
def test_what_cannot_be_staged_is_told(clip: Path, tmp_path: Path, staged: Drop, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        drop(clip, tmp_path / "staged.mp4", CAMERA, staged)


def test_the_command_writes_a_truth_that_eval_reads_and_names_an_unknown_camera(clip: Path, tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(
        f"site: test\ncameras:\n  - id: cam\n    source: {clip}\n"
        f"    zones: [{{id: lane-1, kind: lane, polygon: {[list(point) for point in LANE]}}}]\n"
    )
    command = [sys.executable, "-m", "training.scenes", "drop", str(clip), "--site", str(site), "--at", "1"]
    command += ["--out", str(tmp_path / "staged.mp4"), "--truth", str(tmp_path / "truth.json"), "--heights", "10,16"]
    done = subprocess.run([*command, "--things", "2"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [item.zone for item in read_truth(tmp_path / "truth.json").incidents] == ["lane-1", "lane-1"]
    done = subprocess.run([*command, "--camera", "x"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (2, f"scenes: --camera x: {site} has cam")
