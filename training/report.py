"""Printing an evaluation: as tables for people, as JSON for programs, as a gate for a build."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from training.evaluate import Evaluation, FalseAlarm, FoundAlert, evaluate_all, read_alerts
from training.intervals import Interval, median, percentile
from training.recordings import pair_up
from training.scores import Figures
from training.truth import TrueIncident, read_truth

_COLUMNS = (
    "staged", "found", "rate (95 %)", "false (twice)", "per camera-hour (95 %)", "precision", "F1",
    "detected after: median", "p95", "start ±2 s", "error",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Gate:
    """What the figures over all types must reach; None: not asked for."""

    min_rate: float | None = None
    max_false_per_hour: float | None = None
    max_p95_s: float | None = None

    def failures(self, score: Figures) -> list[str]:
        """What is not reached; a figure that cannot be computed is not reached either."""
        p95 = percentile(score.time_to_detect_s, 95)
        checks = (
            ("detection rate", score.rate, self.min_rate, "at least", 1),
            ("false alarms per camera-hour", score.per_hour, self.max_false_per_hour, "at most", -1),
            ("p95 time to detect, seconds", p95, self.max_p95_s, "at most", -1),
        )
        return [
            f"{name} is {'unknown' if value is None else format(value, '.4g')}, {word} {limit:g} is wanted"
            for name, value, limit, word, sign in checks
            if limit is not None and (value is None or sign * value < sign * limit)
        ]


def wide_console() -> Console:
    """Standard output; where it is no terminal, wide enough that no table is cut."""
    console = Console()
    return console if console.is_terminal else Console(width=160)


def table(title: str, head: str, rows: dict[str, Figures]) -> Table:
    """Figures, one row each."""
    result = Table(title=title)
    result.add_column(head, no_wrap=True)
    for column in _COLUMNS:
        result.add_column(column, justify="right")
    for name, score in rows.items():
        result.add_row(name, *_cells(score))
    return result


def _cells(score: Figures) -> list[str]:
    false = f"{score.false_alarms} ({score.duplicates})" if score.duplicates else str(score.false_alarms)
    return [
        str(score.staged),
        str(score.found),
        _percent(score.rate, score.rate_interval),
        false,
        _per_hour(score.per_hour, score.per_hour_interval),
        _text(score.precision, "{:.0%}"),
        _text(score.f1, "{:.2f}"),
        _text(median(score.time_to_detect_s), "{:.1f} s"),
        _text(percentile(score.time_to_detect_s, 95), "{:.1f} s"),
        _text(score.start_within, "{:.0%}"),
        _text(score.start_error_median_s, "{:.1f} s"),
    ]


def _percent(value: float | None, interval: Interval | None) -> str:
    return "-" if value is None or interval is None else f"{value:.0%} ({interval[0]:.0%}-{interval[1]:.0%})"


def _per_hour(value: float | None, interval: Interval | None) -> str:
    return "-" if value is None or interval is None else f"{value:.2f} ({interval[0]:.2f}-{interval[1]:.2f})"


def _text(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def to_json(evaluation: Evaluation) -> str:
    """Everything as JSON: figures per incident type and of `all`, then per camera and size, then every case."""
    rows: dict[str, Any] = {name: score.as_dict() for name, score in evaluation.by_incident.items()}
    rows["by_camera"] = {name: score.as_dict() for name, score in evaluation.by_camera.items()}
    rows["by_size"] = {name: score.as_dict() for name, score in evaluation.by_size.items()}
    rows["found_incidents"] = [
        {**_truth(item), **_alert(found), "time_to_detect_s": found.detected_s - item.start_s,
         "started_at_error_s": found.started_s - item.start_s}
        for item, found in evaluation.matches if found is not None
    ]  # fmt: skip
    rows["missed_incidents"] = [_truth(item) for item, found in evaluation.matches if found is None]
    rows["false_alarm_list"] = [
        {**_alert(item.found), "duplicate": item.duplicate_of is not None} for item in evaluation.false_alarms
    ]
    rows["unlabelled_cameras"] = list(evaluation.unlabelled)
    return json.dumps(rows, indent=2)


def _truth(item: TrueIncident) -> dict[str, Any]:
    return item.model_dump(exclude_none=True)


def _alert(found: FoundAlert) -> dict[str, Any]:
    alert = found.alert
    return {
        "alert_id": alert.alert_id,
        "camera": alert.camera,
        "incident": alert.incident,
        "zone": alert.zone,
        "started_at": alert.started_at,
        "detected_at": alert.detected_at,
        "detected_s": found.detected_s,
        "label": alert.label,
        "score": alert.score,
        "evidence": found.picture,
    }


def staged_table(matches: Sequence[tuple[TrueIncident, FoundAlert | None]], wrong: Sequence[FalseAlarm]) -> Table:
    """What was staged and what was found, one row per true incident and per false alarm."""
    result = Table(title="staged and found")
    for column in ("incident", "camera", "zone", "began", "alert after", "label", "verdict"):
        result.add_column(column, no_wrap=True)
    for item, found in matches:
        after = f"{found.detected_s - item.start_s:.1f} s" if found else "-"
        label = f"{found.alert.label} {found.alert.score:.0%}" if found else "-"
        verdict = "[green]found[/]" if found else "[red]missed[/]"
        result.add_row(item.incident, item.camera, item.zone or "any", f"{item.start_s:.1f} s", after, label, verdict)
    for alarm in wrong:
        alert = alarm.found.alert
        verdict = f"[red]{'duplicate' if alarm.duplicate_of else 'false alarm'}[/]"
        result.add_row(
            alert.incident, alert.camera, alert.zone, f"{alarm.found.started_s:.1f} s", "-", alert.label, verdict
        )
    return result


def cases_table(evaluation: Evaluation) -> Table:
    """Every miss and every false alarm with where to look: seconds in the clip, event time, evidence picture."""
    result = Table(title="misses and false alarms")
    for column in ("what", "incident", "camera", "zone", "at", "event time", "label"):
        result.add_column(column, no_wrap=True)
    result.add_column("evidence", overflow="fold")
    for item, found in evaluation.matches:
        if found is None:
            at = f"{item.start_s:.1f}-{item.end_s:.1f} s"
            size = item.size_class or "-"
            result.add_row("[red]missed[/]", item.incident, item.camera, item.zone or "any", at, "-", size, "-")
    for alarm in evaluation.false_alarms:
        alert, at = alarm.found.alert, f"{alarm.found.detected_s:.1f} s"
        result.add_row(
            "duplicate" if alarm.duplicate_of else "[red]false alarm[/]", alert.incident, alert.camera, alert.zone, at,
            alert.detected_at, f"{alert.label} {alert.score:.0%}", alarm.found.picture or "-",
        )  # fmt: skip
    return result


def run_eval(
    alerts: Sequence[Path], truths: Sequence[Path], as_json: bool, epoch_ns: int = 0, gate: Gate | None = None
) -> list[str]:
    """The body of `wayside eval`: compare and print; returns what the gate finds wanting.

    Raises:
        InputError: a file is missing or not of its form.
    """
    gate = gate or Gate()
    pairs = [(read_alerts(one, epoch_ns), read_truth(other)) for one, other in pair_up(alerts, truths)]
    evaluation = evaluate_all(pairs)
    if as_json:
        print(to_json(evaluation))  # noqa: T201 (the command's output)
    else:
        _print(evaluation, wide_console())
    return gate.failures(evaluation.all)


def _print(evaluation: Evaluation, console: Console) -> None:
    if any(found is None for _, found in evaluation.matches) or evaluation.false_alarms:
        console.print(cases_table(evaluation))
    for camera in evaluation.unlabelled:
        console.print(f"[yellow]camera {camera} has no duration_s in the truth: its alerts count, its hours do not[/]")
    if evaluation.by_size:
        console.print(table("by size", "size", evaluation.by_size))
    if len(evaluation.by_camera) > 1:
        console.print(table("by camera", "camera", evaluation.by_camera))
    console.print(table("alerts against the truth", "incident", evaluation.by_incident))
