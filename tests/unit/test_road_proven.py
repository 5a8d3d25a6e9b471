"""What the memory of the empty road can speak for, on made descriptors: what is proven, and what is hidden."""

import numpy as np

from shared.clock import NS
from tests.made_road import NO_BOXES, THING, Road, box, learned


def test_only_what_vehicles_have_driven_over_counts_as_proven() -> None:
    road = Road()
    assert road.show(60)[-1].zones[0].proven == 0
    for _ in range(2):
        road.show(0.4, boxes=box(0.3, 0.0, 0.5, 0.9, drives=True))
        road.show(2)
    proven = road.show(2)[-1].zones[0].proven
    assert 0.1 < proven < 0.5


def drive(road: Road, rows: list[float], every: float = 0.2) -> float:
    """A vehicle as tall as a fifth of the picture is seen at each of these lower edges; the share that is proven."""
    for bottom in rows:
        road.watch.follow(box(0.42, bottom - 0.2, 0.58, bottom, drives=True), road.now)
        road.now += round(every * NS)
    road.watch.follow(NO_BOXES, road.now)
    return road.show(0.4)[-1].zones[0].proven


def test_between_two_sights_of_a_vehicle_it_has_driven_there_too() -> None:
    road = learned()
    assert drive(road, [0.3, 0.48, 0.66, 0.84]) == 0  # it takes two
    swept = drive(road, [0.3, 0.48, 0.66, 0.84])
    seldom = learned()
    assert drive(seldom, [0.3, 0.48, 0.66, 0.84], every=0.6) == 0
    gaps = drive(seldom, [0.3, 0.48, 0.66, 0.84], every=0.6)
    assert 0 < gaps < 0.6 * swept


def test_two_vehicles_that_are_far_apart_or_of_other_sizes_are_not_one() -> None:
    for second in ((0.42, 0.64, 0.58, 0.84), (0.47, 0.32, 0.53, 0.4)):
        road = learned()
        for _ in range(2):
            road.watch.follow(box(0.42, 0.1, 0.58, 0.3, drives=True), road.now)
            road.now += NS // 5
            road.watch.follow(box(*second, drives=True), road.now)
            road.now += NS // 5
            road.watch.follow(NO_BOXES, road.now)
        at = np.isclose(road.cells.centres[:, 1], 0.5, atol=0.02) | np.isclose(
            road.cells.centres[:, 1], 0.34, atol=0.01
        )
        assert not road.watch.passes[at & (road.cells.centres[:, 1] < second[1])].any()
        assert road.watch.passes.max() == 2


def test_a_persons_word_proves_what_is_known_and_familiar_and_nothing_else() -> None:
    road = Road()
    road.watch.confirm("lane")  # nothing is known yet
    assert road.show(60)[-1].zones[0].proven == 0
    road.watch.confirm("another lane")
    assert road.show(2)[-1].zones[0].proven == 0
    told = road.show(10, THING)[-1]
    assert told.regions
    road.watch.confirm("lane")
    told = road.show(2, THING)[-1]
    assert told.regions
    assert 0.5 < told.zones[0].proven < 1
    road.show(10)
    road.watch.confirm("lane")
    assert road.show(2)[-1].zones[0].proven == 1


def test_a_patch_is_hidden_until_it_is_seen_free_once() -> None:
    road = learned()
    lorry = box(0.3, 0.2, 0.7, 0.9)
    assert road.show(4, boxes=lorry)[-1].zones[0].hidden == 1
    gap = road.show(0.4)[-1]
    assert gap.zones[0].hidden == 0
    assert road.show(2, boxes=lorry)[-1].zones[0].hidden == 0
    assert road.show(2, boxes=lorry)[-1].zones[0].hidden == 1


def test_a_thing_that_shows_only_between_vehicles_hides_its_patches() -> None:
    road = learned()
    lorry = box(0.3, 0.2, 0.7, 0.9)
    told = [road.show(0.4, THING)[-1] if step % 2 else road.show(0.4, boxes=lorry)[-1] for step in range(20)]
    assert 0 < told[-1].zones[0].hidden < 0.1


def test_a_box_of_the_road_itself_hides_nothing() -> None:
    road = Road()
    scenery = box(0.2, 0.2, 0.7, 0.95, score=0.6)
    told = road.show(80, boxes=scenery.things())
    assert told[-1].zones[0].known == 1
    assert told[-1].zones[0].hidden == 0
    assert road.show(8, THING, boxes=scenery.things())[-1].regions
    near = box(0.3, 0.2, 0.7, 0.95, score=0.6, drives=True)
    assert len(near.things().xyxy) == 1  # a lorry right before the camera
