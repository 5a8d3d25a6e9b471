"""The console's event stream, over a bus in memory and a real Redis."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shared.bus.memory import MemoryBus
from shared.clock import NS
from shared.store import Store
from tests.integration.console.helpers import Flow, make_alert, served, until

pytestmark = pytest.mark.redis

NOON = 1_785_585_600 * NS


def _events(response: httpx.Response) -> Iterator[tuple[str, dict]]:
    kind = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield kind, json.loads(line.removeprefix("data: "))


def test_the_stream_brings_boxes_alerts_and_states(api: httpx.Client, bus: MemoryBus):
    flow = Flow(bus)
    with api.stream("GET", "/api/stream") as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        events = _events(response)
        kind, status = next(events)
        assert (kind, status["site"], status["redis"], status["bus"]) == ("services", "a2-north", True, True)
        tracks = flow.frame("a2-km41", 1, NOON)
        kind, live = next(events)
        assert (kind, live["camera"], live["frame"]["offset"]) == ("tracks", "a2-km41", tracks.frame.offset)
        assert live["objects"][0]["speed_kmh"] == 62.4
        flow.raw("alerts", b'{"data": "broken"}')  # is skipped
        flow.raw("alerts", None)
        flow.frame("a2-km41", 2, NOON + NS, run="night-7")  # a replay is not live
        flow.alert(make_alert("replayed", NOON, run="night-7"))
        flow.alert(make_alert("a1", NOON))
        kind, alert = next(event for event in events if event[0] != "services")
        assert (kind, alert["alert_id"], alert["title"]) == ("alert", "a1", "Stopped vehicle")


def test_boxes_come_at_most_about_five_times_a_second(api: httpx.Client, bus: MemoryBus):
    flow = Flow(bus)
    with flow.playing(fps=20), api.stream("GET", "/api/stream") as response:
        start = time.monotonic()
        sent = []
        for kind, live in _events(response):
            if kind == "tracks":
                sent.append(live["seq"])
            if time.monotonic() - start > 2:
                break
    assert 6 <= len(sent) <= 13
    assert sent == sorted(set(sent))


def test_a_client_that_leaves_is_forgotten(bus: MemoryBus, store: Store, tmp_path: Path):
    with served(bus, store, tmp_path) as url, httpx.Client(base_url=url) as api:

        def clients() -> str:
            lines = api.get("/metrics").text.splitlines()
            return next(line for line in lines if line.startswith("wayside_console_clients"))

        for _ in range(3):
            with httpx.Client(base_url=url) as viewer, viewer.stream("GET", "/api/stream") as response:
                events = _events(response)  # httpx closes the stream with its iterator
                next(events)
                assert clients() == "wayside_console_clients 1.0"
            until(lambda: clients() == "wayside_console_clients 0.0")


def test_an_open_stream_does_not_hold_up_the_stop(bus: MemoryBus, store: Store, tmp_path: Path):
    with served(bus, store, tmp_path) as url:
        viewer = httpx.Client(base_url=url)
        response = viewer.send(viewer.build_request("GET", "/api/stream"), stream=True)
        events = _events(response)
        next(events)
        start = time.monotonic()
    assert time.monotonic() - start < 3
    viewer.close()
