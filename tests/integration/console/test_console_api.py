"""The console's lists and pictures, over a bus in memory and a real Redis."""

import time
from pathlib import Path

import httpx
import pytest

from shared.bus.memory import MemoryBus
from shared.clock import NS, to_rfc3339
from shared.jpeg import jpeg_size
from shared.store import Store
from shared.telemetry.health import Health
from tests.integration.console.helpers import Flow, make_alert, until, write_evidence

pytestmark = pytest.mark.redis

NOON = 1_785_585_600 * NS


def _camera(api: httpx.Client, camera: str = "a2-km41") -> dict:
    return next(entry for entry in api.get("/api/cameras").json() if entry["id"] == camera)


def test_alerts_are_listed_newest_first_and_filtered(api: httpx.Client, store: Store):
    for n in range(6):
        store.put_alert(
            make_alert(
                f"alert{n}",
                NOON + n * NS,
                status="closed" if n % 2 else "open",
                camera="a2-km42" if n == 5 else "a2-km41",
                incident="wrong-way" if n == 4 else "stopped-vehicle",
            )
        )
    store.put_alert(make_alert("replayed", NOON, run="night-7"))

    def ids(query: str) -> list[str]:
        return [alert["alert_id"] for alert in api.get(f"/api/alerts?{query}").json()]

    assert ids("") == ["alert5", "alert4", "alert3", "alert2", "alert1", "alert0"]
    assert ids("status=open") == ["alert4", "alert2", "alert0"]
    assert ids("camera=a2-km42") == ["alert5"]
    assert ids("incident=wrong-way") == ["alert4"]
    assert ids(f"before={to_rfc3339(NOON + 2 * NS)}") == ["alert1", "alert0"]
    one = api.get("/api/alerts/alert4").json()
    assert (one["title"], one["picture"]) == ("Wrong-way vehicle", "/evidence/alert4.jpg")
    assert api.get("/api/alerts/unknown").status_code == 404


def test_pages_follow_each_other_without_loss_even_among_alerts_of_one_instant(api: httpx.Client, store: Store):
    for n in range(7):
        store.put_alert(make_alert(f"alert{n}", NOON))
    seen, path = [], "/api/alerts?limit=3"
    while path:
        response = api.get(path)
        seen += [alert["alert_id"] for alert in response.json()]
        path = response.links.get("next", {}).get("url")
    assert seen == [f"alert{n}" for n in reversed(range(7))]


@pytest.mark.parametrize(
    "path",
    [
        "/api/alerts?status=burning",
        "/api/alerts?limit=0",
        "/api/alerts?limit=100000",
        "/api/alerts?camera=<script>",
        "/api/alerts?before=yesterday",
        "/api/alerts?before=2026-13-01T00:00:00Z",
        "/api/alerts/%3Cscript%3E",
        "/api/cameras/a2-km41/frame.jpg?offset=1",
        "/api/cameras/a2-km41/frame.jpg?offset=-1&partition=0",
        "/api/cameras/a2-km41/frame.jpg?offset=99999999999999999999&partition=0",
    ],
)
def test_wrong_input_is_refused(api: httpx.Client, path: str):
    assert api.get(path).status_code == 422


def test_cameras_tell_rate_age_and_state_and_never_their_source(api: httpx.Client, bus: MemoryBus, store: Store):
    assert _camera(api)["state"] == "waiting"
    store.put_alert(make_alert("a1", NOON))
    flow = Flow(bus)
    for step in range(12):
        flow.frame("a2-km41", step, time.time_ns())
        time.sleep(0.05)
    camera = until(lambda: (found := _camera(api))["rate"] > 5 and found)
    assert (camera["state"], camera["open_alerts"], camera["fps"], camera["calibrated"]) == ("live", 1, 10.0, True)
    assert 0 <= camera["age_s"] < 2
    assert [zone["id"] for zone in camera["zones"]] == ["rush-hour-lane", "shoulder"]
    text = api.get("/api/cameras").text + api.get("/openapi.json").text
    assert "hunter2" not in text
    assert "camera-41.example" not in text


def test_the_picture_is_the_very_frame_that_the_result_names(api: httpx.Client, bus: MemoryBus):
    flow = Flow(bus)
    assert api.get("/api/cameras/a2-km41/frame.jpg").status_code == 404
    first = flow.frame("a2-km41", 1, NOON)
    second = flow.frame("a2-km41", 2, NOON + NS)
    path = "/api/cameras/a2-km41/frame.jpg"
    until(lambda: _camera(api)["captured_at"] == to_rfc3339(NOON + NS))
    for tracks in (first, second):
        response = api.get(path, params={"partition": tracks.frame.partition, "offset": tracks.frame.offset})
        record = bus.read(tracks.frame.topic, tracks.frame.partition, tracks.frame.offset)
        assert record is not None
        assert response.content == record.value
        assert response.headers["X-Captured-At"] == to_rfc3339(tracks.frame.captured_at)
        assert response.headers["Content-Type"] == "image/jpeg"
    latest = api.get(path)
    assert jpeg_size(latest.content) == (640, 360)
    assert latest.headers["X-Captured-At"] == to_rfc3339(NOON + NS)


def test_no_address_opens_frames_of_other_cameras_or_unanalysed_ones(api: httpx.Client, bus: MemoryBus):
    flow = Flow(bus)
    tracks = flow.frame("a2-km41", 1, NOON)
    until(lambda: _camera(api)["state"] == "live")
    address = {"partition": tracks.frame.partition, "offset": tracks.frame.offset}
    assert api.get("/api/cameras/a2-km42/frame.jpg", params=address).status_code == 404
    assert api.get("/api/cameras/a2-km41/frame.jpg", params=address | {"offset": 12345}).status_code == 404
    assert api.get("/api/cameras/elsewhere/frame.jpg").status_code == 404


def test_evidence_is_served_unchangeable_and_nothing_outside_its_folder(api: httpx.Client, tmp_path: Path):
    jpeg = write_evidence(tmp_path, "a1")
    response = api.get("/evidence/a1.jpg")
    assert response.content == jpeg
    assert "immutable" in response.headers["Cache-Control"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (tmp_path / "evidence" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (tmp_path / "evidence" / "notes.txt").write_text("secret")
    for path in ("../secret.jpg", "..%2fsecret.jpg", "%2e%2e%2fsecret.jpg", "link.jpg", "notes.txt", "absent.jpg"):
        response = api.get(f"/evidence/{path}")
        assert response.status_code in (404, 422), path
        assert b"secret" not in response.content.replace(b"secret.jpg", b""), path


def test_services_are_running_degraded_or_down(api: httpx.Client, store: Store):
    detector = Health("detector")
    detector.beat("degraded", "falling behind")
    store.beat(detector, "host-1")
    states = until(
        lambda: (
            (found := {s["service"]: s for s in api.get("/api/services").json()})["detector"]["state"] != "down"
            and found
        )
    )
    assert list(states) == ["producer", "detector", "analyzer", "inspector", "alerts", "console"]
    assert (states["detector"]["state"], states["detector"]["detail"]) == ("degraded", "falling behind")
    assert states["console"]["state"] in ("running", "starting")
    assert states["producer"]["state"] == "down"


def test_the_api_describes_itself(api: httpx.Client):
    paths = api.get("/openapi.json").json()["paths"]
    assert {"/api/alerts", "/api/alerts/{alert_id}", "/api/cameras", "/api/services", "/api/stream"} <= set(paths)
    answer = paths["/api/cameras"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer["items"]["$ref"] == "#/components/schemas/CameraView"
    assert api.get("/docs").status_code == 404  # it would load scripts from elsewhere
