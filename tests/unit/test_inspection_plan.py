"""When inspections are asked for: by the site's clock, by the frames' times, by the seconds of a clip."""

from datetime import UTC, datetime

import pytest

from services.inspecting import asked_in
from services.inspector.timetable import Timetable
from shared.clock import NS
from shared.cron import times_after
from shared.exceptions import ConfigError
from tests.inspecting import CAMERAS, LANE, START, site

MINUTE, HOUR = 60 * NS, 3600 * NS


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NS


def times(cron: str, zone: str, after: str, count: int) -> list[str]:
    found = times_after(cron, zone, utc(after))
    return [datetime.fromtimestamp(next(found) // NS, UTC).strftime("%m-%d %H:%M") for _ in range(count)]


def test_a_plan_is_in_the_sites_time() -> None:
    # Friday; 05:30 in Berlin is 03:30 UTC in summer. The weekend is left out.
    assert times("30 5 * * mon-fri", "Europe/Berlin", "2026-07-31T03:29:00", 2) == ["07-31 03:30", "08-03 03:30"]
    assert times("30 5 * * mon-fri", "UTC", "2026-07-31T03:29:00", 1) == ["07-31 05:30"]


def test_the_hour_that_is_left_out_is_asked_for_right_after_it() -> None:
    # 2026-03-29 in Berlin: 02:00 CET is 03:00 CEST, which is 01:00 UTC.
    assert times("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00", 2) == ["03-29 01:00", "03-30 00:30"]


def test_a_fixed_time_in_the_hour_that_comes_twice_is_met_once() -> None:
    # 2026-10-25 in Berlin: 02:30 CEST is 00:30 UTC, and 02:30 CET 01:30 UTC.
    assert times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00", 2) == ["10-25 00:30", "10-26 01:30"]


def test_each_due_time_is_asked_for_once_per_camera_with_one_id() -> None:
    table = Timetable(site(inspections=[{"lane": LANE, "cron": "*/10 * * * *"}]), None)
    asked = {camera: [] for camera in CAMERAS}
    for second in range(-30, 1230):
        for camera in CAMERAS:
            asked[camera] += table.pass_by(camera, START + second * NS)
    assert [item.at - START for item in asked[CAMERAS[0]]] == [0, 10 * MINUTE, 20 * MINUTE]
    assert asked[CAMERAS[0]] == asked[CAMERAS[1]]
    assert len({item.request_id for item in asked[CAMERAS[0]]}) == 3


@pytest.mark.parametrize(
    ("later", "due"),
    [(30 * NS, []), (3 * HOUR, [3 * HOUR]), (25 * HOUR, []), (-HOUR, [])],
    ids=["nothing is due", "an outage: only the last", "more than a day", "the clock was set back"],
)
def test_what_was_missed_is_asked_for_once(later: int, due: list[int]) -> None:
    table = Timetable(site(inspections=[{"lane": LANE, "cron": "*/10 * * * *"}]), None)
    table.pass_by(CAMERAS[0], START + NS)
    assert [item.at - START for item in table.pass_by(CAMERAS[0], START + later + NS)] == due


def test_seconds_of_a_clip_become_questions() -> None:
    (request,) = asked_in([f"{LANE}@1.5"], site(), "run-1", START)
    assert (request.lane, request.run, request.at, request.asked_at) == (LANE, "run-1", START + 3 * NS // 2, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LANE, "write it as LANE@SECONDS"),
        (f"{LANE}@", "write it as LANE@SECONDS"),
        (f"{LANE}@soon", "write it as LANE@SECONDS"),
        (f"{LANE}@inf", "write it as LANE@SECONDS"),
        (f"{LANE}@nan", "write it as LANE@SECONDS"),
        ("@30", "write it as LANE@SECONDS"),
        ("lane-9@30", f"no lane has the id 'lane-9'; known: {LANE}"),
        ("verge@30", f"no lane has the id 'verge'; known: {LANE}"),
    ],
)
def test_a_wrong_question_says_how_to_write_it(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        asked_in([text], site(), None, START)
    assert str(raised.value).startswith(f"--inspect {text!r}: ")
    assert message in str(raised.value)
