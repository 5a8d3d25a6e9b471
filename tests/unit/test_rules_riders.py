"""Who rides is not on foot, also where a detector misses the motorcycle."""

import json
import math
from collections.abc import Callable

import pytest

from shared.messages import DetectedObject, Incident
from tests.unit.analyzer_helpers import FPS, LANE, Mover, analyzer, frame, make_site, play, summary, thing

HORIZON = 0.1
ROAD = LANE.model_copy(update={"polygon": [(0.34, 0.15), (0.36, 0.15), (0.65, 1.0), (0.05, 1.0)]})
TOLD = [("person-on-lane", "opened")]


def on_the_road(label: str, metres: Callable[[float], float], shares: tuple[float, float], score: float = 0.8) -> Mover:
    """Something that is `metres(t)` before the camera, which hangs 8 m above the road; picture heights are true.

    Args:
        shares: width and height, metres.
    """

    def mover(t: float) -> DetectedObject | None:
        away = metres(t)
        if not 9.0 < away < 120.0:
            return None
        scale = 1.0 / away  # picture heights per metre
        y = HORIZON + 8.0 * scale
        width, height = shares[0] * scale * 720 / 1280, shares[1] * scale
        return thing(label, 0.35, y, width, height, score) if y - height > 0 else None

    return mover


def cars(speed: float, *, every_s: float = 6.0, until_s: float = 60.0, towards: bool = True) -> Mover:
    """One car after the other, `speed` in m/s."""

    def away(t: float) -> float:
        driven = speed * (t % every_s)
        if t > until_s:
            return math.inf
        return 100.0 - driven if towards else 10.0 + driven

    return on_the_road("car", away, (1.8, 1.5))


def someone(speed: float, start: float, label: str = "person", origin: float = 60.0, score: float = 0.8) -> Mover:
    """Comes towards the camera at `speed` m/s from `start` on; a box as tall as a rider or a walker."""
    return on_the_road(label, lambda t: origin - speed * (t - start) if t >= start else math.inf, (0.6, 1.7), score)


def persons(changes: list[Incident]) -> list[tuple[str, str]]:
    return [pair for pair in summary(changes) if pair == TOLD[0]]


def run(seconds: float, *movers: Mover) -> list[tuple[str, str]]:
    return persons(play(seconds, *movers, stage=analyzer(make_site([ROAD]))))


def test_a_rider_who_keeps_the_pace_of_the_cars_before_him_is_not_on_foot() -> None:
    assert run(68, cars(17), someone(17, 62.0)) == []
    assert run(68, cars(17), someone(12, 62.0)) == []


@pytest.mark.parametrize(("before_him", "told"), [(3, []), (2, TOLD)])
def test_cars_that_are_still_on_their_way_show_their_pace_too(before_him: int, told: list[tuple[str, str]]) -> None:
    ahead = [on_the_road("car", lambda t, at=at: at - 17 * t, (1.8, 1.5)) for at in (84, 74, 64)[:before_him]]
    assert run(3.4, *ahead, someone(17, 2.0)) == told


@pytest.mark.parametrize(("score", "speed", "told"), [(0.4, 12.0, []), (0.5, 12.0, TOLD), (0.4, 5.0, TOLD)])
def test_one_car_shows_the_pace_to_who_is_hardly_a_person(
    score: float, speed: float, told: list[tuple[str, str]]
) -> None:
    """Who runs along the lane is told all the same."""
    ahead = on_the_road("car", lambda t: 84 - 17 * t, (1.8, 1.5))
    assert run(6.0, ahead, someone(speed, 2.0, score=score)) == told


def test_who_runs_behind_a_bicycle_is_told() -> None:
    ahead = on_the_road("bicycle", lambda t: 40 - 4 * t, (0.6, 1.7))
    assert run(6.0, ahead, someone(3.0, 2.0, origin=36.0, score=0.4)) == TOLD


def test_on_a_taxiway_he_is_told() -> None:
    taxiway = make_site([ROAD.model_copy(update={"kind": "taxiway"})])
    assert persons(play(68, cars(17), someone(17, 62.0), stage=analyzer(taxiway))) == TOLD


def test_without_traffic_before_him_nobody_can_tell() -> None:
    assert run(68, someone(12, 62.0)) == TOLD


@pytest.mark.parametrize("speed", [0.0, 1.4, 3.0, 5.0])
def test_who_walks_or_runs_on_a_lane_of_free_traffic_is_told(speed: float) -> None:
    assert run(72, cars(17), someone(speed, 62.0, origin=30.0)) == TOLD


def test_who_comes_against_the_traffic_is_told_however_fast() -> None:
    assert run(68, cars(12, towards=False), someone(12, 62.0)) == TOLD


def test_who_walks_along_with_a_crawling_queue_is_told() -> None:
    crawl = [on_the_road("car", lambda t, at=at: 20.0 + at - 1.5 * t, (1.8, 1.5)) for at in range(0, 120, 7)]
    assert run(68, *crawl, someone(1.4, 55.0, origin=30.0)) == TOLD


def test_who_walks_along_with_a_queue_that_slowed_down_bit_by_bit_is_told() -> None:
    """Free traffic, then 40 cars, each a little slower than the one before, down to walking pace."""
    stage, changes, clock = analyzer(make_site([ROAD])), [], 0
    for speed in [17.0] * 10 + [17.0 - 0.39 * number for number in range(40)]:
        passing = on_the_road("car", lambda t, v=speed: 70.0 - v * t, (1.8, 1.5))
        for step in range(round(60.0 / speed * FPS)):
            item = passing(step / FPS)
            changes += stage.step(frame(clock, [item] if item else [])).incidents
            clock += 1
    walker = someone(1.5, 0.0, origin=25.0)
    for step in range(60):
        item = walker(step / FPS)
        changes += stage.step(frame(clock, [item] if item else [])).incidents
        clock += 1
    assert persons(changes) == TOLD


def test_a_rider_and_his_motorcycle_are_seen_by_turns() -> None:
    """Empty road, as slow as a runner: the motorcycle is found for a second, then the rider alone for a longer time."""
    rider, wheels = someone(6.0, 2.5), someone(6.0, 2.5, "motorcycle")
    by_turns = lambda t: wheels(t) if t % 2.5 < 1.0 else rider(t)  # noqa: E731
    assert run(11, by_turns) == []


def test_who_stands_where_a_motorcycle_was_is_told() -> None:
    """After a fall: the motorcycle is found for a second, the rider stands at the place."""
    rider, wheels = someone(0.0, 1.0, origin=30.0), someone(0.0, 1.0, "motorcycle", origin=30.0)
    assert run(9, lambda t: wheels(t) if t < 3.0 else rider(t)) == TOLD


def test_the_pace_outlives_a_change_of_owner_and_a_parked_car_does_not_fill_the_memory() -> None:
    site = make_site([ROAD])
    first, edge = analyzer(site), 30.0
    parked = on_the_road("car", lambda t: edge + 0.4 * ((round(t * FPS) * 7) % 5 - 2), (1.8, 1.5))
    play(62, cars(17), parked, stage=first)
    state = json.loads(json.dumps(first.state()))
    assert len(json.dumps(state["rules"]["person-on-lane"])) < 6000
    second = analyzer(site)
    assert second.restore(state) == []
    assert persons(play(6, someone(17, 62.0), stage=second, start=620)) == []


def test_a_state_without_a_pace_is_taken_over() -> None:
    site = make_site([ROAD])
    first = analyzer(site)
    play(6, someone(0.0, 1.0, origin=30.0), stage=first)
    state = json.loads(json.dumps(first.state()))
    state["rules"]["person-on-lane"] = state["rules"]["person-on-lane"]["persons"]
    second = analyzer(site)
    assert second.restore(state) == []
    assert persons(play(4, someone(0.0, 1.0, origin=30.0), stage=second, start=60)) == []
