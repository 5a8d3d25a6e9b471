"""`wayside eval`: alerts of a run against the truth. Detection rate, false alarms, time to detect, F1.

An alert matches a true incident when camera and type agree (zone too where the truth names one) and its
`started_at…ended_at` overlaps it, or its `detected_at` lies inside. Alerts are taken in the order of their
detection; the first match of an incident counts, further ones are duplicates and count as false alarms.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.clock import NS, from_rfc3339
from shared.exceptions import InputError
from shared.messages import Alert


class TrueIncident(BaseModel):
    """One incident that really happened; seconds since the clip's first frame."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    camera: str
    incident: str
    zone: str | None = None
    start_s: float
    end_s: float

    @model_validator(mode="after")
    def _ordered(self) -> "TrueIncident":
        if self.end_s < self.start_s:
            raise ValueError(f"end_s {self.end_s} lies before start_s {self.start_s}")
        return self


class Truth(BaseModel):
    """A truth file; see docs/evaluation.md."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    incidents: list[TrueIncident]
    duration_s: dict[str, float] = Field(description="analysed seconds per camera")


@dataclass(frozen=True, slots=True)
class FoundAlert:
    """One alert in its last state, in seconds since `epoch_ns`."""

    alert: Alert
    started_s: float
    detected_s: float
    ended_s: float | None


@dataclass(frozen=True, slots=True)
class Scores:
    """Figures of one incident type, or of all.

    Attributes:
        time_to_detect_s: of each found incident, `detected_at` − `start_s`.
    """

    incident: str
    staged: int
    found: int
    false_alarms: int
    hours: float
    time_to_detect_s: tuple[float, ...]

    @property
    def rate(self) -> float | None:
        """Share of the true incidents that were found, 0..1."""
        return self.found / self.staged if self.staged else None

    @property
    def per_hour(self) -> float | None:
        """False alarms per camera-hour."""
        return self.false_alarms / self.hours if self.hours else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and detection rate."""
        total = 2 * self.found + (self.staged - self.found) + self.false_alarms
        return 2 * self.found / total if total else None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that was compared.

    Attributes:
        matches: per true incident the alert that found it.
        false_alarms: alerts that match nothing, or something that was found already.
    """

    matches: list[tuple[TrueIncident, FoundAlert | None]]
    false_alarms: list[FoundAlert]
    scores: list[Scores]


def read_truth(path: Path) -> Truth:
    """Read a truth file.

    Raises:
        InputError: missing, not JSON, or not of its form; names the field.
    """
    try:
        return Truth.model_validate_json(_read(path))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {where + ': ' if where else ''}{first['msg']}") from None


def read_alerts(path: Path, epoch_ns: int = 0) -> list[FoundAlert]:
    """Read an alerts.jsonl of CloudEvents; see `fold`.

    Raises:
        InputError: missing, or a line that is no alert; names the line.
    """
    states = []
    for number, line in enumerate(_read(path).splitlines(), start=1):
        try:
            states.append(Alert.model_validate(json.loads(line)["data"]))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}:{number}: is no alert: {str(error).splitlines()[0]}") from None
    return fold(states, epoch_ns)


def fold(states: Iterable[Alert], epoch_ns: int = 0) -> list[FoundAlert]:
    """The last revision of each alert, by time of detection.

    Args:
        epoch_ns: UTC ns of the clip's first frame, the zero of the truth's seconds.
    """
    last: dict[str, Alert] = {}
    for alert in states:
        known = last.get(alert.alert_id)
        if known is None or alert.revision >= known.revision:
            last[alert.alert_id] = alert

    def seconds(text: str) -> float:
        return (from_rfc3339(text) - epoch_ns) / NS

    found = [
        FoundAlert(
            alert,
            seconds(alert.started_at),
            seconds(alert.detected_at),
            seconds(alert.ended_at) if alert.ended_at else None,
        )
        for alert in last.values()
    ]
    return sorted(found, key=lambda item: (item.detected_s, item.alert.alert_id))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None


def evaluate(alerts: Sequence[FoundAlert], truth: Truth) -> Evaluation:
    """Match alerts to true incidents, one to one."""
    taken: dict[int, FoundAlert] = {}
    false_alarms = []
    for found in alerts:
        number = next((i for i, item in enumerate(truth.incidents) if i not in taken and _matches(found, item)), None)
        if number is None:
            false_alarms.append(found)
        else:
            taken[number] = found
    matches = [(item, taken.get(number)) for number, item in enumerate(truth.incidents)]
    names = sorted({item.incident for item in truth.incidents} | {found.alert.incident for found in alerts})
    hours = sum(truth.duration_s.values()) / 3600
    scores = [_score(name, matches, false_alarms, hours) for name in [*names, "all"]]
    return Evaluation(matches, false_alarms, scores)


def _matches(found: FoundAlert, item: TrueIncident) -> bool:
    alert = found.alert
    if (alert.camera, alert.incident) != (item.camera, item.incident) or (item.zone and alert.zone != item.zone):
        return False
    overlaps = found.started_s <= item.end_s and (found.ended_s is None or found.ended_s >= item.start_s)
    return overlaps or item.start_s <= found.detected_s <= item.end_s


def _score(
    name: str,
    matches: Iterable[tuple[TrueIncident, FoundAlert | None]],
    false_alarms: Iterable[FoundAlert],
    hours: float,
) -> Scores:
    own = [(item, found) for item, found in matches if name in ("all", item.incident)]
    times = tuple(found.detected_s - item.start_s for item, found in own if found is not None)
    wrong = sum(1 for found in false_alarms if name in ("all", found.alert.incident))
    return Scores(name, len(own), len(times), wrong, hours, times)
