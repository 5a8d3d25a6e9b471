"""The console's page in a real browser, on the served application with synthetic frames on the bus."""

import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from shared.bus.memory import MemoryBus
from shared.store import Store
from shared.telemetry.health import Health
from tests.integration.console.helpers import Flow, car_box, make_alert, served, until, write_evidence

pytestmark = [pytest.mark.browser, pytest.mark.redis]

# Columns of nine pixels around places (0..1) of the canvas, with the offset of the frame that it shows: one instant.
_COLUMNS = """(canvas, places) => {
  const context = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  return {
    offset: Number(canvas.dataset.offset),
    columns: places.map(([x, y]) =>
      [...context.getImageData(Math.round(x * canvas.width), Math.round(y * canvas.height) - 4, 1, 9).data]),
  };
}"""


def _tile(page: Page, camera: str = "a2-km41"):
    return page.locator(f'.tile[data-camera="{camera}"]')


def test_the_wall_shows_moving_pictures_with_the_boxes_of_the_very_same_frame(page: Page, bus: MemoryBus):
    flow = Flow(bus)
    canvas = _tile(page).locator("canvas")
    with flow.playing(fps=10):
        expect(canvas).to_have_attribute("data-boxes", "1")
        seen: dict[int, list[list[int]]] = {}
        deadline = time.monotonic() + 10
        while len(seen) < 5 and time.monotonic() < deadline:
            # Ask for the lower edge of the car of every recent step; judge that of the step that is shown.
            steps = list(flow.steps.items())[-20:]
            answer = canvas.evaluate(_COLUMNS, [(0.49, car_box(step)[3]) for _, step in steps])
            for (offset, step), column in zip(steps, answer["columns"], strict=True):
                if offset == answer["offset"]:
                    seen[step] = [column[i : i + 3] for i in range(0, 36, 4)]
            page.wait_for_timeout(60)
        rate = _tile(page).locator(".rate")
        until(lambda: float(rate.inner_text().split()[0]) > 4)
        expect(_tile(page)).to_have_attribute("data-state", "live")
        expect(_tile(page).locator(".latency")).to_contain_text("behind")
    assert len(seen) >= 5, "the picture does not move"
    for step, column in seen.items():
        above, below = column[0], column[-1]
        assert above[0] > 1.7 * above[1], f"step {step}: the car is not above its box's lower edge: {column}"
        assert below[0] < 1.2 * below[1], f"step {step}: the road is not below it: {column}"
        assert max(min(colour) for colour in column[2:7]) > 130, f"step {step}: no white box between them: {column}"


def test_pictures_are_fetched_at_most_about_five_times_a_second_and_only_when_visible(page: Page, bus: MemoryBus):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "frame.jpg" in request.url else None)
    flow = Flow(bus)
    with flow.playing(fps=15):
        expect(_tile(page).locator("canvas")).to_have_attribute("data-boxes", "1")
        before = len(asked)
        page.wait_for_timeout(2000)
        assert 4 <= len(asked) - before <= 13
        assert all("offset=" in url and "partition=" in url for url in asked)
        page.evaluate("document.querySelector('#wall').hidden = true")
        page.wait_for_timeout(300)
        before = len(asked)
        page.wait_for_timeout(800)
        assert len(asked) == before


def test_names_of_objects_cover_no_other_name_and_no_box_of_an_alert(page: Page):
    """Far vehicles, close together: the most important ones are named, and each thing of an alert is."""
    far = [{"box": [300 + 9 * i, 100 + 2 * i, 320 + 9 * i, 115 + 2 * i], "width": 60, "height": 16} for i in range(12)]
    hot = [{"box": [340, 130, 380, 160], "hot": True}, {"box": [350, 134, 390, 170], "hot": True}]
    corner = {"box": [630, 0, 640, 355], "width": 60, "height": 16}
    wanted = [*[{**item, "width": 60, "height": 16} for item in hot], *far[::-1], corner]
    spots = page.evaluate("async (wanted) => (await import('/web/labels.js')).placed(wanted, 640, 360)", wanted)
    assert len(spots) == len(wanted)
    assert all(spots[:2]), "an object of an alert has no name"
    assert 3 <= sum(spot is not None for spot in spots[2:-1]) < len(far)
    boxes = [(*item["box"][:2], item["box"][2] - item["box"][0], item["box"][3] - item["box"][1]) for item in hot]
    names = [(spot["left"], spot["top"], 60, 16) for spot in spots if spot]
    for index, one in enumerate(names):
        assert 0 <= one[0] <= 640 - 60
        assert 0 <= one[1] <= 360 - 16
        assert not any(_overlap(one, other) for other in names[:index])
        assert index < len(hot) or not any(_overlap(one, other) for other in boxes)


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]


def test_an_alert_appears_within_two_seconds_without_reload(page: Page, bus: MemoryBus, store: Store, tmp_path: Path):
    expect(page.locator("#open .empty")).to_be_visible()
    expect(page.locator("#count")).to_have_text("No open alerts")
    assert page.title() == "Wayside · a2-north"
    write_evidence(tmp_path, "a1")
    alert = make_alert("a1", time.time_ns(), label="<img src=x onerror=alert(1)>")
    flow = Flow(bus)
    flow.alert(alert)
    item = page.locator('#open [data-alert="a1"]')
    expect(item).to_be_visible(timeout=2000)
    expect(item.locator(".title")).to_have_text("Stopped vehicle")
    expect(item.locator(".where")).to_have_text("a2-km41 · rush-hour-lane")
    expect(item.locator(".what")).to_have_text("critical · <img src=x onerror=alert(1)> 87%")
    expect(item).to_have_class("new")
    expect(page.locator("#announce")).to_contain_text("New critical alert: Stopped vehicle")
    expect(page.locator("#count")).to_have_text("1 open alert")
    assert page.title() == "(1) Wayside · a2-north"
    until(lambda: item.locator("img").evaluate("image => image.naturalWidth") == 640)
    expect(_tile(page).locator(".open")).to_have_text("1 open alert")

    flow.alert(alert.model_copy(update={"status": "closed", "ended_at": alert.detected_at, "revision": 1}))
    expect(page.locator('#past [data-alert="a1"] .lasted')).to_contain_text("closed, lasted 10 s")
    expect(page.locator("#open .empty")).to_be_visible()
    flow.alert(alert)  # an older revision that comes late changes nothing
    store.put_alert(alert.model_copy(update={"status": "closed", "ended_at": alert.detected_at, "revision": 1}))
    page.wait_for_timeout(300)
    expect(page.locator("#open [data-alert]")).to_have_count(0)


def test_alerts_of_the_store_are_listed_open_ones_first_and_older_pages_on_demand(
    page: Page, store: Store, tmp_path: Path
):
    now = time.time_ns()
    for n in range(60):
        changes = {"status": "open" if n == 0 else "closed", "evidence": []}
        store.put_alert(make_alert(f"alert{n:02}", now - (60 - n) * 10**9, **changes))
    page.reload()
    expect(page.locator("#open [data-alert]")).to_have_count(1)  # the oldest of all, and still in front
    expect(page.locator("#past [data-alert]")).to_have_count(50)
    page.get_by_role("button", name="Show older alerts").click()
    expect(page.locator("#past [data-alert]")).to_have_count(59)
    ids = page.locator("#past [data-alert]").evaluate_all("items => items.map((item) => item.dataset.alert)")
    assert ids == sorted(ids, reverse=True)


def test_the_keyboard_opens_the_details_and_comes_back(page: Page, bus: MemoryBus, tmp_path: Path):
    write_evidence(tmp_path, "a1")
    Flow(bus).alert(make_alert("a1", time.time_ns()))
    button = page.locator('#open [data-alert="a1"] button')
    expect(button).to_be_visible()
    page.keyboard.press("Tab")  # the skip link
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Stopped vehicle · a2-km41")
    expect(dialog).to_be_visible()
    expect(dialog.locator("dl")).to_contain_text("wayside-n@3")
    until(lambda: dialog.locator("img").evaluate("image => image.clientWidth") > 500)
    expect(page.locator("#open li")).not_to_have_class("new")  # somebody has looked
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()


def test_the_state_line_tells_running_degraded_and_down(page: Page, store: Store):
    detector, analyzer = Health("detector"), Health("analyzer")
    detector.beat("running")
    analyzer.beat("degraded", "3 partitions behind")
    store.beat(detector, "host-1")
    store.beat(analyzer, "host-1")

    def state(service: str) -> str:
        return page.locator(f'#services [data-service="{service}"] .state').inner_text()

    until(lambda: state("detector") == "running", 8)
    assert state("analyzer") == "degraded"
    assert state("producer") == "DOWN"
    until(lambda: state("console") == "running", 8)
    expect(page.locator('[data-service="analyzer"] .detail')).to_have_text("3 partitions behind")


def test_a_camera_that_falls_silent_shows_no_signal_and_comes_back(page: Page, bus: MemoryBus):
    expect(_tile(page)).to_contain_text("Waiting for the first picture")
    flow = Flow(bus)
    with flow.playing(fps=5) as play:
        expect(_tile(page)).to_have_attribute("data-state", "live")
        expect(_tile(page).locator("canvas")).to_have_attribute("data-boxes", "1")
        play.clear()
        expect(_tile(page)).to_have_attribute("data-state", "no-signal", timeout=8000)
        expect(_tile(page).locator(".veil")).to_contain_text("No signal")
        page.reload()  # a page that is opened now knows it too
        expect(_tile(page)).to_have_attribute("data-state", "no-signal")
        play.set()
        expect(_tile(page)).to_have_attribute("data-state", "live")
    expect(_tile(page, "a2-km42")).to_have_attribute("data-state", "waiting")


def test_on_a_phone_nothing_is_cut_off_and_open_alerts_come_first(page: Page, bus: MemoryBus, tmp_path: Path):
    page.set_viewport_size({"width": 390, "height": 844})
    write_evidence(tmp_path, "a1")
    Flow(bus).alert(make_alert("a1", time.time_ns()))
    item = page.locator('#open [data-alert="a1"]')
    expect(item).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    alert_box, tile_box = item.bounding_box(), _tile(page).bounding_box()
    assert alert_box is not None
    assert tile_box is not None
    assert alert_box["y"] < tile_box["y"]


def test_a_lost_console_is_told_at_once_and_the_page_recovers_by_itself(
    browser: Browser, bus: MemoryBus, store: Store, tmp_path: Path
):
    page = browser.new_page()
    flow = Flow(bus)
    with served(bus, store, tmp_path) as url:
        page.goto(url)
        flow.frame("a2-km41", 1, time.time_ns())
        expect(_tile(page)).to_have_attribute("data-state", "live")
    expect(page.locator("#problems")).to_contain_text("Connection to the console lost")
    expect(_tile(page)).to_have_attribute("data-state", "no-signal")
    with served(bus, store, tmp_path, console_port=urlsplit(url).port):
        threading.Timer(0.1, flow.alert, [make_alert("a9", time.time_ns(), evidence=[])]).start()
        store.put_alert(make_alert("a8", time.time_ns(), evidence=[]))  # came while the page was cut off
        expect(page.locator("#problems")).to_be_hidden(timeout=15000)
        expect(page.locator('#open [data-alert="a8"]')).to_be_visible()
    page.close()
