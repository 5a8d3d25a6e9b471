"""Lane statistics in the console: from the topic into the API and onto the page."""

import re
import time
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from shared.bus.memory import MemoryBus
from shared.clock import NS, to_rfc3339
from shared.store import Store
from shared.topics import LANE_STATS
from tests.integration.console.helpers import Flow, make_stats, served, until

pytestmark = pytest.mark.redis

MINUTE = 60 * NS
LANE = "/api/lanes/a2-km41/rush-hour-lane"


def last_minutes(count: int) -> list[int]:
    """Starts of the last whole minutes, oldest first."""
    now = time.time_ns() // MINUTE * MINUTE
    return [now - back * MINUTE for back in range(count, 0, -1)]


def test_lanes_tell_their_last_interval_and_their_series(api: httpx.Client, bus: MemoryBus) -> None:
    starts = last_minutes(5)
    Flow(bus).lanes(
        *(make_stats(start, count) for count, start in enumerate(starts)), make_stats(starts[2], run="night")
    )
    lanes = until(lambda: (found := api.get("/api/lanes").json())[0]["latest"] and found)
    assert [(lane["zone"], lane["kind"]) for lane in lanes] == [
        ("rush-hour-lane", "lane"), ("shoulder", "shoulder"), ("lane-2", "lane")
    ]  # fmt: skip
    latest = lanes[0]["latest"]
    assert (latest["count"], latest["flow_per_h"], latest["start"]) == (4, 240.0, to_rfc3339(starts[-1]))
    assert (latest["schema"], latest["classes"][0]["label"]) == ("wayside.lane-stats/1", "car")
    assert lanes[0]["flows"][-5:] == [0.0, 60.0, 120.0, 180.0, 240.0]
    assert lanes[1]["latest"] is None
    assert [item["count"] for item in api.get(LANE).json()] == [0, 1, 2, 3, 4]
    query = {"from": to_rfc3339(starts[1]), "to": to_rfc3339(starts[3])}
    assert [item["count"] for item in api.get(LANE, params=query).json()] == [1, 2]


def test_a_console_that_starts_later_has_the_last_day_from_the_topic(
    bus: MemoryBus, store: Store, tmp_path: Path
) -> None:
    starts = last_minutes(3)
    flow = Flow(bus)
    flow.lanes(make_stats(starts[0] - 1500 * MINUTE), *(make_stats(start) for start in starts))
    flow.raw(LANE_STATS, b'{"schema": "wayside.lane-stats/9"}')
    flow.lanes(make_stats(starts[-1], 99))
    with served(bus, store, tmp_path) as url, httpx.Client(base_url=url) as api:
        until(lambda: [item["count"] for item in api.get(LANE).json()] == [12, 12, 99])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/lanes/a2-km41/lane-9", 404),
        ("/api/lanes/a2-km99/lane-2", 404),
        ("/api/lanes/%3Cscript%3E/lane-2", 422),
        (f"{LANE}?from=yesterday", 422),
        (f"{LANE}?from=2026-13-01T00:00:00Z", 422),
        (f"{LANE}?to=2026-01-01", 422),
        (f"{LANE}?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", 422),
    ],
)
def test_wrong_input_is_refused(api: httpx.Client, path: str, status: int) -> None:
    assert api.get(path).status_code == status


@pytest.mark.browser
def test_the_page_shows_each_lane_with_its_flow_and_says_when_it_is_old(page: Page, bus: MemoryBus) -> None:
    row = page.locator('#lanes tr[data-lane="a2-km41/rush-hour-lane"]')
    expect(row.locator(".count")).to_have_text("\N{EN DASH}")
    starts = last_minutes(30)
    flow = Flow(bus)
    flow.lanes(*(make_stats(start, 10 + number % 7) for number, start in enumerate(starts) if number != 20))
    flow.lanes(make_stats(starts[0], 3, camera="a2-km42", zone="lane-2", mean_speed_kmh=None, observed_s=20.0))
    page.reload()
    expect(row.locator(".count")).to_have_text("11")
    expect(row.locator(".flow")).to_have_text("660")
    expect(row.locator(".speed")).to_have_text("80 km/h")
    expect(row.locator(".occupancy")).to_have_text("8.0 %")
    expect(row).to_have_attribute("data-old", "false")
    # One line in two parts: a minute is missing.
    path = row.locator("svg path").get_attribute("d")
    assert path is not None
    assert (path.count("M"), path.count("L")) == (2, 27)
    other = page.locator('#lanes tr[data-lane="a2-km42/lane-2"]')
    expect(other.locator(".count")).to_have_text("3 in 20 s")
    expect(other.locator(".flows")).to_have_text(re.compile(r"^last (29|30).min.ago$"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440
