"""Turnarounds in the console: from the topic into the API and onto the page as a timeline."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from services.analyzer.stay import begun, with_visit
from shared.bus.memory import MemoryBus
from shared.clock import NS, to_rfc3339
from shared.store import Store
from shared.topics import TURNAROUNDS
from tests.integration.console.helpers import Flow, served, until
from tests.unit.stand_helpers import APRON, MINUTE, occupied, revisions, visit

pytestmark = pytest.mark.redis

STAND = "/api/stands/apron/stand-4/turnarounds"


@pytest.fixture
def url(bus: MemoryBus, store: Store, tmp_path: Path) -> Iterator[str]:
    with served(bus, store, tmp_path, APRON) as address:
        yield address


@pytest.fixture
def api(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=10) as client:
        yield client


def minutes_ago(minutes: int) -> int:
    return (time.time_ns() // NS - 60 * minutes) * NS


def test_stands_tell_their_last_stay_and_those_before(api: httpx.Client, bus: MemoryBus) -> None:
    first, second = minutes_ago(200), minutes_ago(60)
    flow = Flow(bus)
    flow.stays(*revisions(first), *revisions(second, seen=False), *revisions(first, run="night"))
    stands = until(lambda: (found := api.get("/api/stands").json())[0]["latest"] and found)
    assert [(stand["camera"], stand["zone"]) for stand in stands] == [("apron", "stand-4"), ("apron", "stand-5")]
    assert stands[1]["latest"] is None
    until(lambda: api.get("/api/stands").json()[0]["latest"]["revision"] == 4)
    unseen, whole = api.get(STAND).json()
    assert whole["schema"] == "wayside.turnaround/1"
    assert [(item["name"], item["at"]) for item in whole["milestones"]] == [
        (name, to_rfc3339(first + minute * MINUTE))
        for name, minute in (("AIBT", 0), ("ACGT", 3), ("AEGT", 31), ("AOBT", 38))
    ]
    assert (whole["turn_round_s"], whole["ground_handling_s"]) == (2280.0, 1680.0)
    assert [item["name"] for item in unseen["milestones"]] == ["AEGT", "AOBT"]
    assert unseen["turn_round_s"] is None
    assert [stay["first_seen"] for stay in api.get(STAND, params={"limit": 1}).json()] == [to_rfc3339(second)]


def test_a_console_that_starts_later_has_the_last_week_from_the_topic(
    bus: MemoryBus, store: Store, tmp_path: Path
) -> None:
    flow, start = Flow(bus), minutes_ago(300)
    flow.stays(*revisions(minutes_ago(8 * 1440)), *revisions(start))
    flow.raw(TURNAROUNDS, b'{"schema": "wayside.turnaround/9"}')
    flow.stays(revisions(minutes_ago(100))[0])
    with served(bus, store, tmp_path, APRON) as url, httpx.Client(base_url=url) as api:
        until(lambda: [stay["status"] for stay in api.get(STAND).json()] == ["occupied", "vacated"])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/stands/apron/stand-9/turnarounds", 404),
        ("/api/stands/apron/taxilane/turnarounds", 404),
        ("/api/stands/%3Cscript%3E/stand-4/turnarounds", 422),
        (f"{STAND}?limit=0", 422),
        (f"{STAND}?limit=101", 422),
    ],
)
def test_wrong_input_is_refused(api: httpx.Client, path: str, status: int) -> None:
    assert api.get(path).status_code == status


@pytest.mark.browser
def test_the_page_draws_each_stay_as_a_timeline(page: Page, bus: MemoryBus) -> None:
    stand = page.locator('[data-stand="apron/stand-4"]')
    other = page.locator('[data-stand="apron/stand-5"]')
    expect(stand.locator(".state")).to_have_text("no aircraft seen yet")
    flow, start = Flow(bus), minutes_ago(50)
    flow.stays(*revisions(start))
    now = minutes_ago(24)
    stay = with_visit(begun(occupied(now, zone="stand-5"), None, []), visit(7, "truck", now + 6 * MINUTE))
    flow.stays(stay)
    page.reload()
    expect(stand.locator(".state")).to_have_text(re.compile(r"^vacated (\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d UTC$"))
    expect(stand.locator("[data-milestone] dt")).to_have_text(["AIBT", "ACGT", "AEGT", "AOBT"])
    expect(stand.locator('[data-milestone="AIBT"] abbr')).to_have_attribute("title", "Actual In-Block Time")
    expect(stand.locator('[data-length="ATTT"]')).to_have_text(re.compile("ATTT 38 min"))
    expect(stand.locator('[data-length="AGHT"]')).to_have_text(re.compile("AGHT 28 min"))
    expect(stand.locator(".name")).to_have_text(["airplane", "bus", "truck", "truck"])
    aircraft, bus_bar, *_ = [share(bar) for bar in stand.locator(".bar").all()]
    assert aircraft == pytest.approx((0.0, 1.0), abs=0.01)
    assert bus_bar == pytest.approx((3 / 38, 14 / 38), abs=0.01)
    # Its arrival was not seen and it is still there.
    expect(other.locator(".state")).to_have_text(re.compile(r"^occupied for 2[45] min at least, in-block not seen$"))
    expect(other.locator(".bar.aircraft")).to_have_attribute("data-begin", "unknown")
    expect(other.locator(".bar.vehicle")).to_have_attribute("data-end", "open")
    expect(other.locator(".length").last).to_have_text(re.compile(r"^1[89] min$"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440


def share(bar: Locator) -> tuple[float, float]:
    """Where a bar begins and ends, in shares of its row."""
    inner, outer = bar.bounding_box(), bar.locator("..").bounding_box()
    assert inner is not None
    assert outer is not None
    begin = (inner["x"] - outer["x"]) / outer["width"]
    return begin, begin + inner["width"] / outer["width"]
