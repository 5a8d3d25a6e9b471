"""Lane statistics: intervals, observed time, occupancy, speeds, and going on from a saved state."""

import json
import random

import pytest
from prometheus_client import REGISTRY

from services.analyzer.lanes import LaneMeter
from services.analyzer.stage import CameraAnalyzer
from services.analyzer.worker import Worker
from shared import topics
from shared.bus.base import TopicSpec
from shared.bus.memory import MemoryBus
from shared.clock import NS, to_ns
from shared.messages import LaneStats
from shared.site import Zone
from tests.unit.analyzer_helpers import LANE, LANE_2, SHOULDER, analyzer, frame, make_site, thing
from tests.unit.lane_helpers import FPS, camera, counts, drive, meter, scene, scenes, view, watch


def only(told: list[LaneStats], zone: str = "lane-1") -> list[LaneStats]:
    return [stats for stats in told if stats.zone == zone]


def test_intervals_are_aligned_to_the_epoch_told_once_they_are_over_and_also_without_traffic() -> None:
    lanes = meter(seconds=20)
    frames = scenes(60, lambda t: view(1, 0.65, 0.51), start=1_000_007.05)  # no frame falls on a boundary
    told = []
    for item in frames:
        for stats in lanes.step(item):
            # On the first frame at or after its end; the frames are 0.1 s apart.
            assert stats.end <= item.captured_at < stats.end + NS // FPS
            told.append(stats)
    spans = [(stats.start // NS, stats.end // NS, stats.observed_s, stats.count) for stats in only(told)]
    assert spans == [
        (1_000_000, 1_000_020, 12.95, 0), (1_000_020, 1_000_040, 20.0, 0), (1_000_040, 1_000_060, 20.0, 0)
    ]  # fmt: skip
    (last,) = only(lanes.close())
    assert (last.start // NS, last.observed_s) == (1_000_060, 7.05)
    assert lanes.close() == []
    assert [stats.occupancy for stats in told] == [0.0, 1.0] * 3  # one stands on the second lane's line all the time


def test_a_frame_on_the_boundary_and_what_passes_on_it_belong_to_the_new_interval() -> None:
    frames = [scene([view(1, 0.35, y, speed=(0, 2.0))], t) for t, y in ((9.8, 0.1), (9.9, 0.3), (10.0, 0.6))]
    first, second = only(watch(meter(seconds=10), frames))
    assert (first.count, second.count, first.observed_s, second.observed_s) == (0, 1, 0.2, 0.0)


def test_occupancy_is_the_share_of_time_in_which_a_footprint_lies_over_the_line() -> None:
    """The footprint is 0.04 high (0.4 of the box): at 0.02 a frame it lies over the line at 0.5 on the frames on
    which the ground point is at 0.50, 0.52 and 0.54, so for 0.3 s."""
    lanes = meter(seconds=10)
    car, lorry = drive(1, (0.35, 0.4001), (0, 0.2)), drive(2, (0.35, 0.3001), (0, 0.2), at=4, label="truck")
    (first, _) = only(watch(lanes, scenes(10, car, lorry)))
    assert first.occupancy == pytest.approx(2 * 0.2 / 10)
    frames = scenes(10, drive(1, (0.35, 0.4), (0, 0.2)), lambda t: view(9, 0.65, 0.52) if t < 4 else None)
    told = watch(meter(seconds=10), frames)
    assert only(told, "lane-2")[0].occupancy == pytest.approx(0.4)  # it stood on the line for 4 of 10 s
    assert only(told, "lane-2")[0].count == 0
    assert only(told, "lane-2")[0].mean_vehicles == pytest.approx(0.4)


def test_two_vehicles_over_the_line_at_once_occupy_it_once_and_each_class_for_itself() -> None:
    frames = scenes(
        10,
        lambda t: view(1, 0.3, 0.51),
        lambda t: view(2, 0.4, 0.51, "bus") if t < 5 else None,
        lambda t: view(3, 0.35, 0.52),
    )
    first, _ = only(watch(meter(seconds=10), frames))
    assert (first.occupancy, first.mean_vehicles) == (1.0, 2.5)
    assert {item.label: (item.occupancy, item.occupied_s) for item in first.classes} == {
        "car": (1.0, 10.0),
        "bus": (0.5, 5.0),
    }


def test_speeds_flow_and_classes() -> None:
    speeds = [60, 70, 80, 90, 100, 110, 120]
    cars = [drive(n, (0.35, 0.1), (0, 0.4), at=3.0 * n, kmh=kmh) for n, kmh in enumerate(speeds)]
    unknown = drive(99, (0.35, 0.1), (0, 0.4), at=24, label="truck")
    first, _ = only(watch(meter(seconds=30), scenes(30, *cars, unknown)))
    assert (first.count, first.flow_per_h, first.observed_s) == (8, 960.0, 30.0)
    assert (first.mean_speed_kmh, first.p15_speed_kmh, first.p85_speed_kmh) == (90.0, 70.0, 110.0)
    assert {item.label: (item.count, item.speeds, item.mean_speed_kmh) for item in first.classes} == {
        "car": (7, 7, 90.0), "truck": (1, 0, None)
    }  # fmt: skip
    assert first.mean_speed_sizes_per_s == pytest.approx(0.4 / view(1, 0, 0).size, abs=0.01)


def test_a_lane_of_which_next_to_nothing_was_seen_has_no_flow() -> None:
    told = only(watch(meter(), scenes(9, drive(1, (0.35, 0.1), (0, 0.4)))))
    assert [(stats.count, stats.flow_per_h) for stats in told] == [(1, None)]
    (one_frame,) = only(watch(meter(), [scene([], 5.0)]))
    assert (one_frame.observed_s, one_frame.occupancy, one_frame.mean_vehicles) == (0.0, None, None)


def test_a_gap_is_not_observed_and_intervals_without_a_frame_are_not_told() -> None:
    standing = view(1, 0.35, 0.51)
    before = [scene([standing], 0.1 * index) for index in range(51)]  # until 5 s
    after = [scene([], 47.0 + 0.1 * index) for index in range(31)]
    told = only(watch(meter(seconds=10), before + after))
    assert [(stats.start // NS, stats.observed_s, stats.occupancy) for stats in told] == [
        (0, 5.0, 1.0),
        (40, 3.0, 0.0),
        (50, 0.0, None),
    ]


def test_a_slow_camera_has_no_gaps_for_being_slow() -> None:
    frames = [scene([view(1, 0.35, 0.51)], 2.0 * index) for index in range(11)]
    told = only(watch(meter(seconds=10, fps=0.5), frames))
    assert [(stats.observed_s, stats.occupancy) for stats in told] == [(10.0, 1.0), (10.0, 1.0), (0.0, None)]
    assert [stats.observed_s for stats in only(watch(meter(seconds=10), frames))] == [0.0, 0.0, 0.0]


def test_late_and_repeated_frames_change_nothing_and_a_clock_set_back_ends_the_interval() -> None:
    stage = analyzer()
    for index in range(100):
        stage.step(frame(index, [thing("car", 0.35, 0.15 + 0.008 * index)], 1000 + index / 10))
    for repeated in (frame(50, [], 1005.0), frame(100, [], 1008.5)):
        assert stage.step(repeated).lane_stats == []
    told = stage.step(frame(101, [], 500.0)).lane_stats
    first = told[0]
    assert [stats.zone for stats in told] == ["lane-1", "lane-2", "shoulder"]
    assert (first.start // NS, first.observed_s, first.count) == (960, 9.9, 1)
    assert [stats.start // NS for stats in stage.close()] == [480, 480, 480]


def test_statistics_name_the_run_and_survive_the_wire() -> None:
    stage = analyzer()
    for index in range(700):
        told = stage.step(frame(index, [], index / 10).model_copy(update={"run": "night"})).lane_stats
        for stats in told:
            assert (stats.run, stats.camera, stats.start, stats.end) == ("night", "cam", 0, 60 * NS)
            assert LaneStats.from_bytes(stats.to_bytes()) == stats
    assert stage.close()


def test_the_site_says_how_long_an_interval_is() -> None:
    site = make_site().model_copy(update={"lane_stats_s": 10})
    stage = CameraAnalyzer(site, site.cameras[0])
    ends = [stats.end // NS for index in range(351) for stats in stage.step(frame(index, [])).lane_stats]
    assert sorted(set(ends)) == [10, 20, 30]


def busy_road(seed: int, seconds: float = 25) -> list:
    """Traffic on two lanes with broken tracks, missed frames, lane changes and a parked car."""
    chance = random.Random(seed)
    cars = []
    for number in range(14):
        x, pace = chance.choice([0.35, 0.48, 0.65]), chance.uniform(0.1, 0.6)
        at, drift = chance.uniform(0, seconds - 5), chance.choice([0.0, 0.0, 0.03])
        cut, gap = at + 0.3 / pace, chance.uniform(0, 1.0)
        onward = (x + drift * (cut - at + gap), 0.4 + pace * gap)
        kmh = chance.choice([None, 80.0])
        cars.append(drive(2 * number, (x, 0.1), (drift, pace), at=at, until=cut, kmh=kmh))
        cars.append(drive(2 * number + 1, onward, (drift, pace), at=cut + gap, kmh=kmh))
    return scenes(seconds, *cars, lambda t: view(99, 0.7, 0.505) if chance.random() < 0.7 else None)


@pytest.mark.parametrize("seed", range(4))
def test_a_hand_over_before_every_frame_changes_nothing(seed: int) -> None:
    frames = busy_road(seed)
    undisturbed = watch(meter(seconds=10), frames)
    lanes = meter(seconds=10)
    told = []
    for item in frames:
        state = json.loads(json.dumps(lanes.state()))
        lanes = meter(seconds=10)
        assert lanes.restore(state)
        told += lanes.step(item)
    assert told + lanes.close() == undisturbed
    assert sum(counts(undisturbed).values()) >= 8


def test_sums_go_on_only_with_the_same_lanes_and_intervals() -> None:
    lanes = meter()
    lanes.step(scene([view(1, 0.35, 0.4)], 0.0))
    state = json.loads(json.dumps(lanes.state()))
    moved = LANE.model_copy(update={"direction": (0.5, 1.0)})
    assert meter().restore(state)
    assert not LaneMeter(camera(), 30 * NS).restore(state)
    assert not meter([moved, LANE_2]).restore(state)
    # A zone that is no lane does not matter.
    yard = Zone(id="yard", kind="restricted", polygon=SHOULDER.polygon)
    assert meter([LANE, LANE_2, yard]).restore(state)


def test_an_analyzer_whose_lanes_have_changed_says_so_and_begins_their_sums_anew() -> None:
    stage = analyzer()
    for index in range(100):
        stage.step(frame(index, []))
    state = json.loads(json.dumps(stage.state()))
    same, other, older = analyzer(), analyzer(make_site([LANE])), analyzer()
    assert same.restore(state) == []
    assert other.restore(state) == ["lanes"]
    assert older.restore({key: value for key, value in state.items() if key != "lanes"}) == []
    assert analyzer().restore(state | {"lanes": {"of": "another version"}}) == ["lanes"]
    for restored, observed in ((same, 10.0), (other, 0.0), (older, 0.0)):
        restored.step(frame(100, []))
        assert restored.close()[0].observed_s == observed


def test_a_days_traffic_in_one_interval_takes_no_more_than_a_few_kilobytes() -> None:
    lanes = meter(seconds=3600)
    chance = random.Random(1)
    for number in range(1500):
        t = 0.3 * number
        kmh = round(chance.uniform(20, 200), 1)
        lanes.step(scene([view(number, 0.35, 0.45, speed=(0, 1))], t))
        lanes.step(scene([view(number, 0.35, 0.55, speed=(0, 1), kmh=kmh)], t + 0.1))
    assert len(json.dumps(lanes.state())) < 8000
    assert counts(lanes.close())["lane-1"] == 1500
    assert to_ns(0.3 * 1500) < 3600 * NS


def test_live_lanes_are_counted_in_the_metrics_and_replays_are_not() -> None:
    def sample(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, {"camera": "cam", "zone": "lane-1"} | labels) or 0.0

    def read() -> list[float]:
        car = [
            sample(f"wayside_lane_{name}_total", **{"class": "car"})
            for name in ("vehicles", "occupied_seconds", "speed_kmh", "speeds")
        ]
        return [*car, sample("wayside_lane_observed_seconds_total")]

    bus = MemoryBus()
    bus.ensure_topics([TopicSpec(topics.DETECTIONS, 1), *topics.SPECS])
    worker = Worker(bus, producer := bus.producer(), make_site(), 5.0)
    before = read()
    for run in (None, "night"):
        for index in range(601):
            item = frame(index, [thing("car", 0.35, 0.12 + 0.01 * index)] if index < 80 else [])
            value = item.model_copy(update={"run": run}).to_bytes()
            producer.send(topics.DETECTIONS, value, key="cam", timestamp_ms=index)
    consumer = bus.consumer([topics.DETECTIONS], group=topics.ANALYZER_GROUP)
    while batch := consumer.poll(500, timeout_s=0):
        worker.process(batch, consumer)
    told = [LaneStats.from_bytes(r.value) for r in bus.consumer([topics.LANE_STATS], group=None).poll(99, timeout_s=0)]
    assert [(item.run, item.zone, item.count) for item in told] == [
        (run, zone, int(zone == "lane-1")) for run in (None, "night") for zone in ("lane-1", "lane-2", "shoulder")
    ]
    grown = [after - first for first, after in zip(before, read(), strict=True)]
    assert grown == pytest.approx([1, told[0].classes[0].occupied_s, 0, 0, 60.0])
    assert grown[1] > 0
