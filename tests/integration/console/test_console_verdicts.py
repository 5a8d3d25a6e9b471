"""An operator judges alerts in the console: over API and page, through the alerts service, to sinks and training."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from shared import topics
from shared.bus.memory import MemoryBus
from shared.clock import from_rfc3339
from shared.site import JsonLinesSink
from shared.store import Store
from tests import alerting
from tests.alerting import events, grey_jpeg, incident, life, put_frame, put_incidents, verdict
from tests.integration.console.helpers import served, until
from training.data.alert_command import Request, judged_alerts
from training.data.alert_frames import from_bus
from training.data.problems import Problems

pytestmark = pytest.mark.redis

NOWAK = {"by": "A. Nowak"}
YES, NO = {"verdict": "acknowledged", **NOWAK}, {"verdict": "dismissed", **NOWAK}


@pytest.fixture
def desk(bus: MemoryBus, store: Store, tmp_path: Path) -> Iterator[httpx.Client]:
    """Console and alerts service, whose site has a sink in `sink.jsonl`."""
    configured = alerting.site(JsonLinesSink(type="jsonl", path=tmp_path / "sink.jsonl"))
    with (
        alerting.served(bus, store, configured, tmp_path),
        served(bus, store, tmp_path, configured) as url,
        httpx.Client(base_url=url, timeout=20) as client,
    ):
        yield client


def shown(desk: httpx.Client, **filters: object) -> list[tuple[str, str]]:
    return [(item["alert_id"], item["status"]) for item in desk.get("/api/alerts", params=filters).json()]


def sunk(folder: Path) -> list[str]:
    """What the sink was told: id and change."""
    path = folder / "sink.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [f"{item['id']} {item['type'].rpartition('.')[2]}" for item in map(json.loads, lines)]


def test_from_the_operators_word_to_sinks_and_training(
    bus: MemoryBus, desk: httpx.Client, store: Store, tmp_path: Path
) -> None:
    frame = put_frame(bus, grey_jpeg())
    seen = {"frame": frame, "detected_at": frame.captured_at, "camera": "cam"}
    put_incidents(bus, [life(name, **seen)[0] for name in ("a1", "a2", "a3")])
    until(lambda: len(shown(desk, status="open")) == 3)

    before = time.time_ns()
    said = desk.post("/api/alerts/a1/verdict", json={**YES, "comment": "the hauler is on its way"})
    assert said.status_code == 200
    alert = said.json()
    assert (alert["status"], alert["title"], alert["revision"]) == ("acknowledged", "Stopped vehicle", 1)
    (word,) = alert["verdicts"]
    assert (word["verdict"], word["by"], word["comment"]) == ("acknowledged", "A. Nowak", "the hauler is on its way")
    assert before // 1000 <= from_rfc3339(word["at"]) // 1000 <= time.time_ns() // 1000
    assert desk.get("/api/alerts/a1").json() == alert
    again = desk.post("/api/alerts/a1/verdict", json={"verdict": "acknowledged", "by": "somebody else"})
    assert (again.status_code, again.json()) == (200, alert)
    assert desk.post("/api/alerts/a2/verdict", json=NO).json()["status"] == "dismissed"
    assert shown(desk, status=["open", "acknowledged"]) == [("a3", "open"), ("a1", "acknowledged")]
    assert desk.get("/api/cameras").json()[0]["open_alerts"] == 2

    put_incidents(bus, [change for name in ("a1", "a2") for change in life(name, **seen)[1:]])
    until(lambda: shown(desk) == [("a3", "open"), ("a2", "dismissed"), ("a1", "closed")] and store.alert("a2").ended_at)
    until(lambda: len(sunk(tmp_path)) == 7)
    assert sorted(sunk(tmp_path)) == [
        "a1.0 opened", "a1.1 acknowledged", "a1.2 updated", "a1.3 closed", "a2.0 opened", "a2.1 dismissed",
        "a3.0 opened",
    ]  # fmt: skip

    # What `wayside data from-alerts --kafka` reads, also when compaction has left the last event of each alert only.
    compacted = MemoryBus()
    compacted.ensure_topics(topics.SPECS)
    producer = compacted.producer()
    for last in {event.alert.alert_id: event for event in events(bus)}.values():
        producer.send(topics.ALERTS, last.to_bytes(), key=last.alert.alert_id, timestamp_ms=0)
    request = Request((), (), None, (), 0, "127.0.0.1:9092", tmp_path / "out")
    problems = Problems()
    for log, opening in ((bus, True), (compacted, False)):
        judged = {item.alert.alert_id: item for item in judged_alerts(request, log, problems)}
        assert {name: item.verdict for name, item in judged.items()} == {
            "a1": "acknowledged", "a2": "dismissed", "a3": None,
        }  # fmt: skip
        assert judged["a1"].opening is opening
        found = from_bus(judged.values(), bus, problems)
        assert {name: item.jpeg for name, item in found.items()} == dict.fromkeys(judged, grey_jpeg())
    assert problems.lines() == []


def test_a_verdict_survives_a_restart_and_waits_for_a_service_that_is_away(
    bus: MemoryBus, store: Store, tmp_path: Path
) -> None:
    configured = alerting.site()
    with served(bus, store, tmp_path, configured) as url, httpx.Client(base_url=url, timeout=20) as desk:
        with alerting.served(bus, store, configured, tmp_path):
            put_incidents(bus, [incident("a1"), incident("a2")])
            until(lambda: len(shown(desk)) == 2)
            assert desk.post("/api/alerts/a1/verdict", json=NO).status_code == 200
        waits = desk.post("/api/alerts/a2/verdict", params={"wait_s": 0.2}, json=YES)
        assert (waits.status_code, waits.json()["state"]) == (202, "pending")
        assert desk.get(waits.json()["href"]).json()["status"] == "open"
        store._redis.flushall()
        put_incidents(bus, life("a1"))
        with alerting.served(bus, store, configured, tmp_path):
            until(lambda: (found := store.alert("a2")) is not None and found.status == "acknowledged", 15)
            assert store.alert("a2").verdicts[0].verdict_id == waits.json()["verdict_id"]
            until(lambda: (found := store.alert("a1")) is not None and found.revision == 3)
            assert (store.alert("a1").status, store.alert("a1").verdicts[0].by) == ("dismissed", "A. Nowak")


def test_what_makes_no_sense_is_refused_and_nothing_is_sent(bus: MemoryBus, desk: httpx.Client) -> None:
    put_incidents(bus, [incident("a1"), incident("u1", incident="lane-unsafe"), incident("r1", run="last-night")])
    until(lambda: len(shown(desk)) == 2)
    until(lambda: desk.get("/api/alerts/r1").status_code == 200)
    for name, body, status in (
        ("a9", YES, 404), ("r1", YES, 404), ("u1", NO, 409), ("a1", {"verdict": "dismissed"}, 422),
        ("a1", {"verdict": "closed", **NOWAK}, 422), ("a1", {**NO, "by": ""}, 422), ("a1", {**NO, "comment": ""}, 422),
        ("%3Cb%3E", NO, 422),
    ):  # fmt: skip
        assert desk.post(f"/api/alerts/{name}/verdict", json=body).status_code == status, (name, body)
    refused = desk.post("/api/alerts/u1/verdict", json=NO)
    assert refused.json()["detail"].startswith("lane-unsafe is the answer of an inspection")
    # A page of another site may not say so in somebody's name.
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://elsewhere.example"}):
        assert desk.post("/api/alerts/a1/verdict", json=NO, headers=headers).status_code == 403
    assert sum(bus.end_offsets(topics.ALERT_VERDICTS).values()) == 0
    assert desk.post("/api/alerts/u1/verdict", json=YES).json()["status"] == "acknowledged"


@pytest.mark.browser
def test_the_page_acknowledges_by_keyboard_and_dismisses_and_says_what_failed(
    browser: Browser, bus: MemoryBus, desk: httpx.Client
) -> None:
    frame = put_frame(bus, grey_jpeg())
    now = time.time_ns()
    moments = {"started_at": now - 12 * 10**9, "detected_at": now - 2 * 10**9, "changed_at": now, "frame": frame}
    put_incidents(bus, [incident("a1", **moments), incident("a2", **moments | {"incident": "wrong-way"})])
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(str(desk.base_url))
    expect(page.locator("#count")).to_have_text("2 open alerts")
    form, row = page.locator("#verdict"), page.locator('#open [data-alert="a1"]')
    acknowledge = form.get_by_role("button", name="Acknowledge")
    row.locator("button").focus()
    page.keyboard.press("Enter")
    expect(acknowledge).to_be_enabled()
    for key in ("Tab", "A. Nowak", "Tab", "the hauler is on its way", "Tab"):
        page.keyboard.press(key) if key == "Tab" else page.keyboard.type(key)
    expect(acknowledge).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator("#details")).to_be_hidden()
    expect(row.locator("button")).to_be_focused()
    expect(row.locator(".judged")).to_have_text("acknowledged by A. Nowak")
    expect(row.locator(".lasted")).to_contain_text("open for")
    expect(page.locator("#count")).to_have_text("2 open alerts, 1 acknowledged")
    assert page.title() == "(1) Wayside · test"
    order = page.locator("#open [data-alert]").evaluate_all("rows => rows.map((row) => row.dataset.alert)")
    assert order == ["a2", "a1"], "what nobody has acknowledged comes first"

    row.locator("button").click()
    expect(form.locator("li")).to_have_text([f"Acknowledged by A. Nowak, {_utc(desk)}: the hauler is on its way"])
    expect(acknowledge).to_be_disabled()
    page.keyboard.press("Escape")
    page.locator('#open [data-alert="a2"] button').click()
    expect(form.locator('input[name="by"]')).to_have_value("A. Nowak")
    expect(form.locator('input[name="comment"]')).to_have_value("")
    page.route("**/verdict", lambda route: route.abort())
    sending = "form => { form.requestSubmit(form.querySelector('[value=dismissed]')); return [...form.querySelectorAll("
    assert form.evaluate(sending + "'button')].map((button) => button.disabled); }") == [True, True]
    expect(form.locator(".error")).to_have_text("Not taken: the console does not answer.")
    page.unroute("**/verdict")
    form.get_by_role("button", name="Dismiss").click()
    expect(page.locator('#past [data-alert="a2"] .judged')).to_have_text("dismissed by A. Nowak")
    alerting.put_verdicts(bus, [verdict("a1", "dismissed", by="B. Okafor")])  # by another console
    expect(page.locator('#past [data-alert="a1"] .judged')).to_have_text("dismissed by B. Okafor")
    expect(page.locator("#count")).to_have_text("No open alerts")
    assert [text for text in troubles if "net::ERR_FAILED" not in text] == []
    page.close()


def _utc(desk: httpx.Client) -> str:
    return desk.get("/api/alerts/a1").json()["verdicts"][0]["at"][11:19] + " UTC"
