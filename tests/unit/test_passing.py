"""Counting: every vehicle that passes a lane's line counts once, and nothing else does."""

import math

import pytest

from services.analyzer.scene import TrackView
from shared.site import Zone
from tests.unit.analyzer_helpers import LANE, LANE_2, analyzer, frame, thing
from tests.unit.lane_helpers import Driver, counts, drive, meter, scene, scenes, view, watch

WHOLE = Zone(id="road", kind="lane", polygon=[(0.1, 0.0), (0.9, 0.0), (0.9, 1.0), (0.1, 1.0)], direction=(0, 1))


def counted(seconds: float, *drivers: Driver, zones: tuple[Zone, ...] = (LANE, LANE_2)) -> dict[str, int]:
    return counts(watch(meter(zones), scenes(seconds, *drivers, zones=zones)))


@pytest.mark.parametrize("speed", [0.03, 0.2, 0.9, 2.5])
@pytest.mark.parametrize("way", [1, -1])
def test_one_pass_counts_once_at_any_speed_and_either_way(speed: float, way: int) -> None:
    start = 0.1 if way > 0 else 0.95
    assert counted(30, drive(1, (0.35, start), (0, way * speed))) == {"lane-1": 1, "lane-2": 0}


def test_vehicles_of_two_lanes_count_each_in_its_own() -> None:
    cars = [drive(n, (0.35 if n % 3 else 0.65, 0.1), (0, 0.3), at=n * 1.5) for n in range(9)]
    assert counted(30, *cars) == {"lane-1": 6, "lane-2": 3}


def test_who_enters_beyond_the_line_or_leaves_before_it_does_not_count() -> None:
    turns_off = drive(1, (0.35, 0.1), (0, 0.2), until=1.5)
    begins_late = drive(2, (0.35, 0.6), (0, 0.2))
    from_the_side = drive(3, (0.05, 0.7), (0.1, 0.02))
    assert counted(10, turns_off, begins_late, from_the_side) == {"lane-1": 0, "lane-2": 0}


def test_a_parked_vehicle_never_counts_however_its_box_jitters_on_the_line() -> None:
    def parked(t: float) -> TrackView:
        return view(1, 0.35, 0.5 + 0.012 * math.sin(37 * t))

    assert counted(60, parked) == {"lane-1": 0, "lane-2": 0}


def test_one_that_parks_on_the_line_and_goes_on_later_counts_once() -> None:
    def driver(t: float) -> TrackView:
        return view(1, 0.35, min(0.1 + 0.2 * t, 0.505 + 0.008 * math.sin(31 * t)) + max(0.0, 0.2 * (t - 30)))

    assert counted(32, driver) == {"lane-1": 1, "lane-2": 0}


def test_one_that_comes_over_the_line_and_backs_off_counts_once() -> None:
    assert counted(12, lambda t: view(1, 0.35, 0.5 + 0.3 * math.sin(1.5 * t - 1.5))) == {"lane-1": 1, "lane-2": 0}


def test_one_that_reaches_over_the_line_backs_off_and_passes_in_the_other_lane_counts_there() -> None:
    there = [(0.48, 0.42), (0.48, 0.47), (0.48, 0.51), (0.48, 0.47)]
    places = [*there, (0.48, 0.46), (0.52, 0.46), (0.52, 0.47), (0.52, 0.48), (0.52, 0.52), (0.52, 0.57)]
    frames = [scene([view(1, x, y)], 0.3 * index) for index, (x, y) in enumerate(places)]
    assert counts(watch(meter(), frames)) == {"lane-1": 0, "lane-2": 1}


def test_a_new_track_takes_nothing_from_one_that_is_in_view_or_of_another_size() -> None:
    first = drive(1, (0.35, 0.1), (0, 0.2))
    # It begins beyond the line, close to the one that is about to cross it: another vehicle, a trailer, a second box.
    beside = drive(2, (0.33, 0.53), (0, 0.2), at=1.9, label="truck")
    told = watch(meter(), scenes(5, first, beside))[0]
    assert {item.label: item.count for item in told.classes} == {"car": 1, "truck": 0}

    def motorcycle(t: float) -> TrackView | None:
        return view(2, 0.35, 0.52 + 0.2 * (t - 2), "motorcycle", size=(0.02, 0.04)) if t >= 2 else None

    assert counted(5, drive(1, (0.35, 0.1), (0, 0.2), until=1.9), motorcycle) == {"lane-1": 0, "lane-2": 0}


@pytest.mark.parametrize("period", [0.1, 0.2, 0.3, 0.7])
def test_who_straddles_two_lanes_counts_in_one_of_them(period: float) -> None:
    def driver(t: float) -> TrackView:
        side = 1 if int(round(t * 10) / round(period * 10)) % 2 else -1
        return view(1, 0.5 + 0.01 * side, 0.1 + 0.12 * t)

    # Lines that are not quite level, as those of lanes with directions of their own are.
    slanting = LANE_2.model_copy(update={"direction": (0.25, 1.0)})
    assert sum(counted(7, driver, zones=(LANE, LANE_2)).values()) == 1
    assert sum(counted(7, driver, zones=(LANE, slanting)).values()) == 1


def test_a_change_of_lanes_counts_where_the_line_is_crossed() -> None:
    early, late = drive(1, (0.35, 0.1), (0.12, 0.2)), drive(2, (0.35, 0.1), (0.05, 0.2))
    assert counted(5, early) == {"lane-1": 0, "lane-2": 1}
    assert counted(5, late) == {"lane-1": 1, "lane-2": 0}


def test_zones_that_lie_on_each_other_count_each_for_itself() -> None:
    assert counted(5, drive(1, (0.35, 0.1), (0, 0.3)), zones=(LANE, WHOLE)) == {"lane-1": 1, "road": 1}


@pytest.mark.parametrize("hidden", [0.1, 0.5, 1.5])
@pytest.mark.parametrize("middle", [0.35, 0.5, 0.65])
def test_another_track_id_after_a_time_out_of_sight_counts_no_vehicle_twice_and_misses_none(
    hidden: float, middle: float
) -> None:
    speed = 0.2
    lost = (middle - 0.1) / speed - hidden / 2
    before = drive(1, (0.35, 0.1), (0, speed), until=lost)
    after = drive(2, (0.35, 0.1 + speed * (lost + hidden)), (0, speed), at=lost + hidden)

    assert counted(5, before, after) == {"lane-1": 1, "lane-2": 0}


def test_a_track_that_jumps_to_another_vehicle_has_not_passed_and_counts_again_there() -> None:
    """Its first vehicle passes; then the id is on the one behind, which passes too."""

    def driver(t: float) -> TrackView:
        return view(1, 0.35, 0.1 + 0.2 * t) if t < 3 else view(1, 0.35, 0.1 + 0.2 * (t - 3))

    assert counted(6, driver) == {"lane-1": 2, "lane-2": 0}
    # From before the line to beyond it, onto one that passed under its own id.
    assert counted(4, lambda t: view(1, 0.35, 0.2 + 0.05 * t + (0.5 if t > 1 else 0))) == {"lane-1": 0, "lane-2": 0}


def test_missed_frames_at_the_line_do_not_hide_a_passing() -> None:
    whole = drive(1, (0.35, 0.1), (0, 0.3))
    assert counted(5, lambda t: None if 1.0 < t < 1.7 else whole(t)) == {"lane-1": 1, "lane-2": 0}


@pytest.mark.parametrize("way", [(0.15, 0.0), (-0.15, 0.05), (0.0, 0.2), (0.1, -0.2)])
def test_without_a_direction_each_vehicle_has_its_line_across_its_own_travel(way: tuple[float, float]) -> None:
    apron = Zone(id="apron", kind="taxiway", polygon=[(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)])
    start = (0.5 - way[0] * 2.6, 0.5 - way[1] * 2.6)
    lanes = meter([apron])
    driver = drive(1, start, way, label="airplane")
    (stats,) = watch(lanes, scenes(6, driver, lambda t: view(2, 0.5, 0.5 + 0.002 * math.sin(9 * t)), zones=[apron]))
    assert {item.label: item.count for item in stats.classes} == {"airplane": 1}
    assert stats.occupancy is None
    assert stats.mean_vehicles is not None
    assert stats.mean_vehicles > 1


def test_only_vehicles_count_and_each_kind_of_zone_its_own() -> None:
    strip = [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)]
    kinds = ("lane", "shoulder", "runway", "taxiway", "stand", "crossing", "restricted")
    labels = ("car", "bicycle", "airplane", "boat", "person", "dog")
    told = {}
    for kind in kinds:
        zone = Zone(id=kind, kind=kind, polygon=strip, direction=(0, 1))
        drivers = [drive(n, (0.1 + 0.06 * n, 0.1), (0, 0.3), label=label) for n, label in enumerate(labels)]
        told[kind] = [
            item.label for stats in watch(meter([zone]), scenes(5, *drivers, zones=[zone])) for item in stats.classes
        ]
    road, air = ["bicycle", "car"], ["airplane", "bicycle", "car"]
    assert told == {"lane": road, "shoulder": road, "runway": air, "taxiway": air} | {kind: [] for kind in kinds[4:]}


def test_the_class_is_that_of_the_majority_when_it_passes() -> None:
    """A lorry that was a car on its first frames, through the tracker, which votes."""
    stage = analyzer()
    for index in range(60):
        label = "car" if index < 6 else "truck"
        stage.step(frame(index, [thing(label, 0.35, 0.15 + 0.015 * index)]))
    stats = stage.close()[0]
    assert {item.label: item.count for item in stats.classes if item.count} == {"truck": 1}


def test_a_camera_without_lanes_tells_nothing() -> None:
    stand = Zone(id="stand", kind="stand", polygon=[(0, 0), (1, 0), (1, 1)])
    assert watch(meter([stand]), [scene([view(1, 0.4, 0.4)], 0.0, [stand]), scene([], 99.0, [stand])]) == []
