"""lost and clock: one incident each, by the reports' own time."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analyzer.presence import CameraPresence, Report
from shared import topics
from shared.camera_status import CameraStatus, ClockFault
from shared.clock import NS, to_ns
from shared.messages import FrameRef, Incident
from shared.site import Rule, Site, Window
from tests import inspecting
from tests.inspecting import inspect
from tests.unit.analyzer_helpers import make_site, summary
from tests.unit.test_inspection_judge import empty

NOW = 1_700_000_000.0


def status(at: float, state: str = "connected", since: float = 0.0, **more: Any) -> CameraStatus:
    """Seconds since NOW."""
    fields = {"camera": "cam", "by": "producer", "at": to_ns(NOW + at), "since": to_ns(NOW + since)}
    return CameraStatus.model_validate(fields | {"state": state} | more)


def lost(at: float, since: float, **more: Any) -> CameraStatus:
    return status(at, "lost", since, reason="the stream ended", **more)


def wrong(since: float, detail: str = "jumps") -> ClockFault:
    return ClockFault(since=to_ns(NOW + since), detail=detail)


def presence(site: Site | None = None) -> CameraPresence:
    site = site or make_site()
    return CameraPresence(site, site.cameras[0])


def play(*statuses: CameraStatus, stage: CameraPresence | None = None, first: int = 0) -> list[Incident]:
    stage = stage or presence()
    changes: list[Incident] = []
    for offset, item in enumerate(statuses, first):
        address = FrameRef(topic=topics.CAMERA_STATUS, partition=3, offset=offset, captured_at=item.at)
        changes += stage.step(Report(item, address)).incidents
    return changes


def times(incident: Incident) -> tuple[float, float, float | None]:
    end = None if incident.ended_at is None else incident.ended_at / NS - NOW
    return incident.started_at / NS - NOW, incident.detected_at / NS - NOW, end


def test_a_camera_that_gives_no_picture_for_10_s_is_lost_until_it_has_given_some_for_10_s() -> None:
    opened, closed = play(
        *(status(t) for t in range(0, 20, 2)),
        *(lost(t, 19) for t in range(20, 60, 2)),
        *(status(t, since=60) for t in range(60, 90, 2)),
    )

    assert (opened.incident, opened.label, opened.zone, opened.change) == ("camera-fault", "lost", "lane-1", "opened")
    assert times(opened) == (19, 30, None)
    assert (opened.detail, opened.severity, opened.box) == ("the stream ended", "warning", (0, 0, 1, 1))
    assert (opened.frame.topic, opened.frame.partition) == (topics.CAMERA_STATUS, 3)
    assert (closed.change, closed.incident_id, times(closed)) == ("closed", opened.incident_id, (19, 30, 58))


def test_a_camera_that_is_back_within_10_s_is_nobodys_concern() -> None:
    assert (
        play(status(0), lost(2, 1), lost(10, 1), status(11, since=10.5), *(status(t) for t in range(12, 40, 2))) == []
    )


def test_one_that_breaks_off_again_and_again_is_one_incident() -> None:
    changes = play(*(lost(t, t - 12) if t % 16 < 12 else status(t) for t in range(12, 200, 2)))
    assert summary(changes) == [("camera-fault", "opened")]


def test_a_wrong_clock_is_told_at_once_and_over_10_s_after_the_last_word_of_it() -> None:
    opened, closed = play(
        *(status(t) for t in range(0, 10, 2)),
        *(status(t, clock=wrong(4)) for t in range(10, 20, 2)),
        *(status(t) for t in range(20, 40, 2)),
    )
    assert (opened.label, times(opened), opened.detail) == ("clock", (4, 10, None), "jumps")
    assert times(closed) == (4, 10, 18)


def test_a_clock_that_is_set_back_closes_what_is_open_in_its_own_time_and_opens_it_anew() -> None:
    changes = play(
        *(lost(t, 0) for t in range(0, 30, 2)),
        *(lost(t, -3600) for t in range(-3550, -3530, 2)),
    )
    told = [(item.label, item.change, times(item)) for item in changes]
    assert told == [
        ("lost", "opened", (0, 10, None)),
        ("lost", "closed", (0, 10, 28)),
        ("lost", "opened", (-3600, -3550, None)),
        ("clock", "opened", (-3550, -3550, None)),
    ]
    assert len({item.incident_id for item in changes}) == 3
    assert "set back by 1 h 0 min" in (changes[3].detail or "")


def test_a_step_back_that_nobody_else_tells_is_told_for_a_minute() -> None:
    """The producer was restarted on a machine whose clock had been put right."""
    changes = play(status(0), status(2), *(status(t) for t in range(-100, 0, 2)))
    assert [(item.label, item.change) for item in changes] == [("clock", "opened"), ("clock", "closed")]
    assert times(changes[1])[2] == -40


def test_the_same_beginning_in_two_time_lines_gives_two_ids() -> None:
    changes = play(lost(30, 0), lost(20, 0), lost(22, 0))
    ids = [item.incident_id for item in changes if item.label == "lost"]
    assert [item.change for item in changes if item.label == "lost"] == ["opened", "closed", "opened"]
    assert len(set(ids)) == 2


def test_the_analyzers_word_counts_until_the_producer_is_heard_again() -> None:
    word = lost(31, 18, by="analyzer")
    changes = play(*(status(t) for t in range(0, 20, 2)), word, *(status(t, since=80) for t in range(80, 100, 2)))
    assert [(item.change, *times(item)) for item in changes] == [("opened", 18, 31, None), ("closed", 18, 31, 31)]


def test_a_reckoned_time_that_was_too_far_ahead_is_no_step_of_the_clock() -> None:
    changes = play(status(0), lost(3600, 0, by="analyzer"), *(status(t) for t in range(50, 90, 2)))
    assert [(item.label, item.change) for item in changes] == [("lost", "opened"), ("lost", "closed")]


def test_the_analyzers_doubt_of_a_clock_lasts_until_it_takes_it_back() -> None:
    doubt = status(10, by="analyzer", clock=wrong(2, "ahead"))
    changes = play(
        status(8), doubt, *(status(t) for t in range(12, 40, 2)),
        status(40, by="analyzer"), *(status(t) for t in range(42, 60, 2)),
    )  # fmt: skip
    assert [(item.change, *times(item)) for item in changes] == [("opened", 2, 10, None), ("closed", 2, 10, 38)]


def test_a_clip_that_is_over_is_not_lost_and_ends_what_is_open() -> None:
    assert play(status(0), *(status(t, "ended", 2) for t in range(2, 60, 2))) == []
    assert [item.change for item in play(lost(0, -20), status(2, "ended", 2))] == ["opened", "closed"]


def test_a_site_sets_time_and_severity_and_turns_it_off() -> None:
    slow = make_site(rules=[Rule(incident="camera-fault", after_s=30, severity="critical")])
    (opened,) = play(*(lost(t, 0) for t in range(0, 50, 2)), stage=presence(slow))
    assert (times(opened)[1], opened.severity) == (30, "critical")
    off = make_site(rules=[Rule(incident="camera-fault", enabled=False)])
    assert play(*(lost(t, 0) for t in range(0, 50, 2)), stage=presence(off)) == []
    never = make_site(
        rules=[Rule(incident="camera-fault", schedule=[Window.model_validate({"from": "00:00", "to": "00:01"})])]
    )
    assert play(*(lost(t, 0) for t in range(0, 50, 2)), stage=presence(never)) == []


def test_a_site_that_turns_it_off_meanwhile_still_closes_what_is_open() -> None:
    stage = presence()
    (opened,) = play(*(lost(t, 0) for t in range(0, 20, 2)), stage=stage)
    off = presence(make_site(rules=[Rule(incident="camera-fault", enabled=False)]))
    assert off.restore(json.loads(json.dumps(stage.state()))) == []
    (closed,) = play(*(lost(t, 0) for t in range(20, 60, 2)), stage=off, first=10)
    assert (closed.change, closed.incident_id) == ("closed", opened.incident_id)


reports = st.lists(
    st.tuples(
        st.integers(-4, 30),
        st.sampled_from(["connected", "lost", "lost", "ended"]),
        st.sampled_from(["producer", "producer", "analyzer"]),
        st.booleans(),
    ),
    min_size=2,
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(reports, st.integers(1, 30))
def test_a_new_owner_goes_on_with_the_same_incidents(drawn: list[tuple[int, str, str, bool]], cut: int) -> None:
    at, statuses = 1000, []
    for step, state, by, clock in drawn:
        at += step
        statuses.append(status(at, state, at - 15, by=by, clock=wrong(at) if clock else None))
    whole = play(*statuses)
    stage, fresh = presence(), presence()
    parts = play(*statuses[:cut], stage=stage)
    assert fresh.restore(json.loads(json.dumps(stage.state()))) == []
    parts += play(*statuses[cut:], stage=fresh, first=cut)
    assert parts == whole
    revisions: dict[str, int] = {}
    for change in whole:
        assert change.revision == revisions.get(change.incident_id, -1) + 1
        revisions[change.incident_id] = change.revision


@pytest.mark.parametrize("fault", ["lost", "clock"])
def test_a_lane_is_never_clear_while_one_of_its_cameras_is_lost_or_has_a_wrong_clock(fault: str) -> None:
    """Its frames may look well all the same: those that were under way, or that bear a wrong time."""
    site = inspecting.site()
    stage = CameraPresence(site, site.cameras[1])
    begin = inspecting.START / NS - NOW - 60
    bad = [
        lost(begin + t, begin) if fault == "lost" else status(begin + t, clock=wrong(begin)) for t in range(0, 20, 2)
    ]
    changes = play(*(item.model_copy(update={"camera": "km42"}) for item in bad), stage=stage)
    answer = inspect(empty(), changes)
    assert (answer.verdict, [word.verdict for word in answer.cameras]) == ("cannot-tell", ["clear", "cannot-tell"])
    assert f"camera fault ({fault})" in answer.summary
    assert answer.cameras[1].faults == [fault]
    good = [status(begin + t).model_copy(update={"camera": "km42"}) for t in range(20, 40, 2)]
    changes += play(*good, stage=stage, first=10)
    assert inspect(empty(), changes).verdict == "clear"
