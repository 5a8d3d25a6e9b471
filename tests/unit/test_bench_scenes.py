"""The incident benchmark: scenes are fixed by their seed, their truth is where it says, and hits must lie on it."""

import hashlib
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from shared.messages import Alert
from training.bench.baseline import judge, track
from training.bench.incident_alerts import truth_of
from training.bench.places import placed
from training.evaluate import evaluate, fold
from training.scenes.render import frames
from training.scenes.scene import box_at
from training.scenes.staged import compose

pytestmark = pytest.mark.shared
KINDS = ("stopped-vehicle", "person-on-lane", "obstacle-on-lane")


def _digest(kind: str, seed: int) -> str:
    digest = hashlib.sha256()
    for picture in islice(frames(compose("dev", kind, seed)), 15):
        digest.update(picture)
    return digest.hexdigest()


def test_a_seed_fixes_every_pixel(shared_dir: Path) -> None:
    assert _digest("obstacle-on-lane", 3) == _digest("obstacle-on-lane", 3) != _digest("obstacle-on-lane", 4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_staged_changes_the_picture_where_the_truth_says(shared_dir: Path, kind: str, seed: int) -> None:
    scene, without = compose("dev", kind, seed), compose("dev", kind, seed)
    item = scene.truth[0]
    assert item.actor is not None
    without.actors = [one for one, own in zip(without.actors, scene.actors, strict=True) if own is not item.actor]
    index = int((item.start_s + 1.0) * 5)
    staged = next(islice(frames(scene), index, None)).astype(int)
    empty = next(islice(frames(without), index, None)).astype(int)
    ys, xs = np.nonzero(np.abs(staged - empty).max(axis=2) > 24)
    box = box_at(scene, item.actor, index / 5)
    assert box is not None
    assert len(xs)
    height, width = staged.shape[:2]
    # The contact shadow and shaking reach a little beyond.
    margin = 6 + 0.15 * (box[2] - box[0]) * width
    assert xs.min() >= box[0] * width - margin
    assert xs.max() <= box[2] * width + margin
    assert ys.min() >= box[1] * height - margin
    assert ys.max() <= box[3] * height + margin
    assert abs((box[3] - box[1]) * height - item.pixels) < 1.5


def test_an_alert_about_the_whole_road_finds_nothing_on_it(shared_dir: Path) -> None:
    scene = compose("dev", "stopped-vehicle", 0)
    item = scene.truth[0]
    assert item.actor is not None
    at = item.start_s + 10
    box = box_at(scene, item.actor, at)
    assert box is not None

    def alert(name: str, place: tuple[float, float, float, float]) -> Alert:
        return Alert(
            alert_id=name, incident="stopped-vehicle", camera=scene.id, zone="lane-1", severity="critical",
            status="open", started_at="1970-01-01T00:00:09Z", detected_at=f"1970-01-01T00:00:{at:05.2f}Z",
            track_ids=[1], label="car", score=0.9, box=place, evidence=[], model="m", site="bench",
        )  # fmt: skip

    judged = evaluate(fold(placed(scene, [alert("a", (0.0, 0.2, 1.0, 1.0)), alert("b", box)])), truth_of(scene))
    assert [found.alert.alert_id if found else None for _, found in judged.matches] == ["b", None]
    assert [item.found.alert.alert_id for item in judged.false_alarms] == ["a"]


def test_on_the_parking_place_a_vehicle_of_the_clip_stands_in_its_box(shared_dir: Path) -> None:
    """It comes by itself, stands still from the stop on, and fills the box that was read off the clip."""
    scene = compose("test", "overhead-stop", 5)
    (item,) = scene.truth
    assert item.box is not None
    height, width = scene.place.plate.shape[:2]
    x1, y1, x2, y2 = (round(side * scale) for side, scale in zip(item.box, (width, height, width, height), strict=True))
    assert scene.footage is not None
    stop = item.start_s
    times = (0.0, stop - 3, stop - 1, stop - 0.2, stop + 0.2, 30.0)
    shown = [scene.footage.frame_at(time) for time in times]
    assert shown == sorted(shown)
    assert shown[-1] == shown[-2] > shown[-3] - 1
    pictures = {index: picture.astype(int) for index, picture in enumerate(frames(scene))}
    empty, later, standing = pictures[0], pictures[round((stop + 1) * 5)], pictures[150]
    inside = np.abs(standing - empty).max(axis=2)[y1:y2, x1:x2]
    around = np.abs(standing - empty).max(axis=2)[:, x2 + 40 :]
    assert inside.mean() > 3 * around.mean()
    assert np.abs(standing - later).mean() < 0.25 * inside.mean()


def test_a_pause_on_the_parking_place_ends(shared_dir: Path) -> None:
    scene = compose("test", "overhead-pause", 5)
    assert scene.truth == []
    assert scene.footage is not None
    shown = [scene.footage.frame_at(index / 5) for index in range(round(scene.seconds * 5))]
    assert shown == sorted(shown)
    stands = max(shown.count(frame) for frame in set(shown[:-20]))
    assert 24 <= stands <= 40
    assert shown[-1] > 331


def test_the_baseline_finds_a_car_that_stands_and_follows_one_id(shared_dir: Path) -> None:
    scene = compose("dev", "stopped-vehicle", 0)
    camera = scene.place.site(scene.id, 5).cameras[0]
    polygon = np.array(camera.zones[1].polygon).mean(axis=0) * (1280, 720)
    row = [polygon[0] - 40, polygon[1] - 60, polygon[0] + 40, polygon[1], 0.9, 2]
    rows = [np.array([row], np.float32)] * 75
    (found,) = judge(rows, ["person", "bicycle", "car"], camera, (720, 1280), 5.0)
    assert found.incident == "stopped-vehicle"
    assert 10.0 <= found.detected_s <= 10.5
    assert {int(item[0, 4]) for item in track(rows, (720, 1280)) if len(item)} == {1}
