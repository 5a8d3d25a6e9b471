"""What is no thing though the road looks otherwise: a slow change, a shadow that the sun brings, a drop on the lens."""

import cv2
import numpy as np
import pytest

from services.detector.memory.keeper import pack, unpack
from services.detector.memory.light import Light
from shared.clock import NS
from tests.made_road import EVERY, NO_BOXES, THING, Road, box, learned

PLAIN = np.full((384, 640), 100, np.uint8)
PLAIN[:, 240:256] = PLAIN[:, 390:406] = 180  # markings
SUNNY = (PLAIN * 1.2).astype(np.uint8)
SUNNY[:70] = PLAIN[:70]  # the sky is as bright as before


def shown(luma: np.ndarray, blur: float = 0.0) -> Road:
    """A road that was empty for a minute in this picture."""
    road = Road()
    road.luma = softened(luma, blur)
    road.show(60)
    return road


def softened(luma: np.ndarray, blur: float) -> np.ndarray:
    return cv2.GaussianBlur(luma, (0, 0), blur) if blur else luma


def with_thing(luma: np.ndarray) -> np.ndarray:
    x1, y1, x2, y2 = THING
    changed = luma.copy()
    changed[12 + round(y1 * 360) : 12 + round(y2 * 360), round(x1 * 640) : round(x2 * 640)] = 30
    return changed


def strongest(road: Road, seconds: float, thing: tuple[float, ...] | None = THING, **more: object) -> float:
    """The highest score of a region where the thing is, once the memory has seen enough of it."""
    regions = [region for surface in road.show(seconds, thing, **more)[6:] for region in surface.regions]  # type: ignore[arg-type]
    (x1, y1, x2, y2) = THING
    there = [r.score for r in regions if r.box[0] < x2 and r.box[2] > x1 and r.box[1] < y2 and r.box[3] > y1]
    return max(there, default=0.0)


def creep(road: Road, seconds: float, weather: float) -> float:
    """A lorry that nobody detects covers the thing's place bit by bit, while the whole road changes by `weather`; the
    highest score then and for as long after."""
    steps = round(seconds / 0.4)
    told = [road.show(0.4, THING, faint=step / steps, light=weather * step / steps) for step in range(steps)]
    told.append(road.show(seconds, THING, light=weather))
    (x1, y1, x2, y2) = THING
    regions = [region for surfaces in told for surface in surfaces for region in surface.regions]
    there = [r.score for r in regions if r.box[0] < x2 and r.box[2] > x1 and r.box[1] < y2 and r.box[3] > y1]
    return max(there, default=0.0)


def test_what_changes_slowly_is_followed_when_the_whole_road_changes() -> None:
    assert creep(learned(), 16, weather=0.0) > 0.5
    assert creep(learned(), 16, weather=1.0) == 0


def test_what_fades_in_within_two_seconds_is_told() -> None:
    road = learned()
    for step in range(5):
        road.show(0.4, THING, faint=step / 5)
    assert strongest(road, 10) > 0.5


def test_a_shadow_that_comes_with_the_sun_is_a_doubt_until_vehicles_have_driven_over_it() -> None:
    road = shown(PLAIN)
    road.luma = with_thing(SUNNY)
    assert 0 < strongest(road, 20) < 0.5
    for _ in range(2):
        road.show(0.4, THING, boxes=box(0.4, 0.2, 0.55, 0.6, drives=True))
        road.show(2, THING)
    road.show(20, THING)
    assert strongest(road, 10) == 0


def test_what_comes_without_the_sun_is_told_and_so_is_what_comes_after_it() -> None:
    road = shown(PLAIN)
    road.luma = with_thing(PLAIN)
    assert strongest(road, 10) > 0.5
    road = shown(PLAIN)
    road.luma = SUNNY
    road.show(10)
    road.luma = with_thing(SUNNY)
    assert strongest(road, 10) > 0.5


@pytest.mark.parametrize("gain", [0.6, 0.8, 1.3])
def test_what_comes_as_the_camera_exposes_otherwise_is_told(gain: float) -> None:
    road = shown(PLAIN)
    road.luma = with_thing((PLAIN * gain).astype(np.uint8))
    assert strongest(road, 10) > 0.5


def brighter(road: Road, full: np.ndarray, seconds: float, begins: float) -> None:
    """The sun comes out, and a shadow with it: `begins` of its look, and in the middle all of it."""
    steps = round(seconds / 0.4)
    for step in range(1, steps + 1):
        share = step / steps
        road.luma = with_thing((PLAIN + share * (full.astype(np.float32) - PLAIN)).astype(np.uint8))
        road.show(0.4, THING, faint=begins if share < 0.5 else 1.0)


def test_the_shadow_of_a_sun_that_brings_few_of_them_is_a_doubt() -> None:
    """All over the picture it is the same factor, as when the camera exposes otherwise, which it does at once."""
    road = shown(PLAIN)
    brighter(road, (PLAIN * 1.14).astype(np.uint8), 2, begins=0.8)
    assert 0 < strongest(road, 20) < 0.5


def test_a_shadow_that_deepens_while_the_sun_comes_out_is_a_doubt() -> None:
    road = shown(PLAIN)
    sunny = (PLAIN * 1.4).astype(np.uint8)
    sunny[:70] = PLAIN[:70]
    brighter(road, sunny, 6, begins=0.35)
    assert 0 < strongest(road, 20) < 0.5


def test_what_comes_to_lie_on_a_shadow_is_told() -> None:
    road = shown(PLAIN)
    road.luma = with_thing(SUNNY)
    assert strongest(road, 10) < 0.5
    road.change()
    assert strongest(road, 10) > 0.5


def test_a_persons_word_counts_for_a_shadow_and_not_for_a_thing() -> None:
    road = shown(PLAIN)
    road.luma = with_thing(SUNNY)
    road.show(10, THING)
    road.watch.confirm("lane")
    road.show(20, THING)
    assert strongest(road, 10) == 0
    road = shown(PLAIN)
    road.luma = with_thing(PLAIN)
    road.show(10, THING)
    road.watch.confirm("lane")
    assert strongest(road, 30) > 0.5


def test_who_takes_over_the_camera_knows_the_shadow() -> None:
    road = shown(PLAIN)
    for _ in range(2):  # that was before it
        road.show(0.4, boxes=box(0.4, 0.2, 0.55, 0.6, drives=True))
        road.show(2)
    road.luma = with_thing(SUNNY)
    road.show(10, THING)
    assert road.watch.road is not None
    road.watch, _ = unpack(pack(road.watch, road.watch.road, "model@1", road.now), road.cells, "model@1")
    assert 0 < strongest(road, 30) < 0.5
    road.change()
    assert strongest(road, 10) > 0.5


@pytest.mark.parametrize(("blur", "told"), [(0.0, True), (1.0, True), (8.0, False)])
def test_a_thing_has_an_edge_and_a_drop_has_none(blur: float, told: bool) -> None:
    road = shown(PLAIN)
    road.luma = softened(with_thing(PLAIN), blur)
    assert (strongest(road, 10) > 0.5) == told
    assert strongest(road, 10) > 0


def test_a_picture_without_focus_has_no_edges_and_its_things_are_told() -> None:
    road = shown(PLAIN, blur=5)
    road.luma = softened(with_thing(PLAIN), 5)
    assert strongest(road, 10) > 0.5


def test_fog_that_hides_the_road_is_no_thing_and_a_thing_in_it_is() -> None:
    foggy = (190 + 0.2 * (PLAIN.astype(np.float32) - 190)).astype(np.uint8)
    for standing in (False, True):
        road = shown(PLAIN)
        road.luma = foggy.copy()
        if standing:
            road.luma[200:220, 244:262] = 60
        road.watch._lit.light.see = lambda *_: None  # type: ignore[method-assign]  # it came slowly
        surfaces = road.show(10, (0.36, 0.5, 0.42, 0.6))[6:]
        assert any(region.score > 0.5 for surface in surfaces for region in surface.regions) == standing


def test_a_vehicle_behind_a_drop_gives_it_no_edge() -> None:
    road = shown(PLAIN)
    soft = softened(with_thing(PLAIN), 8)
    road.luma = soft
    road.show(4, THING)
    for _ in range(6):
        road.luma, boxes = with_thing(PLAIN), box(0.4, 0.45, 0.55, 0.6, score=0.9)
        passing = road.show(0.4, THING, boxes=boxes)
        road.luma = soft
        free = road.show(2, THING)
        assert all(region.score < 0.5 for surface in [*passing, *free] for region in surface.regions)


def test_in_light_that_flickers_things_are_told() -> None:
    road = shown(PLAIN)
    for number in range(60):
        road.luma = SUNNY if number % 2 else PLAIN
        road.show(0.4)
    told = []
    for number in range(25):
        road.luma = with_thing(SUNNY if number % 2 else PLAIN)
        told += road.show(0.4, THING)
    assert max(region.score for surface in told[6:] for region in surface.regions) > 0.5


def test_where_a_drop_has_dried_a_thing_is_told_though_traffic_hides_it_most_of_the_time() -> None:
    road = shown(PLAIN)
    road.luma = softened(with_thing(PLAIN), 8)
    assert 0 < strongest(road, 10) < 0.5
    road.luma = PLAIN
    road.show(30)
    road.luma = with_thing(PLAIN)
    beside = box(0.515, 0.45, 0.575, 0.6, score=0.9)  # it hides patches around the thing, never the thing itself
    assert strongest(road, 10, boxes=beside) > 0.5


def came(light: Light, at: int) -> bool:
    """Whether the light changed at that moment."""
    return bool(light.changed(np.array([at]), np.array([at]))[0])


def test_the_light_of_the_whole_picture_is_told_from_a_lorry_before_the_lens() -> None:
    light = Light()
    nothing = NO_BOXES.xyxy
    for number in range(5):
        light.see(PLAIN, nothing, number * EVERY)
    lorry = PLAIN.copy()
    lorry[:, :400] = 30
    light.see(lorry, np.array([[0.0, 0.0, 0.63, 1.0]]), 5 * EVERY)
    assert not came(light, 5 * EVERY)
    for number in range(6, 20):
        light.see(SUNNY, nothing, number * EVERY)
    assert came(light, 6 * EVERY)
    assert came(light, 6 * EVERY + NS // 2)
    assert not came(light, 6 * EVERY + 3 * NS // 2)
    assert not came(light, 6 * EVERY - 3 * NS // 2)
    assert light.changed(np.array([0]), np.array([20 * EVERY]))[0], "hidden meanwhile"


def test_an_exposure_behind_a_lorry_that_fills_the_picture_is_no_light() -> None:
    light = Light()
    light.see(PLAIN, NO_BOXES.xyxy, 0)
    light.see(PLAIN, np.array([[0.0, 0.0, 1.0, 1.0]]), EVERY)
    light.see((PLAIN * 1.2).astype(np.uint8), NO_BOXES.xyxy, 2 * EVERY)
    assert not came(light, EVERY)


@pytest.mark.parametrize("level", [0, 255])
def test_nobody_can_say_that_nothing_lies_where_the_picture_is_white_or_black(level: int) -> None:
    road = shown(PLAIN)
    half = PLAIN.copy()
    half[192:] = level  # the lane lies between 84 and 336
    road.luma = half
    hidden = road.show(4)[-1].zones[0].hidden
    assert hidden == pytest.approx((336 - 192) / (336 - 84), abs=0.05)
    road.luma = PLAIN
    assert road.show(4)[-1].zones[0].hidden == 0


def test_a_dark_thing_is_seen_on_a_white_road() -> None:
    road = shown(np.full_like(PLAIN, 255))
    road.luma = with_thing(np.full_like(PLAIN, 255))
    told = road.show(8, THING)[-1]
    assert max(region.score for region in told.regions) > 0.5


def test_what_grows_beside_a_shadow_belongs_to_it_and_what_is_laid_beside_it_does_not() -> None:
    x1, y1, x2, y2 = THING
    wider = (x1, y1, x2 + 0.06, y2)
    for grows in (True, False):
        road = shown(PLAIN)
        road.luma = with_thing(SUNNY)
        road.show(10, THING)
        before = road._thing.copy()
        steps = 30 if grows else 1
        beside = road.cells.under(np.array([wider])) & ~road.cells.under(np.array([THING]))
        for step in range(steps):
            share = (step + 1) / steps
            road._thing[beside] = (1 - share) * road._base[beside] + share * before[beside]
            road.show(0.4, wider)
        told = [region.score for surface in road.show(10, wider)[6:] for region in surface.regions]
        assert (max(told) < 0.5) == grows


def test_a_vehicle_that_hides_a_shadow_as_it_comes_is_not_taken_for_it() -> None:
    road = shown(PLAIN)
    road.luma = with_thing(SUNNY)
    road.show(1.6, THING)
    shadow = road._thing
    road.change()  # the vehicle's look
    road.show(0.8, THING, boxes=box(0.4, 0.45, 0.55, 0.6))
    road._thing = shadow
    assert 0 < strongest(road, 20) < 0.5
