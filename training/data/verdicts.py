"""Alerts and what operators said of them: from alerts.jsonl, from the alerts topic, and from a table of verdicts."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from services.alerts.lifecycle import AlertEvent
from shared.clock import from_rfc3339
from shared.exceptions import InputError, PoisonMessageError
from shared.messages import Alert, OperatorVerdict
from shared.verdict import VERDICTS
from training.data.problems import Problems

_FRAME = "frame"


@dataclass(frozen=True, slots=True)
class Judged:
    """An alert with the operator's verdict.

    Attributes:
        alert: as it opened, where that is known: its box is that of the frame.
        verdict: None: nobody has judged it.
        opening: whether `alert` is the opening; else its box may be of a later frame.
        address: topic, partition and offset of the opening's frame; None: not on the bus.
    """

    alert: Alert
    verdict: OperatorVerdict | None
    opening: bool
    address: tuple[str, int, int] | None

    @property
    def time(self) -> int:
        """Capture time of the frame on which it opened, UTC ns to the microsecond."""
        return from_rfc3339(self.alert.detected_at)


def read_alerts(files: Sequence[Path], problems: Problems) -> list[Judged]:
    """The alerts of all files (or of `alerts.jsonl` in folders) by id; a line that is none is noted.

    Raises:
        InputError: a file cannot be read.
    """
    events = []
    for path in files:
        file = path / "alerts.jsonl" if path.is_dir() else path
        try:
            lines = file.read_bytes().splitlines()
        except OSError as error:
            raise InputError(f"{file}: cannot be read ({error.strerror})") from None
        for number, line in enumerate(lines, 1):
            try:
                events.append(AlertEvent.from_bytes(line))
            except PoisonMessageError as error:
                problems.add(file, f"line {number}: {error.detail}")
    return fold((event.alert, event.change) for event in events)


def fold(changes: Iterable[tuple[Alert, str]]) -> list[Judged]:
    """One row per alert from its changes in order; the last verdict counts, whatever the alert does later.

    Example:
        >>> fold([])
        []
    """
    found: dict[str, Judged] = {}
    for alert, change in changes:
        verdict = alert.verdict or next((word for word in VERDICTS if word in (change, alert.status)), None)
        known = found.get(alert.alert_id)
        item = known or Judged(alert, None, False, None)
        if change == "opened":
            item = replace(item, alert=alert, opening=True)
        item = replace(item, verdict=verdict or item.verdict, address=item.address or _address(alert))
        found[alert.alert_id] = item
    return list(found.values())


def _address(alert: Alert) -> tuple[str, int, int] | None:
    for item in alert.evidence:
        topic, *numbers = item.uri.split("/")
        if item.kind == _FRAME and len(numbers) == 2 and all(part.isascii() and part.isdigit() for part in numbers):
            return topic, int(numbers[0]), int(numbers[1])
    return None


def with_table(judged: Sequence[Judged], file: Path) -> list[Judged]:
    """The alerts with the verdicts of a CSV table with columns `alert_id` and `verdict`; it outweighs the events.

    Raises:
        InputError: a row is wrong, or names an alert that is not there; says which line.
    """
    known = {item.alert.alert_id for item in judged}
    table: dict[str, OperatorVerdict] = {}
    try:
        with file.open(encoding="utf-8", newline="") as text:
            rows = csv.DictReader(text)
            if not {"alert_id", "verdict"} <= set(rows.fieldnames or ()):
                raise InputError(f"{file}: needs the columns alert_id and verdict in its first line")
            for row in rows:
                where = f"{file}: line {rows.line_num}"
                if row["verdict"] not in VERDICTS:
                    raise InputError(f"{where}: verdict {row['verdict']!r}: {' or '.join(VERDICTS)}")
                if row["alert_id"] not in known:
                    raise InputError(f"{where}: alert_id {row['alert_id']!r} is none of the {len(known)} alerts")
                table[row["alert_id"]] = cast(OperatorVerdict, row["verdict"])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: cannot be read ({type(error).__name__})") from None
    return [replace(item, verdict=table.get(item.alert.alert_id, item.verdict)) for item in judged]
