"""The memory of the empty road on made descriptors: what it learns, what it tells, what it never absorbs."""

import pytest

from services.detector.letterbox import Letterbox
from services.detector.memory.cells import cells_of
from services.detector.memory.keeper import pack, unpack
from shared.clock import NS
from shared.surface import Surface
from tests.made_road import EVERY, LANE, NO_BOXES, THING, Road, box, learned


def test_a_minute_is_enough_and_an_empty_road_is_familiar() -> None:
    road = Road()
    first = road.show(10)
    assert first[-1].state == "learning"
    assert first[-1].zones[0].known == 0
    told = road.show(50)
    assert told[-1].state == "watching"
    assert told[-1].zones[0].known == 1
    assert not any(surface.regions for surface in [*told, *road.show(60)])


def test_a_thing_without_a_name_is_told_within_three_seconds_at_its_place() -> None:
    road = learned()
    began = road.now
    told = road.show(20, THING)
    first = next(index for index, surface in enumerate(told) if surface.regions)
    assert first * EVERY <= 3 * NS
    (region,) = told[-1].regions
    assert region.score > 0.5
    assert abs(region.since - began) <= EVERY
    x1, y1, x2, y2 = region.box
    assert x1 <= 0.46
    assert x2 >= 0.49
    assert y1 <= 0.51
    assert y2 >= 0.55


def test_what_is_nearly_unfamiliar_is_told_below_the_threshold_of_the_method() -> None:
    road = learned()
    regions = [region for surface in road.show(10, THING, faint=0.37)[6:] for region in surface.regions]
    assert regions
    assert all(0.4 <= region.score < 0.5 for region in regions)


def test_what_stands_at_the_far_edge_of_a_lane_is_seen_above_it_and_told_at_its_foot() -> None:
    road = learned()
    cells = road.cells
    edge, half = float(cells.centres[~cells.inside, 1].mean()), cells.size[1] / 2
    above, foot = (0.45, edge - 0.9 * half, 0.5, edge + 0.9 * half), (0.45, edge + half, 0.5, edge + 2.9 * half)
    assert not any(surface.regions for surface in road.show(10, above)), "behind the lane"
    road = learned()
    alone = [region.score for surface in road.show(10, foot=foot) for region in surface.regions]
    assert alone
    assert max(alone) < 0.5, "a doubt"
    told = road.show(10, above, foot=foot)
    (region,) = told[-1].regions
    assert region.score > 0.5
    assert region.box[1] >= edge + 0.9 * half
    assert region.box[3] <= edge + 4 * half
    assert all(surface.regions for surface in road.show(60, above, foot=foot)), "not absorbed"
    assert told[-1].zones[0].known == 1


def test_a_thing_at_rest_is_never_absorbed() -> None:
    road = learned()
    assert all(surface.regions for surface in road.show(150, THING)[10:])
    assert not any(surface.regions for surface in road.show(10)[6:])


def age(road: Road, surface: Surface) -> float:
    """Seconds that the oldest region is said to have lain there."""
    return max((road.now - EVERY - region.since) / NS for region in surface.regions)


def test_what_moves_on_does_not_lie_there_however_long_each_patch_shows_it() -> None:
    road = learned()
    told = []
    for step in range(40):  # 6 s over each of its patches
        told += road.show(0.8, (0.4 + 0.006 * step, 0.5, 0.445 + 0.006 * step, 0.56))
        assert age(road, told[-1]) < 6 if told[-1].regions else step < 4
    assert any(surface.regions for surface in told)


def test_a_thing_behind_which_traffic_passes_does_not_begin_to_lie_there_anew() -> None:
    road = learned()
    lorry = box(0.35, 0.3, 0.6, 0.7)
    road.show(6, THING)
    for _ in range(3):  # hidden for a second out of every four
        road.show(1.2, THING, lorry)
        surface = road.show(2.8, THING)[-1]
    assert max(region.score for region in surface.regions) >= 0.5
    assert age(road, surface) == pytest.approx(17.6, abs=1.0)
    road.change()  # what lies there when the lorry has gone is something else
    road.show(1.2, THING, lorry)
    assert age(road, road.show(4, THING)[-1]) < 9


def test_what_has_another_look_all_the_time_is_said_to_lie_there_for_a_fifth_of_the_time() -> None:
    road = learned()
    ages = []
    for _ in range(15):
        road.change()
        ages.append(age(road, road.show(2.4, THING)[-1]))
    assert max(ages[:8]) < 6 < ages[-1] < 12


def test_one_other_look_in_between_is_something_that_passes() -> None:
    road = learned()
    began = road.now
    road.show(4, THING)
    look = road._thing
    road.change()
    road.show(0.8, THING)
    road._thing = look
    assert road.show(4, THING)[-1].regions[0].since <= began + EVERY


def test_what_passes_is_not_told() -> None:
    road = learned()
    told = []
    for _ in range(20):
        told += road.show(0.8, THING) + road.show(2.0)
    assert not any(surface.regions for surface in told)


def test_what_has_a_name_is_not_told_and_not_learned() -> None:
    road = Road()
    named = box(*THING)
    told = road.show(90, THING, named)
    assert told[-1].zones[0].known < 1
    assert not any(surface.regions for surface in told)


def test_what_dense_traffic_does_to_the_patches_beside_it_is_not_learned_as_road() -> None:
    """Of a far, small car its neighbours show as much as it does: the empty road was told when the traffic was over."""
    road = Road()
    wide, high = road.watch.cells.size
    x1, y1, x2, y2 = THING
    car = box(x1 + 0.9 * wide, y1 + 0.9 * high, x2 - 0.9 * wide, y2 - 0.9 * high)
    for _ in range(30):
        road.show(2.0, THING, car)
    assert not any(surface.regions for surface in road.show(30))


def test_a_thing_is_told_though_it_has_a_name_that_comes_and_goes() -> None:
    for moves in (False, True):
        road = learned()
        named = box(*THING, score=0.4, moves=moves)
        told = [road.show(0.4, THING, boxes=named if step % 3 else NO_BOXES)[-1] for step in range(20)]
        assert bool(told[-1].regions) != moves


def test_what_is_hidden_before_anybody_saw_it_go_is_doubted_until_the_road_is_seen() -> None:
    road = learned()
    assert road.show(4, THING)[-1].regions
    lorry = box(0.35, 0.3, 0.6, 0.7)
    for surface in road.show(6, None, lorry):
        (doubt,) = surface.regions
        assert doubt.box[0] < 0.475 < doubt.box[2]
        assert doubt.box[1] < 0.53 < doubt.box[3]
    assert doubt.score == 0.4
    assert road.show(0.4)[-1].regions == []
    # What is hidden without a doubt is hidden, no more.
    assert road.show(6, None, lorry)[-1].regions == []


def test_a_slow_change_of_light_is_followed() -> None:
    road = learned()
    told = [surface for step in range(60) for surface in road.show(6, light=step / 60)]
    assert not any(surface.regions for surface in told)
    assert {surface.state for surface in told} == {"watching"}


def test_a_sudden_change_of_everything_is_no_obstacle_and_is_learned_anew() -> None:
    road = Road()
    road.show(60, boxes=box(0.3, 0.2, 0.7, 0.9, drives=True))
    road.show(60)
    told = road.show(100, light=3.0)
    assert not any(surface.regions for surface in told)
    assert "changed" in {surface.state for surface in told}
    assert told[-1].state == "watching"
    assert told[-1].zones[0].proven == 0


def test_a_snapshot_goes_on_as_if_nothing_had_happened() -> None:
    road = Road()
    road.show(70)
    assert road.watch.road is not None
    value = pack(road.watch, road.watch.road, "model@1", road.now)
    watch, at = unpack(value, road.cells, "model@1")
    assert at == road.now
    road.watch = watch
    assert not any(surface.regions for surface in road.show(10))
    assert road.show(4, THING)[-1].regions


def test_a_snapshot_of_another_model_or_of_other_zones_is_refused() -> None:
    road = Road()
    road.show(4)
    assert road.watch.road is not None
    value = pack(road.watch, road.watch.road, "model@1", road.now)
    with pytest.raises(ValueError, match="another model"):
        unpack(value, road.cells, "model@2")
    other = cells_of([LANE.model_copy(update={"id": "other"})], Letterbox.fit(1280, 720, 640))
    assert other is not None
    with pytest.raises(ValueError, match="another model or other zones"):
        unpack(value, other, "model@1")
    with pytest.raises(ValueError, match="not a snapshot"):
        unpack(b"nonsense", road.cells, "model@1")
