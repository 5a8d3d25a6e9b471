"""Queues: who waits is congestion, who heads the queue or stands alone is a stopped vehicle."""

import pytest

from services.analyzer.rules.standing import Stands
from services.analyzer.scene import Scene, TrackView
from services.analyzer.stage import CameraAnalyzer
from shared.clock import NS
from shared.messages import DetectedObject, FrameRef, Incident
from shared.site import Ground, Rule
from tests.unit.analyzer_helpers import LANE, Mover, analyzer, make_site, play, still, stopping, summary, thing, travel


def of(changes: list[Incident], incident: str) -> list[Incident]:
    return [change for change in changes if change.incident == incident and change.change != "updated"]


def leaving(y: float, go_s: float) -> Mover:
    """Stands from the first frame and drives off down the picture."""

    def mover(t: float) -> DetectedObject | None:
        at = y + 0.2 * max(0.0, t - go_s)
        return thing("car", 0.35, at) if at <= 1.0 else None

    return mover


JAM = [still("car", 0.35, y) for y in (0.95, 0.8, 0.65, 0.5, 0.35)]


def test_a_car_that_stops_with_followers_behind_it_is_one_stopped_vehicle_in_time() -> None:
    changes = play(
        60,
        stopping("car", 0.35, stop_y=0.6, stop_s=3.0),
        stopping("car", 0.35, stop_y=0.45, stop_s=6.0),
        stopping("car", 0.35, stop_y=0.3, stop_s=9.0),
        stopping("truck", 0.35, stop_y=0.15, stop_s=11.0),
    )
    (head,) = of(changes, "stopped-vehicle")
    assert head.box[3] == pytest.approx(0.6, abs=0.02)
    assert head.detected_at / NS == pytest.approx(13.0, abs=1.5)
    assert [change.change for change in of(changes, "congestion")] == ["opened"]


def test_a_follower_that_moves_up_to_the_place_of_the_head_is_a_new_incident() -> None:
    def moving_up(y: float, at_s: float) -> Mover:
        return lambda t: thing("car", 0.35, y + 0.075 * min(max(0.0, t - at_s), 2.0))

    changes = of(
        play(60, leaving(0.6, 30.0), moving_up(0.45, 30.5), moving_up(0.3, 31.0), moving_up(0.15, 31.5)),
        "stopped-vehicle",
    )
    assert [change.change for change in changes] == ["opened", "closed", "opened"]
    assert changes[1].ended_at is not None
    assert changes[1].ended_at / NS == pytest.approx(30.0, abs=2.0)
    assert changes[2].detected_at / NS == pytest.approx(42.0, abs=2.5)


def test_the_tail_of_a_jam_that_leaves_the_picture_is_congestion_alone() -> None:
    changes = play(120, *JAM)
    assert [(change.incident, change.change) for change in changes] == [("congestion", "opened")]


def test_two_cars_after_a_crash_are_stopped_vehicles() -> None:
    changes = play(20, still("car", 0.35, 0.6), still("car", 0.35, 0.48))
    assert summary(changes) == [("stopped-vehicle", "opened")] * 2


def test_a_lone_car_beside_flowing_traffic_and_a_jam_on_the_next_lane_is_told() -> None:
    flow = [travel("car", (0.45, 0.12), (0.0, 0.25), start=2.0 * n) for n in range(10)]
    jam = [still("car", 0.65, y) for y in (0.95, 0.8, 0.65, 0.5)]
    changes = play(20, still("car", 0.25, 0.5), *flow, *jam)
    assert [change.zone for change in of(changes, "stopped-vehicle")] == ["lane-1"]
    assert changes[0].detected_at / NS < 12.0


def test_a_car_that_stays_when_its_queue_has_gone_is_told_after_the_time_to_follow() -> None:
    changes = play(60, leaving(0.95, 30), leaving(0.8, 30), leaving(0.65, 1e9))
    (left,) = of(changes, "stopped-vehicle")
    assert left.detected_at / NS == pytest.approx(41.0, abs=2.0)


def test_a_queue_that_moves_off_car_by_car_is_no_stopped_vehicle() -> None:
    changes = play(80, *[leaving(0.95 - 0.15 * n, 30 + 2.5 * n) for n in range(5)])
    assert of(changes, "stopped-vehicle") == []


def test_without_a_direction_the_zone_learns_it_from_traffic() -> None:
    site = make_site([LANE.model_copy(update={"direction": None})])
    flow = [travel("car", (0.35, 0.12), (0.0, 0.25), start=2.0 * n) for n in range(12)]
    jam = [still("car", 0.35, y, start=30) for y in (0.95, 0.8, 0.65, 0.5)]
    assert of(play(60, *flow, *jam, stage=analyzer(site)), "stopped-vehicle") == []
    # Never seen to flow, either end of a queue may be its head: the inner cars wait, the free end is told.
    ends = of(play(60, *JAM[:-1], stage=analyzer(site)), "stopped-vehicle")
    assert [round(change.box[3], 1) for change in ends] == [0.5]


def test_congestion_opens_once_through_stop_and_go_and_closes_when_it_has_gone() -> None:
    def creeping(base: float) -> Mover:
        def mover(t: float) -> DetectedObject | None:
            y = base + 0.15 * (t // 9 + min(1.0, max(0.0, t % 9 - 8)))
            return thing("car", 0.35, y) if t < 45 else None

        return mover

    changes = of(play(80, *[creeping(base) for base in (0.12, 0.24, 0.36)]), "congestion")
    assert [change.change for change in changes] == ["opened", "closed"]
    assert changes[0].started_at / NS == pytest.approx(0.5, abs=0.5)
    assert changes[0].detected_at / NS == pytest.approx(20.5, abs=1.0)
    assert changes[1].ended_at is not None
    assert changes[1].ended_at / NS == pytest.approx(45.0, abs=1.0)


def test_congestion_is_updated_when_the_queue_has_grown() -> None:
    changes = play(60, *JAM[:3], *[still("car", 0.35, y, start=30) for y in (0.5, 0.35)])
    assert summary(changes) == [("congestion", "opened"), ("congestion", "updated")]
    assert [len(change.track_ids) for change in changes] == [3, 5]


def test_two_vehicles_and_flowing_traffic_are_no_congestion() -> None:
    flow = [travel("car", (0.35, 0.12), (0.0, 0.3), start=1.0 * n) for n in range(40)]
    changes = play(40, *flow, still("car", 0.25, 0.5), still("car", 0.25, 0.4))
    assert of(changes, "congestion") == []


@pytest.mark.parametrize(("calibrated", "expected"), [(False, []), (True, [("congestion", "opened")])])
def test_a_calibrated_camera_judges_by_kilometres_per_hour(calibrated: bool, expected: list[tuple[str, str]]) -> None:
    """0.08 of the picture a second is 0.78 sizes, faster than a crawl; 4 m (14 km/h) where its height is 50 m."""
    corners = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
    ground = Ground(pixels=corners, metres=[(x * 80, y * 50) for x, y in corners])
    site = make_site([LANE], [Rule(incident="congestion", after_s=3)])
    camera = site.cameras[0].model_copy(update={"ground": ground if calibrated else None})
    cars = [travel("car", (0.35, y), (0.0, 0.08)) for y in (0.12, 0.27, 0.42)]
    assert summary(play(6.5, *cars, stage=CameraAnalyzer(site, camera))) == expected


def test_cars_that_are_parked_on_a_shoulder_from_the_start_are_known_until_they_leave() -> None:
    def parked(t: float) -> DetectedObject | None:
        if t < 60:
            return thing("car", 0.9, 0.5)
        y = 0.5 + 0.2 * (t - 60)
        return thing("car", 0.9, y) if y < 1.0 else None

    second = stopping("car", 0.9, stop_y=0.5, stop_s=70.0)
    changes = play(120, parked, lambda t: second(t) if t > 66 else None)
    assert summary(changes) == [("stopped-vehicle", "opened")]
    assert changes[0].started_at / NS == pytest.approx(70.0, abs=1.5)


def test_a_car_that_is_parked_on_a_lane_from_the_start_is_told() -> None:
    assert summary(play(15, still("car", 0.35, 0.5))) == [("stopped-vehicle", "opened")]


def bend(n: int) -> tuple[float, float]:
    """Places along a lane that bends to the left as it goes away, from near to far."""
    y = 0.95 - 0.13 * n
    return 0.6 - 0.55 * (0.95 - y) ** 2, y


def test_a_queue_in_a_bend_is_one_queue() -> None:
    left, right = [[(bend(n)[0] + side, bend(n)[1]) for n in range(7)] for side in (-0.05, 0.05)]
    curved = LANE.model_copy(update={"polygon": [*left, *right[::-1]], "direction": (0.0, 1.0)})
    jam = [still("car", *bend(n)) for n in range(6)]
    changes = play(40, *jam, stage=analyzer(make_site([curved])))
    assert of(changes, "stopped-vehicle") == []
    assert [change.change for change in of(changes, "congestion")] == ["opened"]


def test_a_car_beyond_the_last_visible_one_of_a_queue_is_no_stopped_vehicle_for_half_a_minute() -> None:
    """Two cars of its own lane are seen, too far apart for a row; the lane beside shows that it is a queue."""
    seen = [still("car", 0.42, 0.95), still("car", 0.42, 0.45), still("car", 0.58, 0.9), still("car", 0.58, 0.6)]
    opened = of(play(45, *seen), "stopped-vehicle")
    assert opened
    assert min(change.detected_at for change in opened) / NS == pytest.approx(30.0, abs=1.0)
    alone = of(play(12, seen[1]), "stopped-vehicle")
    assert alone[0].detected_at / NS == pytest.approx(10.0, abs=1.0)


def test_a_car_that_takes_the_place_of_the_one_before_it_waits_for_its_own_time() -> None:
    def moving_up(y: float) -> Mover:
        return lambda t: thing("car", 0.42, y + 0.15 * min(max(0.0, t - 20.0), 1.0))

    others = [still("car", 0.42, 0.95), still("car", 0.58, 0.9), still("car", 0.58, 0.3)]
    opened = of(play(70, moving_up(0.45), moving_up(0.3), *others), "stopped-vehicle")
    (second,) = [change for change in opened if change.box[0] < 0.5 and change.box[3] < 0.5]
    assert second.detected_at / NS == pytest.approx(50.0, abs=2.0)


def test_who_moves_up_quickly_and_stands_again_ahead_is_no_flowing_traffic() -> None:
    def quick(t: float) -> DetectedObject | None:
        return thing("car", 0.42, 0.6 + 0.35 * min(max(0.0, t - 3.0), 1.0))

    others = [still("car", 0.42, 0.3), still("car", 0.58, 0.9), still("car", 0.58, 0.5)]
    opened = of(play(45, quick, *others), "stopped-vehicle")
    assert opened
    assert min(change.detected_at for change in opened) / NS == pytest.approx(30.0, abs=1.0)
    # One that does not come to rest in view shows that the lane is free.
    gone = travel("car", (0.42, 0.6), (0.0, 0.35), start=3.0)
    assert of(play(12, gone, *others), "stopped-vehicle")[0].detected_at / NS == pytest.approx(10.0, abs=1.0)


def test_a_car_that_drives_over_a_place_where_another_stood_does_not_stand_there() -> None:
    """It takes the rest of the place along for a frame (motion.py), but drives on."""

    def scene(velocity: tuple[float, float] | None) -> Scene:
        track = TrackView(
            track_id=1, label="car", score=0.8, box=(0.3, 0.5, 0.4, 0.6), ground=(0.62, 0.6), size=0.13, zones=(LANE,),
            rest_since=0, settled_since=9 * NS, rest_score=0.8, rest_seen=1.0, velocity=velocity,
        )  # fmt: skip
        ref = FrameRef(topic="frames", partition=0, offset=1, captured_at=10 * NS)
        return Scene("cam", None, 10 * NS, 16 / 9, "test@0", ref, (track,))

    stands = Stands([LANE.id])
    stands.update(scene((0.0, 1.1)))
    stands.update(scene(None))
    assert stands.seen(10 * NS) == []
    stands.update(scene((0.0, 0.05)))
    assert [stand.track_ids for stand in stands.seen(10 * NS)] == [[1]]


def test_a_car_that_stopped_and_went_with_its_queue_waits_though_nobody_is_seen_ahead_of_it() -> None:
    """It moves up at 20 s; those ahead are no longer found then, those behind and on the lane beside still are."""

    def moving_up(y: float) -> Mover:
        return lambda t: thing("car", 0.35, y + 0.075 * min(max(0.0, t - 20.0), 2.0))

    ahead = [still("car", 0.35, y, end=20.0) for y in (0.75, 0.63)]
    behind, beside = [moving_up(y) for y in (0.3, 0.15)], [still("car", 0.52, y) for y in (0.35, 0.2)]
    opened = of(play(45, *ahead, moving_up(0.45), *behind, *beside), "stopped-vehicle")
    own = [change for change in opened if change.box[3] > 0.55 and change.box[0] < 0.4]
    assert own == []
    late = of(play(60, *ahead, moving_up(0.45), *behind, *beside), "stopped-vehicle")
    (told,) = [change for change in late if change.box[3] > 0.55 and change.detected_at > 25 * NS]
    assert told.detected_at / NS == pytest.approx(51.0, abs=1.5)
