"""What the incident benchmark stages: nothing drives through it, splits share nothing, directions are true."""

from pathlib import Path

import numpy as np
import pytest

from training.scenes.casts import vehicle
from training.scenes.clip_vehicles import CHOSEN as VEHICLES
from training.scenes.coco_cutouts import CHOSEN
from training.scenes.places import generated, parking
from training.scenes.roads import LANE_WIDTH, road
from training.scenes.scene import Scene
from training.scenes.staged import compose

pytestmark = pytest.mark.shared


def _ground(scene: Scene, time_s: float) -> list[tuple[float, float]]:
    """Lane position and metres ahead of everything on the ground."""
    return [at for actor in scene.actors if actor.rise == 0 and (at := actor.path(time_s)) is not None]


@pytest.mark.parametrize(
    "kind", ["stopped-vehicle", "wrong-way", "person-on-lane", "obstacle-on-lane", "queue", "pause"]
)
@pytest.mark.parametrize("split", ["dev", "test"])
def test_nothing_drives_through_anything(shared_dir: Path, split: str, kind: str) -> None:
    for seed in range(6):
        scene = compose(split, kind, seed)
        for time_s in np.arange(0, scene.seconds, 0.4):
            places = np.array(_ground(scene, float(time_s))).reshape(-1, 2)
            across = np.abs(places[:, None, 0] - places[None, :, 0])
            along = np.abs(places[:, None, 1] - places[None, :, 1])
            touching = (across < 0.45) & (along < 3.0) & ~np.eye(len(places), dtype=bool)
            assert not touching.any(), (scene.id, time_s, places[touching.any(axis=1)])


def test_dev_and_test_share_no_picture_and_no_vehicle() -> None:
    pictures = {
        split: {number for kinds in CHOSEN[split].values() for number, _, _ in kinds} for split in ("dev", "test")
    }
    assert not pictures["dev"] & pictures["test"]
    assert all(len(CHOSEN[split]["person"]) >= 8 for split in ("dev", "test"))
    assert max(frame for frame, _, _ in VEHICLES["dev"]) + 60 < min(frame for frame, _, _ in VEHICLES["test"])


@pytest.mark.parametrize("seed", range(8))
def test_wrong_way_travel_is_against_the_zones_direction_from_start_to_end(shared_dir: Path, seed: int) -> None:
    scene = compose("dev", "wrong-way", seed)
    zones = scene.place.site(scene.id, 5).cameras[0].zones
    for item in scene.truth:
        assert item.actor is not None
        first, last = item.actor.path(item.start_s + 0.5), item.actor.path(item.end_s - 0.1)
        assert first is not None
        assert last is not None
        allowed = zones[int(first[0])].direction
        assert allowed is not None
        down = scene.place.row_of(last[1]) - scene.place.row_of(first[1])
        assert down * allowed[1] < 0
        top = min(y for _, y in zones[int(first[0])].polygon) * len(scene.place.plate)
        assert scene.place.row_of(first[1]) >= top - 1


def test_a_hidden_vehicle_is_covered_for_five_seconds(shared_dir: Path) -> None:
    hidden = [compose("dev", "stopped-vehicle", seed).truth[0] for seed in (2, 5, 8)]
    for item in hidden:
        assert item.hidden_s is not None
        assert item.hidden_s[1] - item.hidden_s[0] == pytest.approx(5.0)
        assert item.hidden_s[0] > item.start_s + 10
        assert item.hidden_share > 0.3


@pytest.mark.parametrize("lanes", [2, 3, 4])
def test_a_generated_road_has_the_lanes_that_are_watched(lanes: int) -> None:
    plate, lines = road(lanes, 8.0, 150.0, 0.0, 0.0, 7)
    row = 500
    assert lines.shape[1] == lanes + 1
    width = (lines[row, -1] - lines[row, 0]) / ((row - 150) / 8.0)
    assert width == pytest.approx(lanes * LANE_WIDTH)
    for edge in (lines[row, 0], lines[row, -1]):
        at = round(edge)
        beside = np.median(plate[row, [*range(at - 24, at - 10), *range(at + 11, at + 25)]], axis=0)
        assert np.abs(plate[row, at] - beside).max() > 15


def test_a_seed_fixes_the_road_and_cars_on_a_parking_place_go_as_they_like(shared_dir: Path) -> None:
    first = generated(2, 8.0, 150.0, 0.001, 1.0, 3).plate
    generated.cache_clear()
    assert (first == generated(2, 8.0, 150.0, 0.001, 1.0, 3).plate).all()
    assert (first != generated(2, 8.0, 150.0, 0.001, 1.0, 4).plate).any()
    assert {zone.direction for zone in parking().site("p", 5).cameras[0].zones} == {None}


def test_vehicles_of_a_mirrored_view_are_mirrored(shared_dir: Path) -> None:
    for seed in range(8):
        scene = compose("test", "traffic", seed)
        cutout, _ = vehicle(scene, np.random.default_rng(0))
        scene.view = type(scene.view)(mirror=not scene.view.mirror)
        other, _ = vehicle(scene, np.random.default_rng(0))
        assert (cutout.colour == other.colour[:, ::-1]).all()
