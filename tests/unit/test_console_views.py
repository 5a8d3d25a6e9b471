"""What the console says of cameras, alerts and services."""

import json

import pytest

from services.console.feed import Check, read_alert
from services.console.security import allowed_hosts
from services.console.views import alert_view, service_views
from services.console.wall import Wall
from shared.clock import NS, to_ns
from shared.exceptions import PoisonMessageError, StoreError
from shared.messages import Alert, Evidence, FrameRef, Tracks
from shared.site import Camera, Ground, Site, Zone

ROAD = [(0.1, 0.9), (0.4, 0.2), (0.6, 0.2), (0.9, 0.9)]
SITE = Site(
    site="test",
    cameras=[
        Camera(
            id="north",
            source="rtsp://user:hunter2@camera.example/main",
            fps=10,
            zones=[Zone(id="lane-1", kind="lane", polygon=ROAD, direction=(0, -1))],
            ground=Ground(pixels=ROAD, metres=[(0, 0), (0, 90), (9, 90), (9, 0)]),
        ),
        Camera(id="slow", source="south.mp4", fps=0.2),
    ],
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def ns(self) -> int:
        return to_ns(self.now)


def _tracks(camera: str, offset: int, captured_at: int) -> Tracks:
    ref = FrameRef(topic="frames", partition=3, offset=offset, captured_at=captured_at)
    return Tracks(camera=camera, seq=offset, frame=ref, width=640, height=360, objects=[])


def _alert(**changes: object) -> Alert:
    fields: dict[str, object] = {
        "alert_id": "a1",
        "incident": "stopped-vehicle",
        "camera": "north",
        "zone": "lane-1",
        "severity": "critical",
        "status": "open",
        "started_at": "2026-08-01T12:00:00.000000Z",
        "detected_at": "2026-08-01T12:00:10.000000Z",
        "track_ids": [7],
        "label": "car",
        "score": 0.9,
        "box": (0.1, 0.2, 0.3, 0.4),
        "evidence": [],
        "model": "m",
        "site": "test",
    }
    return Alert.model_validate(fields | changes)


def test_rate_age_and_latency_follow_the_results():
    clock = Clock()
    wall = Wall(SITE, clock, clock.ns)
    for n in range(50):
        clock.now = 1000 + n / 10
        wall.saw(_tracks("north", n, clock.ns() - to_ns(0.4)))
    north, slow = wall.views({"north": 2})
    assert north.rate == pytest.approx(10, rel=0.03)
    assert north.latency_s == pytest.approx(0.4)
    assert north.age_s == pytest.approx(0.4)
    assert (north.state, north.open_alerts, north.calibrated) == ("live", 2, True)
    assert (slow.state, slow.rate, slow.captured_at, slow.age_s) == ("waiting", 0, None, None)


def test_a_camera_without_a_new_frame_loses_its_signal_after_five_seconds_and_its_rate_decays():
    clock = Clock()
    wall = Wall(SITE, clock, clock.ns)
    for n in range(20):
        clock.now = 1000 + n / 10
        wall.saw(_tracks("north", n, clock.ns()))
    clock.now = 1001.9 + 4.9
    assert wall.views({})[0].state == "live"
    clock.now = 1001.9 + 5.1
    assert wall.views({})[0].state == "no-signal"
    assert wall.views({})[0].rate == 0


def test_a_slow_camera_may_miss_two_of_its_frames_before_it_counts_as_silent():
    clock = Clock()
    wall = Wall(SITE, clock, clock.ns)
    wall.saw(_tracks("slow", 0, clock.ns()))  # one frame in 5 s
    clock.now += 14.9
    assert wall.views({})[1].state == "live"
    clock.now += 0.2
    assert wall.views({})[1].state == "no-signal"


def test_a_recording_from_another_day_is_live_while_it_plays():
    clock = Clock()
    wall = Wall(SITE, clock, clock.ns)
    wall.saw(_tracks("north", 0, 5 * NS))
    assert wall.views({})[0].state == "live"


def test_a_repeated_result_and_an_unknown_camera_are_not_shown():
    clock = Clock()
    wall = Wall(SITE, clock, clock.ns)
    assert wall.saw(_tracks("north", 1, 0)) is not None
    assert wall.saw(_tracks("north", 1, 0)) is None
    assert wall.saw(_tracks("stranger", 1, 0)) is None


def test_only_frames_heard_of_lately_may_be_asked_for():
    wall = Wall(SITE, Clock())
    assert wall.ref("north") is None
    for n in range(1000):
        wall.saw(_tracks("north", n, n))
    latest = wall.ref("north")
    assert latest is not None
    assert latest.offset == 999
    assert wall.ref("north", (3, 998)) is not None
    assert wall.ref("north", (3, 0)) is None  # long ago: memory is bounded
    assert wall.ref("north", (4, 998)) is None
    assert wall.ref("slow", (3, 998)) is None  # another camera's frame


def test_the_first_event_of_a_stream_tells_how_long_the_camera_has_been_silent():
    clock = Clock()
    wall = Wall(SITE, clock, clock.ns)
    wall.saw(_tracks("north", 1, clock.ns()))
    clock.now += 30
    (first,) = wall.latest()
    assert (first.quiet_s, first.rate) == (30, 0)


def test_no_view_of_a_camera_contains_its_source():
    text = json.dumps([view.model_dump() for view in Wall(SITE).views({})])
    assert "hunter2" not in text
    assert "camera.example" not in text


def test_an_alert_gets_its_title_picture_and_duration():
    view = alert_view(
        _alert(
            status="closed",
            ended_at="2026-08-01T12:01:05.500000Z",
            evidence=[Evidence(kind="frame", uri="log:frames/1/2"), Evidence(kind="snapshot", uri="evidence/a1.jpg")],
        )
    )
    assert (view.title, view.picture, view.duration_s) == ("Stopped vehicle", "/evidence/a1.jpg", 65.5)
    assert alert_view(_alert(incident="new-kind-of-thing")).title == "New kind of thing"
    assert alert_view(_alert()).duration_s is None


@pytest.mark.parametrize(
    "uri", ["evidence/../secret.jpg", "https://elsewhere.example/a.jpg", "javascript:alert(1)", "evidence/a/b.jpg", ""]
)
def test_evidence_that_is_no_picture_of_this_server_is_not_linked(uri: str):
    assert alert_view(_alert(evidence=[Evidence(kind="snapshot", uri=uri)])).picture is None


def test_an_alert_is_read_from_its_cloudevent_and_anything_else_is_poison():
    event = {"specversion": "1.0", "type": "wayside.alert.opened", "data": _alert().model_dump()}
    assert read_alert(json.dumps(event).encode()).alert_id == "a1"
    for value in (None, b"", b"{", b"{}", b'{"data": {"alert_id": "x"}}'):
        with pytest.raises(PoisonMessageError):
            read_alert(value)


def _beat(service: str, instance: str, state: str, detail: str = "") -> dict[str, str]:
    return {"service": service, "instance": instance, "state": state, "detail": detail, "at": "1"}


def test_a_service_that_does_not_beat_is_down_and_the_order_is_that_of_the_flow():
    views = service_views([_beat("detector", "a", "running"), _beat("extra", "a", "running")], {"producer": NS})
    assert [(view.service, view.state) for view in views] == [
        ("producer", "down"),
        ("detector", "running"),
        ("analyzer", "down"),
        ("inspector", "down"),
        ("alerts", "down"),
        ("console", "down"),
        ("extra", "running"),
    ]
    assert views[0].heard_at == "1970-01-01T00:00:01.000000Z"
    assert views[2].heard_at is None


def test_of_several_processes_the_one_in_trouble_speaks_for_the_service():
    beats = [_beat("detector", "a", "running", "fine"), _beat("detector", "b", "degraded", "GPU lost")]
    detector = service_views(beats, {})[1]
    assert (detector.state, detector.detail, detector.instances) == ("degraded", "GPU lost", 2)


def test_a_check_fails_when_the_answer_is_an_error_and_when_it_stays_away():
    clock = Clock()
    answers: list[StoreError | None] = [None, StoreError("Redis does not answer"), None]

    def ask() -> None:
        answer = answers.pop(0)
        if answer:
            raise answer

    check = Check("Redis", ask, clock)
    assert check.error() == "not asked yet"
    check.once()
    assert check.error() is None
    check.once()
    assert check.error() == "Redis does not answer"
    check.once()
    assert check.error() is None
    clock.now += 60  # the asking thread hangs
    assert check.error() == "no answer within 6 s"


def test_foreign_host_names_are_refused_only_on_loopback():
    assert allowed_hosts("127.0.0.1") == {"localhost", "127.0.0.1", "[::1]"}
    assert allowed_hosts("::1") is not None
    assert allowed_hosts("0.0.0.0") is None
