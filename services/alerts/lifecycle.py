"""From incidents and operators' verdicts to alerts: pure, idempotent, the same bytes for the same incident."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from cloudevents.core.exceptions import BaseCloudEventException
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from pydantic import TypeAdapter, ValidationError

from shared.clock import Ns, from_rfc3339, to_rfc3339
from shared.exceptions import PoisonMessageError
from shared.messages import Alert, Evidence, Incident, IncidentId, Judgement
from shared.verdict import AlertVerdict, refusal

CONTENT_TYPE = JSONFormat.CONTENT_TYPE
# Names the JSON Schema of `data`; docs/schemas/alert.schema.json.
DATA_SCHEMA = "urn:wayside:schema:alert:1"
_TYPE = "wayside.alert."
_ALERT_ID: TypeAdapter[str] = TypeAdapter(IncidentId)
_TIME: TypeAdapter[int] = TypeAdapter(Ns)
# What the SDK raises on JSON that is no CloudEvent, from a list at the top to brackets nested too deeply.
_NOT_AN_EVENT = (BaseCloudEventException, ValueError, LookupError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One CloudEvent 1.0 about one alert.

    Attributes:
        id: `<alert id>.<revision>`; a sink drops what it has had.
        change: opened, updated or closed, which the incident did; acknowledged or dismissed, which an operator did.
        time: UTC ns: event time, or when the operator did.
    """

    id: str
    change: str
    time: int
    alert: Alert

    def to_bytes(self) -> bytes:
        """Structured JSON (CloudEvents JSON event format 1.0.2); one line without a newline."""
        event = CloudEvent(
            {
                "specversion": "1.0",
                "id": self.id,
                "source": f"wayside/{self.alert.site}/{self.alert.camera}",
                "type": _TYPE + self.change,
                "time": datetime.fromisoformat(to_rfc3339(self.time)),
                "subject": self.alert.alert_id,
                "datacontenttype": "application/json",
                "dataschema": DATA_SCHEMA,
            },
            json.loads(self.alert.model_dump_json()),
        )
        return bytes(JSONFormat().write(event))

    @classmethod
    def from_bytes(cls, value: bytes | None) -> "AlertEvent":
        """Parse what `to_bytes` wrote.

        Raises:
            PoisonMessageError: empty, no CloudEvent, or not about an alert.
        """
        if not value:
            raise PoisonMessageError("empty-message", "an alert needs a CloudEvent as value")
        try:
            event = JSONFormat().read(None, value)
            moment, kind = event.get_time(), event.get_type()
            if moment is None or not kind.startswith(_TYPE):
                raise PoisonMessageError("bad-schema", f"not an alert's CloudEvent: type {kind[:80]!r}, time {moment}")
            alert = Alert.from_bytes(json.dumps(event.get_data()).encode())
            # The id goes into the webhooks' headers; one that another program made up could not be sent.
            identity = f"{_ALERT_ID.validate_python(alert.alert_id)}.{alert.revision}"
            if event.get_id() != identity:
                raise PoisonMessageError("bad-schema", f"the event of this alert has the id {identity}")
            time = _TIME.validate_python(from_rfc3339(moment.isoformat()))
            return cls(identity, kind.removeprefix(_TYPE), time, alert)
        except ValidationError as error:  # its own text has several lines
            text = error.errors(include_url=False)[0]["msg"]
            raise PoisonMessageError("bad-schema", f"alert id or time: {text}") from None
        except _NOT_AN_EVENT as error:
            raise PoisonMessageError("bad-schema", f"no CloudEvent of an alert: {error}") from None


class AlertBook:
    """The state of the alerts.

    Example:
        >>> book = AlertBook()
        >>> book.apply(incident, []).change             # doctest: +SKIP
        'opened'
        >>> book.apply(incident, []) is None            # doctest: +SKIP
        True
    """

    def __init__(self) -> None:
        self._open: dict[str, Alert] = {}
        # The rest are many, and hardly ever asked for. As objects they take four times as much as their JSON.
        self._past: dict[str, _Kept] = {}

    def known_revision(self, alert_id: str) -> int:
        """The last revision of this alert's incident that the book has seen; -1 for none."""
        if (known := self._open.get(alert_id)) is not None:
            return known.incident_revision
        kept = self._past.get(alert_id)
        return -1 if kept is None else kept.revision - kept.verdicts

    def apply(self, incident: Incident, evidence: Sequence[Evidence]) -> AlertEvent | None:
        """The event of one change; None when the book knows this revision or a later one.

        Args:
            evidence: of this change; the alert keeps what it had before it, and what operators said of it.
        """
        if incident.revision <= self.known_revision(incident.incident_id):
            return None
        known = self._known(incident.incident_id)
        verdicts = known.verdicts if known else []
        ended_at = incident.ended_at
        if ended_at is None and incident.change == "closed":
            ended_at = incident.changed_at
        alert = Alert(
            alert_id=incident.incident_id,
            incident=incident.incident,
            camera=incident.camera,
            zone=incident.zone,
            severity=incident.severity,
            status=_status(incident.change == "closed", verdicts),
            started_at=to_rfc3339(incident.started_at),
            detected_at=to_rfc3339(incident.detected_at),
            ended_at=to_rfc3339(ended_at) if ended_at is not None else None,
            track_ids=incident.track_ids,
            label=incident.label,
            score=incident.score,
            box=incident.box,
            evidence=[*(known.evidence if known else []), *evidence],
            model=incident.model,
            run=incident.run,
            site=incident.site,
            revision=incident.revision + len(verdicts),
            detail=incident.detail,
            verdicts=verdicts,
        )
        return self._event(alert, incident.change, incident.changed_at)

    def judge(self, said: AlertVerdict) -> AlertEvent | None:
        """The event of an operator's verdict; None when the book has it, or the alert is judged so already.

        Raises:
            PoisonMessageError: of an alert that is not known, or that cannot be judged so.
        """
        known = self._known(said.alert_id)
        if known is None:
            raise PoisonMessageError("unknown-alert", f"no alert has the id {said.alert_id}")
        if known.verdict == said.verdict or _is_repeat(said, known.verdicts):
            return None
        if (reason := refusal(known, said.verdict)) is not None:
            raise PoisonMessageError("verdict-refused", reason)
        word = Judgement(
            verdict_id=said.verdict_id, verdict=said.verdict, by=said.by, at=to_rfc3339(said.at), comment=said.comment
        )
        verdicts = [*known.verdicts, word]
        status = _status(known.ended_at is not None, verdicts)
        alert = known.model_copy(update={"verdicts": verdicts, "status": status, "revision": known.revision + 1})
        return self._event(alert, said.verdict, said.at)

    def restore(self, alerts: Iterable[Alert]) -> list[Alert]:
        """Take over states from the alerts topic; the latest revision of each wins.

        Returns:
            those that were news to the book.
        """
        news: dict[str, Alert] = {}
        for alert in alerts:
            known = self._open.get(alert.alert_id) or self._past.get(alert.alert_id)
            if known is None or alert.revision > known.revision:
                self._keep(alert)
                news[alert.alert_id] = alert
        return list(news.values())

    def alerts(self) -> Iterator[Alert]:
        """All alerts."""
        yield from self._open.values()
        for kept in self._past.values():
            yield Alert.from_bytes(kept.text)

    def open_alerts(self, camera: str) -> list[Alert]:
        """The camera's open alerts."""
        return [alert for alert in self._open.values() if alert.camera == camera]

    def _known(self, alert_id: str) -> Alert | None:
        kept = self._past.get(alert_id)
        return Alert.from_bytes(kept.text) if kept is not None else self._open.get(alert_id)

    def _event(self, alert: Alert, change: str, time: int) -> AlertEvent:
        self._keep(alert)
        return AlertEvent(f"{alert.alert_id}.{alert.revision}", change, time, alert)

    def _keep(self, alert: Alert) -> None:
        self._open.pop(alert.alert_id, None)
        self._past.pop(alert.alert_id, None)
        if alert.is_open:
            self._open[alert.alert_id] = alert
        else:
            self._past[alert.alert_id] = _Kept(alert.revision, len(alert.verdicts), alert.to_bytes())


class _Kept(NamedTuple):
    """A closed or dismissed alert: revision, number of verdicts, JSON."""

    revision: int
    verdicts: int
    text: bytes


def _is_repeat(said: AlertVerdict, verdicts: Sequence[Judgement]) -> bool:
    """Whether it has counted before, or gave no event then because the alert had been judged so already."""
    before = [item for item in verdicts if from_rfc3339(item.at) <= said.at]
    stood = bool(before) and before[-1].verdict == said.verdict
    return stood or any(item.verdict_id == said.verdict_id for item in verdicts)


def _status(ended: bool, verdicts: Sequence[Judgement]) -> Literal["open", "closed", "acknowledged", "dismissed"]:
    """Depends on what has happened and not on its order: incidents and verdicts come from two topics."""
    last = verdicts[-1].verdict if verdicts else None
    if last == "dismissed":
        return "dismissed"
    return "closed" if ended else last or "open"
