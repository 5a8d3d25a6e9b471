"""Road that nobody has driven over: proven by its likeness to road beside it, or suspected for its unlikeness."""

import copy
from collections.abc import Sequence
from functools import cache

import numpy as np

from services.detector.memory.keeper import pack, unpack
from shared.clock import NS
from shared.surface import Surface
from tests.made_road import NO_BOXES, THING, Road, box

BESIDE = (0.56, 0.5, 0.62, 0.56)


def drive(road: Road, heights: Sequence[float]) -> None:
    """Two vehicles keep to the lane's left half, seen with their lower edge at these heights."""
    for _ in range(2):
        for bottom in heights:
            road.watch.follow(box(0.32, bottom - 0.2, 0.46, bottom, drives=True), road.now)
            road.now += NS // 10
        road.watch.follow(NO_BOXES, road.now)


ALL_THE_WAY = np.arange(0.2, 1.0, 0.05).tolist()


@cache
def _seen(thing: tuple[float, ...] | None, even: bool) -> tuple[Road, Surface]:
    """A road with a thing on it from the start, on whose left half two vehicles drive after a minute; and what is told
    of it a while later."""
    road = Road(even=even)
    road.show(60, thing)
    drive(road, ALL_THE_WAY)
    return road, road.show(12, thing)[-1]


def seen(thing: tuple[float, ...] | None = None, *, even: bool = True) -> tuple[Road, Surface]:
    road, told = _seen(thing, even)
    return copy.deepcopy(road), told


def test_what_looks_like_proven_road_at_its_height_counts_as_proven() -> None:
    _, told = seen()
    assert told.zones[0].proven == 1
    assert not told.regions
    _, other = seen(even=False)
    assert 0.1 < other.zones[0].proven < 0.7


def test_what_has_lain_there_since_the_first_look_is_told_below_the_threshold() -> None:
    road, told = seen(BESIDE)
    (region,) = told.regions
    assert 0.4 <= region.score < 0.5
    assert region.since == 0
    x1, y1, x2, y2 = region.box
    assert x1 < BESIDE[2] and x2 > BESIDE[0] and y1 < BESIDE[3] and y2 > BESIDE[1]  # noqa: PT018 (one condition)
    assert x2 - x1 < 0.15
    assert told.zones[0].proven < 1
    road.watch.confirm("lane")  # a person has looked: it belongs there
    after = road.show(1, BESIDE)[-1]
    assert not after.regions
    assert after.zones[0].proven == 1


def test_a_thing_between_alike_and_unlike_is_neither_proven_nor_told() -> None:
    road = Road(even=True)
    road.show(60, BESIDE, faint=0.36)
    drive(road, ALL_THE_WAY)
    told = road.show(12, BESIDE, faint=0.36)[-1]
    under = road.cells.under(np.array([BESIDE])).mean()
    assert not told.regions
    assert 1 - 1.5 * under < told.zones[0].proven < 1


def test_where_nothing_at_its_height_is_proven_nothing_is_like_it() -> None:
    road = Road(even=True)
    road.show(60, BESIDE)
    assert road.show(12, BESIDE)[-1].zones[0].proven == 0
    drive(road, [0.8, 0.85, 0.9])
    told = road.show(12, BESIDE)[-1]
    assert 0 < told.zones[0].proven < 0.4
    assert not told.regions


def test_a_snapshot_knows_at_once_what_is_alike_and_unlike() -> None:
    road, told = seen(BESIDE)
    assert road.watch.road is not None
    watch, _ = unpack(pack(road.watch, road.watch.road, "model", road.now), road.cells, "model")
    road.watch = watch
    again = road.show(2, BESIDE)[-1]
    assert again.zones[0].proven == told.zones[0].proven
    assert [(region.box, region.score, region.since) for region in again.regions] == [
        (region.box, region.score, region.since) for region in told.regions
    ]


def test_a_thing_that_comes_later_is_told_as_before() -> None:
    road, _ = seen()
    told = road.show(4, THING)[-1]
    assert max(region.score for region in told.regions) >= 0.5
    assert road.now - max(told.regions, key=lambda region: region.score).since < 5 * NS
