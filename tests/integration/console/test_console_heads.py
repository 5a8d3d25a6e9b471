"""What heads say, on the page and in the API: the visibility's label, and damage as a heat map."""

import time

import httpx
import pytest
from playwright.sync_api import Page, expect

from shared.bus.memory import MemoryBus
from shared.heads import FOG
from tests.integration.console.helpers import Flow, until
from tests.unit.head_helpers import COLUMNS, ROWS, cones, pavement, visibility

pytestmark = [pytest.mark.redis]

# A patch of the left lower road, away from the car.
PATCH = (9, 3)
_PIXEL = """(canvas, [x, y]) => {
  const context = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  return [...context.getImageData(Math.round(x * canvas.width), Math.round(y * canvas.height), 1, 1).data];
}"""


def test_the_api_gives_each_cameras_last_answers(api: httpx.Client, bus: MemoryBus) -> None:
    assert api.get("/api/cameras").json()[0]["heads"] == []
    heads = [visibility(FOG, 0.97), pavement(PATCH)]
    Flow(bus).frame("a2-km41", 1, time.time_ns(), heads=heads)
    told = until(lambda: api.get("/api/cameras").json()[0]["heads"])
    assert told == [head.model_dump(mode="json") for head in heads]


@pytest.mark.browser
def test_the_tile_tells_the_visibility_and_shows_damage_when_asked(page: Page, bus: MemoryBus) -> None:
    tile = page.locator('.tile[data-camera="a2-km41"]')
    switch = page.get_by_role("button", name="Pavement damage")
    flow = Flow(bus)
    flow.frame("a2-km41", 1, time.time_ns())
    expect(tile.locator("canvas")).to_have_attribute("data-boxes", "1")
    expect(switch).to_be_hidden()
    expect(tile.locator(".visibility")).to_have_text("")

    flow.frame("a2-km41", 2, time.time_ns(), heads=[visibility(FOG, 0.97), pavement(PATCH)])
    expect(tile.locator(".visibility")).to_have_text("fog or smoke 97%")
    expect(tile.locator(".visibility")).to_have_attribute("data-label", FOG)
    expect(switch).to_have_attribute("aria-pressed", "false")
    expect(tile.locator("canvas")).to_have_attribute("data-heat", "false")
    place = [(PATCH[1] + 0.5) / COLUMNS, (PATCH[0] + 0.5) / ROWS]
    canvas = tile.locator("canvas")
    plain = canvas.evaluate(_PIXEL, place)
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "true")
    expect(canvas).to_have_attribute("data-heat", "true")
    hot = canvas.evaluate(_PIXEL, place)
    assert hot[0] - hot[1] > 60 + plain[0] - plain[1], (plain, hot)
    switch.click()
    expect(canvas).to_have_attribute("data-heat", "false")
    # To within what one noisy picture differs from the next: the second may have come between the two looks.
    again = canvas.evaluate(_PIXEL, place)
    assert max(abs(a - b) for a, b in zip(again, plain, strict=True)) <= 4, (plain, again)


@pytest.mark.browser
def test_boxes_that_a_head_says_are_drawn_with_their_label_and_are_no_heat_map(page: Page, bus: MemoryBus) -> None:
    canvas = page.locator('.tile[data-camera="a2-km41"] canvas')
    flow = Flow(bus)
    flow.frame("a2-km41", 1, time.time_ns())
    expect(canvas).to_have_attribute("data-head-boxes", "0")
    box = (0.05, 0.7, 0.25, 0.9)
    # Dashes: of the left side some pixels, not all, have the colour.
    places = [[box[0], box[1] + 0.005 * step] for step in range(1, 40)]
    plain = [canvas.evaluate(_PIXEL, place) for place in places]
    flow.frame("a2-km41", 2, time.time_ns(), heads=[cones(box)])
    expect(canvas).to_have_attribute("data-head-boxes", "1")
    expect(page.get_by_role("button", name="Pavement damage")).to_be_hidden()
    drawn = [canvas.evaluate(_PIXEL, place) for place in places]
    orange = [now[0] - now[2] > 60 + before[0] - before[2] for now, before in zip(drawn, plain, strict=True)]
    assert 10 < sum(orange) < len(places), drawn
