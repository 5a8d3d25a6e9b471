"""The memory of the empty road on made descriptors: what it learns, what it tells, what it never absorbs."""

import copy
from functools import cache

import numpy as np
import pytest

from services.detector.letterbox import Letterbox
from services.detector.memory.cells import Cells, cells_of
from services.detector.memory.keeper import pack, unpack
from services.detector.memory.watch import Boxes, RoadWatch
from shared.clock import NS
from shared.site import Zone
from shared.surface import Surface

EVERY = 2 * NS // 5
LANE = Zone(id="lane", kind="lane", polygon=[(0.3, 0.2), (0.7, 0.2), (0.7, 0.9), (0.3, 0.9)])
NO_BOXES = Boxes(np.zeros((0, 4)), np.zeros(0, np.float32), np.zeros(0, np.bool_))


class Road:
    """Descriptors of unit length with noise; `light` turns all of them, a thing replaces those below its box."""

    def __init__(self, seed: int = 1) -> None:
        cells = cells_of([LANE], Letterbox.fit(1280, 720, 640))
        assert cells is not None
        self.cells: Cells = cells
        self.watch = RoadWatch(cells)
        self.now = 0
        self._random = np.random.default_rng(seed)
        self._base = self._unit(self._random.standard_normal((len(cells), 96)))
        self._thing = self._unit(self._random.standard_normal((len(cells), 96)))
        self._lit = self._unit(self._random.standard_normal((len(cells), 96)))

    def change(self) -> None:
        """The thing has another look from now on."""
        self._thing = self._unit(self._random.standard_normal((len(self.cells), 96)))

    @staticmethod
    def _unit(values: np.ndarray) -> np.ndarray:
        return values / np.linalg.norm(values, axis=1, keepdims=True)

    def show(
        self,
        seconds: float,
        thing: tuple[float, ...] | None = None,
        boxes: Boxes = NO_BOXES,
        light: float = 0.0,
        faint: float = 1.0,
    ) -> list[Surface]:
        told = []
        for _ in range(round(seconds * NS / EVERY)):
            look = self._base + 0.03 * self._random.standard_normal(self._base.shape) + light * self._lit
            if thing is not None:
                hit = self.cells.under(np.array([thing]))
                look[hit] += faint * (self._thing[hit] - look[hit])
            self.watch.follow(boxes, self.now)
            told.append(self.watch.read(self._unit(look).astype(np.float32), boxes, self.now))
            self.now += EVERY
        return told


@cache
def _minute() -> Road:
    road = Road()
    road.show(60)
    return road


def learned() -> Road:
    """A road that was empty for a minute."""
    return copy.deepcopy(_minute())


def box(*xyxy: float, score: float = 0.8, drives: bool = False) -> Boxes:
    return Boxes(np.array([xyxy]), np.array([score], np.float32), np.array([drives]))


THING = (0.45, 0.5, 0.5, 0.56)


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
