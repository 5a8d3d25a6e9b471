"""`wayside eval`: alerts of a run against the truth; which found what, which are false.

An alert matches a true incident when camera and type agree (zone too where the truth names one) and its
`started_at…ended_at` overlaps it, or its `detected_at` lies inside. Alerts are taken in the order of their
detection; the first match of an incident counts, further ones are duplicates and count as false alarms. Where
an alert fits several incidents that are still open it takes the one whose start is nearest.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.clock import NS, from_rfc3339
from shared.exceptions import InputError
from shared.messages import Alert
from training.scores import Figures, figures
from training.truth import TrueIncident, Truth, read_text


@dataclass(frozen=True, slots=True)
class FoundAlert:
    """One alert in its last state, in seconds since the clip's first frame.

    Attributes:
        folder: of the file that it comes from; its evidence lies relative to it.
    """

    alert: Alert
    started_s: float
    detected_s: float
    ended_s: float | None
    folder: Path | None = None

    @property
    def picture(self) -> str | None:
        """Path or address of the first picture of evidence."""
        uri = next((item.uri for item in self.alert.evidence if item.kind == "snapshot"), None)
        if uri is None or self.folder is None or "://" in uri:
            return uri
        return str(self.folder / uri)


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """An alert that found nothing; `duplicate_of` is the incident that another alert had found before it."""

    found: FoundAlert
    duplicate_of: TrueIncident | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that was compared.

    Attributes:
        matches: per true incident the alert that found it.
        false_alarms: alerts that match nothing, or something that was found already.
        duration_s: analysed seconds per camera, over all truth files.
        by_incident: figures per incident type, and of `all`.
        by_camera: figures per camera.
        by_size: figures per size class of the truth; false alarms have none, so only what was staged counts.
        unlabelled: cameras that raised alerts but have no duration in any truth; their alerts are false alarms.
    """

    matches: list[tuple[TrueIncident, FoundAlert | None]]
    false_alarms: list[FalseAlarm]
    duration_s: dict[str, float]
    by_incident: dict[str, Figures]
    by_camera: dict[str, Figures]
    by_size: dict[str, Figures]
    unlabelled: tuple[str, ...]

    @property
    def all(self) -> Figures:
        """The figures over all incident types and cameras."""
        return self.by_incident["all"]


def read_alerts(path: Path, epoch_ns: int = 0) -> list[FoundAlert]:
    """Read an alerts.jsonl of CloudEvents; see `fold`.

    Raises:
        InputError: missing, or a line that is no alert; names the line.
    """
    states = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            states.append(Alert.model_validate(json.loads(line)["data"]))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}:{number}: is no alert: {str(error).splitlines()[0]}") from None
    try:
        return fold(states, epoch_ns, path.parent)
    except ValueError as error:
        raise InputError(f"{path}: an alert's time is no RFC 3339 date-time: {error}") from None


def fold(states: Iterable[Alert], epoch_ns: int = 0, folder: Path | None = None) -> list[FoundAlert]:
    """The last revision of each alert, by time of detection.

    Args:
        epoch_ns: UTC ns of the clip's first frame, the zero of the truth's seconds.
        folder: where the evidence lies.
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
            folder,
        )
        for alert in last.values()
    ]
    return sorted(found, key=lambda item: (item.detected_s, item.alert.alert_id))


def evaluate(alerts: Sequence[FoundAlert], truth: Truth) -> Evaluation:
    """Match alerts to true incidents, one to one."""
    return evaluate_all([(alerts, truth)])


def evaluate_all(pairs: Iterable[tuple[Sequence[FoundAlert], Truth]]) -> Evaluation:
    """Match each recording's alerts to its own truth, and take the figures over all of them together."""
    matches: list[tuple[TrueIncident, FoundAlert | None]] = []
    false_alarms: list[FalseAlarm] = []
    duration_s: dict[str, float] = {}
    for alerts, truth in pairs:
        own, wrong = _match(alerts, truth)
        matches += own
        false_alarms += wrong
        for camera, seconds in truth.duration_s.items():
            duration_s[camera] = duration_s.get(camera, 0.0) + seconds
    raised = {item.found.alert.camera for item in false_alarms}
    return assemble(matches, false_alarms, duration_s, tuple(sorted(raised - set(duration_s))))


def assemble(
    matches: list[tuple[TrueIncident, FoundAlert | None]],
    false_alarms: list[FalseAlarm],
    duration_s: dict[str, float],
    unlabelled: tuple[str, ...] = (),
) -> Evaluation:
    """The figures of what was matched."""
    found = [
        (item, None if alert is None else (alert.detected_s - item.start_s, alert.started_s - item.start_s))
        for item, alert in matches
    ]
    wrong = [
        (item.found.alert.incident, item.found.alert.camera, item.duplicate_of is not None) for item in false_alarms
    ]
    hours = sum(duration_s.values()) / 3600
    types = sorted({item.incident for item, _ in matches} | {incident for incident, _, _ in wrong})
    by_incident = {
        name: figures(
            [delay for item, delay in found if item.incident == name],
            [twice for incident, _, twice in wrong if incident == name],
            hours,
        )
        for name in types
    }
    by_incident["all"] = figures([delay for _, delay in found], [twice for _, _, twice in wrong], hours)
    by_camera = {
        name: figures(
            [delay for item, delay in found if item.camera == name],
            [twice for _, camera, twice in wrong if camera == name],
            duration_s.get(name, 0.0) / 3600,
        )
        for name in sorted({*duration_s, *unlabelled})
    }
    classes = dict.fromkeys(
        item.size_class for item, _ in sorted(found, key=lambda pair: pair[0].size_px or 0.0) if item.size_class
    )
    by_size = {name: figures([delay for item, delay in found if item.size_class == name], [], 0.0) for name in classes}
    return Evaluation(matches, false_alarms, duration_s, by_incident, by_camera, by_size, unlabelled)


def _match(
    alerts: Sequence[FoundAlert], truth: Truth
) -> tuple[list[tuple[TrueIncident, FoundAlert | None]], list[FalseAlarm]]:
    taken: dict[int, FoundAlert] = {}
    false_alarms = []
    for found in alerts:
        fitting = [(i, item) for i, item in enumerate(truth.incidents) if _matches(found, item)]
        free = [pair for pair in fitting if pair[0] not in taken]
        if free:
            taken[min(free, key=lambda pair: (abs(pair[1].start_s - found.started_s), pair[0]))[0]] = found
        else:
            false_alarms.append(FalseAlarm(found, fitting[0][1] if fitting else None))
    return [(item, taken.get(number)) for number, item in enumerate(truth.incidents)], false_alarms


def _matches(found: FoundAlert, item: TrueIncident) -> bool:
    alert = found.alert
    if (alert.camera, alert.incident) != (item.camera, item.incident) or (item.zone and alert.zone != item.zone):
        return False
    overlaps = found.started_s <= item.end_s and (found.ended_s is None or found.ended_s >= item.start_s)
    return overlaps or item.start_s <= found.detected_s <= item.end_s
