"""Inspections through the console: API, page, report, PDF, command, and a person's word."""

import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pypdfium2
import pytest
from playwright.sync_api import Browser, expect

from services.cli import main
from shared import topics
from shared.bus.memory import MemoryBus
from shared.clock import NS, from_rfc3339, to_rfc3339
from shared.inspection import Confirmation
from shared.store import Store
from tests.alerting import read_all
from tests.inspected_road import Road, inspector
from tests.inspecting import CAMERAS, LANE, START, Change, also, faulty, site, surface, unfamiliar
from tests.integration.console.helpers import served, until

pytestmark = pytest.mark.redis

ASK = f"/api/lanes/{LANE}/inspection"
UNCHANGED = also()
LIES_THERE = also(surface=surface(regions=[unfamiliar(0.8)]))


@pytest.fixture
def console(bus: MemoryBus, store: Store, tmp_path: Path) -> Iterator[str]:
    """Console and inspector of the site with two cameras on one lane; gives the address."""
    configured = site(timezone="Europe/Berlin")
    with inspector(bus, store, tmp_path, configured), served(bus, store, tmp_path, configured) as url:
        yield url


@pytest.fixture
def road(bus: MemoryBus, console: str) -> Road:
    """Its first frames have reached the console."""
    road = Road(bus, time.time_ns() - START)
    road.play(-1, 0)
    until(lambda: None not in shown_by(console))
    return road


def shown_by(console: str) -> set[str | None]:
    """Capture times of the frames that the console shows."""
    return {camera["captured_at"] for camera in httpx.get(f"{console}/api/cameras").json()}


@contextmanager
def playing(bus: MemoryBus, console: str, road: Road, change: Change = UNCHANGED, questions: int = 1) -> Iterator[None]:
    """Six seconds of the lane as soon as somebody has asked, then one in which all is well again."""

    def play() -> None:
        until(lambda: sum(bus.end_offsets(topics.INSPECTION_REQUESTS).values()) == questions, 30)
        begin = (questions - 1) * 7
        road.play(begin + 0.2, begin + 6, change)
        road.play(begin + 6.2, begin + 7)

    with ThreadPoolExecutor(1) as pool:
        played = pool.submit(play)
        yield
        played.result()
    until(lambda: shown_by(console) == {to_rfc3339(START + road.later + questions * 7 * NS)})


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Exit code of `wayside inspect`, in this process: a new one needs seconds to begin."""
    monkeypatch.setattr(sys, "argv", ["wayside", "inspect", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_who_asks_gets_the_answer_with_pictures_and_reports(bus: MemoryBus, console: str, road: Road) -> None:
    with httpx.Client(base_url=console, timeout=30) as api:
        with playing(bus, console, road, LIES_THERE):
            response = api.post(ASK, json={"by": "Ö. Çelik, дежурный"})
        assert response.status_code == 200
        answer = response.json()
        assert (answer["verdict"], answer["lane"], answer["site"]) == ("not-clear", LANE, "a2-north")
        assert from_rfc3339(answer["requested_at"]) // 1000 == (START + road.later) // 1000
        assert [word["verdict"] for word in answer["cameras"]] == ["not-clear", "not-clear"]
        assert answer["cameras"][0]["reasons"][0]["code"] == "unfamiliar"
        assert api.get(answer["cameras"][0]["picture"]).headers["content-type"] == "image/jpeg"
        assert response.headers["location"] == f"/api/inspections/{answer['inspection_id']}"
        assert api.get(response.headers["location"]).json() == answer
        assert api.get("/api/inspections", params={"last": True}).json() == [answer]
        with playing(bus, console, road, questions=2):
            later = api.post(ASK).json()
        assert later["verdict"] == "clear", later["summary"]
        assert [item["inspection_id"] for item in api.get("/api/inspections").json()] == [
            later["inspection_id"], answer["inspection_id"]
        ]  # fmt: skip
        assert api.get("/api/inspections", params={"lane": "lane-9"}).json() == []

        page = api.get(answer["report"])
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        document = pypdfium2.PdfDocument(api.get(answer["pdf"]).content)
        text = " ".join(page.get_textpage().get_text_range() for page in document).replace("\r\n", " ")
        for shown in (f"{LANE}: not clear", answer["summary"], "something lies on the lane", "(5 s)", *CAMERAS):
            assert shown in page.text, shown
            assert shown in text, shown
        assert "CEST" in text or "CET" in text
        assert "Ö. Çelik, дежурный" in page.text
        assert "Ö. Çelik, ????????" in text, "the standard fonts have no Cyrillic"
        for camera in CAMERAS:
            assert f'src="/evidence/{answer["inspection_id"]}.{camera}.jpg"' in page.text
        pictures = [item for page in document for item in page.get_objects() if item.type == 3]
        assert len(pictures) == len(CAMERAS)


def test_an_answer_that_takes_longer_is_fetched_later(bus: MemoryBus, console: str, road: Road) -> None:
    with httpx.Client(base_url=console, timeout=30) as api:
        response = api.post(ASK, params={"wait_s": 0})
        assert response.status_code == 202
        pending = response.json()
        assert (pending["state"], pending["lane"]) == ("pending", LANE)
        assert api.get(pending["href"]).status_code == 404
        road.play(0.2, 6, also(health=faulty("frozen")))
        answer = until(lambda: (found := api.get(pending["href"])).status_code == 200 and found.json())
        assert answer["verdict"] == "cannot-tell"
        assert answer["cameras"][1]["faults"] == ["frozen"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/lanes/verge/inspection", 404),
        ("POST", "/api/lanes/%3Cb%3E/inspection", 422),
        ("POST", f"{ASK}?wait_s=9999", 422),
        ("GET", "/api/inspections/nothing", 404),
        ("GET", "/api/inspections/nothing/report", 404),
        ("GET", "/api/inspections/nothing/report.pdf", 404),
        ("POST", f"/api/lanes/{LANE}/confirmation", 422),
    ],
)
def test_wrong_input_is_refused(console: str, method: str, path: str, status: int) -> None:
    assert httpx.request(method, console + path).status_code == status


def test_a_person_confirms_what_is_to_be_seen_now(bus: MemoryBus, console: str) -> None:
    path = f"{console}/api/lanes/{LANE}/confirmation"
    refused = httpx.post(path, json={"by": "A. Nowak"})
    assert refused.status_code == 409
    assert refused.json()["detail"] == "camera km41 gives no picture, so nobody can have looked at it"
    road = Road(bus, time.time_ns() - START)
    road.play(-1, 0)
    until(lambda: None not in shown_by(console))
    assert httpx.post(path, json={"by": "A. Nowak", "cameras": ["km99"]}).status_code == 422
    assert httpx.post(path, json={"by": ""}).status_code == 422
    # A page of another site may not say so in somebody's name.
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://elsewhere.example"}):
        assert httpx.post(path, json={"by": "A. Nowak"}, headers=headers).status_code == 403
    assert sum(bus.end_offsets(topics.CONFIRMATIONS).values()) == 0
    assert httpx.post(path, json={"by": "A. Nowak"}, headers={"origin": console}).status_code == 201
    assert [word["camera"] for word in httpx.post(path, json={"by": "B", "cameras": ["km42"]}).json()] == ["km42"]
    records = read_all(bus, topics.CONFIRMATIONS)
    words = [Confirmation.from_bytes(record.value) for record in records]
    assert sorted((word.camera, word.by) for word in words) == [
        ("km41", "A. Nowak"),
        ("km42", "A. Nowak"),
        ("km42", "B"),
    ]
    for record, word in zip(records, words, strict=True):
        assert (record.key, word.lane, word.site) == (word.camera, LANE, "a2-north")
        assert word.confirmed_at == word.frame.captured_at == START + road.later
        assert record.partition == word.frame.partition, "who owns the camera's frames gets it"


def test_the_command_prints_the_answer_and_exits_by_it(
    bus: MemoryBus,
    console: str,
    road: Road,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = tmp_path / "report.pdf"
    wanted = [("clear", UNCHANGED, 0), ("not clear", LIES_THERE, 1), ("cannot tell", also(health=faulty("black")), 3)]
    for number, (words, change, code) in enumerate(wanted, 1):
        more = ["--json"] if code == 3 else ["--pdf", str(target)]
        with playing(bus, console, road, change, number):
            capsys.readouterr()
            assert command(monkeypatch, LANE, "--url", console, *more) == code
            said = "".join(line for line in capsys.readouterr().out.splitlines(True) if not line.startswith("2"))
        if code == 3:
            assert json.loads(said)["verdict"] == "cannot-tell"
        else:
            assert said.startswith(f"{LANE}: {words}: ")
            assert target.read_bytes().startswith(b"%PDF")
            target.unlink()


def test_the_command_says_in_one_line_why_it_could_not_ask(
    console: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, said in (
        (["lane-9", "--url", console], f"'lane-9' is no lane of this site; its lanes: {LANE}"),
        (["a/b", "--url", console], f"'a/b' is no lane of this site; its lanes: {LANE}"),
        ([LANE, "--url", "http://127.0.0.1:9"], "http://127.0.0.1:9: the console does not answer"),
        ([LANE, "--url", "desk"], "--url 'desk': "),
    ):
        assert command(monkeypatch, *arguments) == 2
        lines = capsys.readouterr().err.splitlines()
        assert [line.startswith(f"wayside: {said}") for line in lines] == [True], lines


@pytest.mark.browser
def test_the_page_asks_shows_the_verdict_and_takes_a_confirmation(
    browser: Browser, bus: MemoryBus, console: str, road: Road, tmp_path: Path
) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(console)
    row = page.locator(f'#inspections li[data-lane="{LANE}"]')
    expect(row.locator(".verdict")).to_have_text("not inspected yet")
    with playing(bus, console, road, LIES_THERE):
        row.locator(".ask").click()
        expect(row.locator(".ask")).to_be_disabled()
        expect(row.locator(".verdict")).to_have_text("not clear", timeout=20_000)
    expect(row).to_have_attribute("data-verdict", "not-clear")
    expect(row.locator(".said")).to_contain_text("something lies on the lane that does not belong to it")
    expect(row.locator(".ask")).to_be_enabled()
    row.locator(".confirm").click()
    expect(page.locator("#confirm p").first).to_contain_text("km41, km42")
    page.locator("#confirm input").fill("A. Nowak")
    page.locator("#confirm .yes").click()
    expect(page.locator("#confirm")).to_be_hidden()
    assert sum(bus.end_offsets(topics.CONFIRMATIONS).values()) == 2
    report = browser.new_page(viewport={"width": 1000, "height": 1400})
    report.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    report.goto(console + str(row.locator("a").first.get_attribute("href")))
    expect(report.locator("h1")).to_have_text(f"{LANE}: not clear")
    shown = report.locator("section img").evaluate_all("images => images.map((image) => image.naturalWidth)")
    assert shown == [320, 320]
    assert troubles == []
    page.close()
    report.close()
