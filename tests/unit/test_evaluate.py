"""`wayside eval`: matching as the contract says, honest figures, clear errors, a gate."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli import app
from shared.clock import NS, to_rfc3339
from shared.exceptions import InputError
from shared.messages import Alert, Evidence
from training.evaluate import FoundAlert, evaluate, evaluate_all, fold
from training.truth import Truth, read_truth


def alert(number: int, start: float, detected: float, end: float | None = None, **other: Any) -> Alert:
    fields = {"incident": "stopped-vehicle", "camera": "a", "zone": "lane-1", **other}
    return Alert(
        alert_id=f"alert-{number}", severity="critical", status="open" if end is None else "closed",
        started_at=_time(start), detected_at=_time(detected), ended_at=None if end is None else _time(end),
        track_ids=[number], label="car", score=0.8, box=(0.1, 0.1, 0.2, 0.2), model="m", site="s",
        evidence=[Evidence(kind="snapshot", uri=f"evidence/{number}.jpg")], **fields,
    )  # fmt: skip


def _time(seconds: float) -> str:
    return to_rfc3339(round(seconds * NS))


def truth(*incidents: dict[str, Any], **duration_s: float) -> Truth:
    rows = [{"camera": "a", "incident": "stopped-vehicle", **item} for item in incidents]
    return Truth.model_validate({"incidents": rows, "duration_s": duration_s or {"a": 3600.0}})


def found(*alerts: Alert) -> list[FoundAlert]:
    return fold(alerts)


def test_first_match_counts_and_the_second_is_a_duplicate() -> None:
    result = evaluate(found(alert(1, 10, 21, 25), alert(2, 26, 37, 40)), truth({"start_s": 10, "end_s": 40}))
    score = result.all
    assert (score.staged, score.found, score.false_alarms, score.duplicates) == (1, 1, 1, 1)
    assert score.time_to_detect_s == (11.0,)
    assert (score.precision, score.rate, score.per_hour) == (0.5, 1.0, 1.0)
    assert result.false_alarms[0].duplicate_of is not None


def test_type_camera_and_named_zone_must_agree() -> None:
    staged = truth({"zone": "lane-1", "start_s": 10, "end_s": 40}, a=1800, b=1800)
    others = found(
        alert(1, 12, 20, 30, zone="lane-2"),
        alert(2, 12, 20, 30, camera="b"),
        alert(3, 12, 20, 30, incident="wrong-way"),
    )
    score = evaluate(others, staged).all
    assert (score.found, score.false_alarms, score.duplicates) == (0, 3, 0)
    assert evaluate(found(alert(1, 12, 20, zone="lane-2")), truth({"start_s": 10, "end_s": 40})).all.found == 1


def test_an_alert_that_ended_before_or_began_after_is_false() -> None:
    staged = truth({"start_s": 100, "end_s": 120})
    assert evaluate(found(alert(1, 80, 91, 99)), staged).all.found == 0
    assert evaluate(found(alert(1, 121, 131, 140)), staged).all.found == 0
    assert evaluate(found(alert(1, 80, 91)), staged).all.found == 1  # still open: it overlaps


def test_overlapping_incidents_take_the_alert_that_starts_nearest() -> None:
    staged = truth({"start_s": 10, "end_s": 60}, {"start_s": 30, "end_s": 60})
    result = evaluate(found(alert(1, 30, 40, 60), alert(2, 10, 41, 60)), staged)
    assert result.all.found == 2
    assert [hit.alert.alert_id for _, hit in result.matches if hit] == ["alert-2", "alert-1"]


def test_started_at_is_judged() -> None:
    staged = truth(*({"start_s": start, "end_s": start + 50} for start in (100, 200, 300)))
    score = evaluate(found(alert(1, 102, 112), alert(2, 197, 210), alert(3, 300.5, 311)), staged).all
    assert score.start_within == pytest.approx(2 / 3)
    assert score.start_error_median_s == pytest.approx(2.0)


def test_figures_per_type_camera_and_size() -> None:
    staged = truth(
        {"start_s": 10, "end_s": 40, "size_px": 30},
        {"start_s": 10, "end_s": 40, "size_px": 9, "camera": "b"},
        {"start_s": 10, "end_s": 40, "size": "huge", "incident": "person-on-lane"},
        a=3600, b=7200,
    )  # fmt: skip
    result = evaluate(found(alert(1, 10, 20, 40), alert(2, 100, 110, 120, camera="b")), staged)
    assert {name: score.found for name, score in result.by_incident.items()} == {
        "person-on-lane": 0, "stopped-vehicle": 1, "all": 1,
    }  # fmt: skip
    assert result.by_camera["b"].per_hour == 0.5
    assert {name: score.rate for name, score in result.by_size.items()} == {
        "8 to 16 px": 0,
        "24 to 40 px": 1,
        "huge": 0,
    }
    assert result.all.hours == 3.0


def test_recordings_are_matched_on_their_own_and_added_up() -> None:
    staged = truth({"start_s": 10, "end_s": 40})
    result = evaluate_all([(found(alert(1, 10, 20, 40)), staged), (found(alert(2, 100, 110, 120)), staged)])
    assert (result.all.staged, result.all.found, result.all.false_alarms, result.all.hours) == (2, 1, 1, 2.0)


def test_last_revision_of_an_alert_counts() -> None:
    opened = alert(1, 10, 20)
    closed = alert(1, 10, 20, 30).model_copy(update={"revision": 1})
    assert [item.ended_s for item in fold([closed, opened])] == [30.0]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[]", "object"),
        ('{"incidents": [], "duration_s": {"a": -1}}', "duration_s.a"),
        ('{"incidents": [{"camera": "a", "incident": "wrong-way", "start_s": 1, "end_s": 2}], "duration_s": {}}',
         "camera 'a', which has no duration_s"),
        ('{"incidents": [{"camera": "a", "incident": "ufo", "start_s": 1, "end_s": 2}], "duration_s": {"a": 9}}',
         "unknown incident 'ufo'"),
        ('{"incidents": [{"camera": "a", "incident": "wrong-way", "start_s": 3, "end_s": 2}], "duration_s": {"a": 9}}',
         "end_s 2.0 lies before start_s 3.0"),
        ('{"incidents": [{"camera": "a", "incident": "wrong-way", "start_s": 9, "end_s": 9}], "duration_s": {"a": 5}}',
         "starts at 9 s"),
        ('{"incidents": [{"camera": "a", "incident": "wrong-way", "end_s": 2}], "duration_s": {"a": 9}}',
         "incidents.0.start_s"),
    ],
)  # fmt: skip
def test_a_wrong_truth_is_told_in_one_line(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "truth.json"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        read_truth(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def write(folder: Path, alerts: list[Alert], staged: Truth) -> None:
    folder.mkdir(parents=True)
    lines = [json.dumps({"data": item.model_dump()}) for item in alerts]
    (folder / "alerts.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "truth.json").write_text(staged.model_dump_json())


def test_command_over_folders_lists_every_case(tmp_path: Path) -> None:
    staged = truth({"start_s": 10, "end_s": 40, "note": "grey van", "zone": "lane-1"}, {"start_s": 500, "end_s": 540})
    write(tmp_path / "one", [alert(1, 10, 20, 40), alert(2, 100, 110, 120)], staged)
    write(tmp_path / "two", [], staged)
    result = CliRunner().invoke(app, ["eval", "--alerts", str(tmp_path), "--truth", str(tmp_path), "--json"])
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    assert (said["all"]["staged"], said["all"]["found"], said["all"]["false_alarms"]) == (4, 1, 1)
    assert [item["start_s"] for item in said["missed_incidents"]] == [500, 10, 500]
    assert said["missed_incidents"][1]["note"] == "grey van"
    wrong = said["false_alarm_list"][0]
    assert wrong["evidence"] == str(tmp_path / "one" / "evidence" / "2.jpg")
    assert (wrong["camera"], wrong["zone"], wrong["detected_s"]) == ("a", "lane-1", 110.0)
    tables = CliRunner().invoke(app, ["eval", "--alerts", str(tmp_path), "--truth", str(tmp_path)])
    assert "misses and false alarms" in tables.stdout
    assert "500.0-540.0 s" in tables.stdout


def test_gate(tmp_path: Path) -> None:
    staged = truth({"start_s": 10, "end_s": 40}, {"start_s": 500, "end_s": 540})
    write(tmp_path / "run", [alert(1, 10, 20, 40)], staged)
    command = ["eval", "--alerts", str(tmp_path / "run"), "--truth", str(tmp_path / "run" / "truth.json"), "--json"]
    assert CliRunner().invoke(app, [*command, "--min-rate", "0.5", "--max-false-per-hour", "0"]).exit_code == 0
    failed = CliRunner().invoke(app, [*command, "--min-rate", "0.95", "--max-p95-s", "5"])
    assert failed.exit_code == 1
    assert failed.stderr.count("\n") == 1
    assert "detection rate is 0.5, at least 0.95 is wanted" in failed.stderr
    assert "p95 time to detect, seconds is 10" in failed.stderr


def test_nothing_staged_fails_a_gate_on_the_rate(tmp_path: Path) -> None:
    write(tmp_path / "run", [], truth())
    run = str(tmp_path / "run")
    result = CliRunner().invoke(app, ["eval", "--alerts", run, "--truth", run, "--json", "--min-rate", "0.5"])
    assert result.exit_code == 1
    assert "unknown" in result.stderr


def test_halves_without_each_other_are_told(tmp_path: Path) -> None:
    write(tmp_path / "runs" / "one", [], truth())
    (tmp_path / "truths").mkdir()
    result = CliRunner().invoke(app, ["eval", "--alerts", str(tmp_path / "runs"), "--truth", str(tmp_path / "truths")])
    assert "has no truth for one" in str(result.exception)
    result = CliRunner().invoke(app, ["eval", "--alerts", "x", "--alerts", "y", "--truth", "z"])
    assert "give them in pairs" in str(result.exception)
