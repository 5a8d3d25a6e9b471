"""Printing an evaluation: as tables for people, as JSON for programs."""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from training.evaluate import Evaluation, evaluate, read_alerts, read_truth


def wide_console() -> Console:
    """Standard output; where it is no terminal, wide enough that no table is cut."""
    console = Console()
    return console if console.is_terminal else Console(width=120)


def table(evaluation: Evaluation) -> Table:
    """The scores, one row per incident type."""
    result = Table(title="alerts against the truth")
    for column in ("incident", "staged", "found", "rate", "false alarms", "per camera-hour", "F1"):
        left = column == "incident"
        result.add_column(column, justify="left" if left else "right", no_wrap=left)
    result.add_column("time to detect: median", justify="right")
    result.add_column("p95", justify="right")
    for score in evaluation.scores:
        per_hour = f"{score.per_hour:.2f}" if score.per_hour is not None else "-"
        rate = f"{score.rate:.0%}" if score.rate is not None else "-"
        f1 = f"{score.f1:.2f}" if score.f1 is not None else "-"
        times = [f"{pick:.1f} s" if pick is not None else "-" for pick in _median_p95(score.time_to_detect_s)]
        result.add_row(
            score.incident, str(score.staged), str(score.found), rate, str(score.false_alarms), per_hour, f1, *times
        )
    return result


def to_json(evaluation: Evaluation) -> str:
    """The scores as JSON, by incident type."""
    rows = {}
    for score in evaluation.scores:
        median, p95 = _median_p95(score.time_to_detect_s)
        rows[score.incident] = {
            "staged": score.staged,
            "found": score.found,
            "detection_rate": score.rate,
            "false_alarms": score.false_alarms,
            "false_alarms_per_camera_hour": score.per_hour,
            "f1": score.f1,
            "time_to_detect_median_s": median,
            "time_to_detect_p95_s": p95,
        }
    return json.dumps(rows, indent=2)


def _median_p95(times: Sequence[float]) -> tuple[float | None, float | None]:
    if not times:
        return None, None
    ordered = sorted(times)
    # Nearest rank: the smallest value that at least 95 % do not exceed.
    return statistics.median(ordered), ordered[min(len(ordered) - 1, -(-95 * len(ordered) // 100) - 1)]


def staged_table(evaluation: Evaluation) -> Table:
    """What was staged and what was found, one row per true incident and per false alarm."""
    result = Table(title="staged and found")
    for column in ("incident", "camera", "zone", "began", "alert after", "label", "verdict"):
        result.add_column(column, no_wrap=True)
    for item, found in evaluation.matches:
        after = f"{found.detected_s - item.start_s:.1f} s" if found else "-"
        label = f"{found.alert.label} {found.alert.score:.0%}" if found else "-"
        verdict = "[green]found[/]" if found else "[red]missed[/]"
        result.add_row(item.incident, item.camera, item.zone or "any", f"{item.start_s:.1f} s", after, label, verdict)
    for found in evaluation.false_alarms:
        alert = found.alert
        began = f"{found.started_s:.1f} s"
        result.add_row(alert.incident, alert.camera, alert.zone, began, "-", alert.label, "[red]false alarm[/]")
    return result


def run_eval(alerts: Path, truth: Path, as_json: bool, epoch_ns: int = 0) -> Evaluation:
    """The body of `wayside eval`: compare and print."""
    evaluation = evaluate(read_alerts(alerts, epoch_ns), read_truth(truth))
    if as_json:
        print(to_json(evaluation))  # noqa: T201 (the command's output)
    else:
        console = wide_console()
        console.print(staged_table(evaluation))
        console.print(table(evaluation))
    return evaluation
