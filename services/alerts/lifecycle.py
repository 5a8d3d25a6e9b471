"""From incidents to alerts: pure, idempotent, the same bytes for the same incident."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cloudevents.core.exceptions import BaseCloudEventException
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from pydantic import TypeAdapter, ValidationError

from shared.clock import Ns, from_rfc3339, to_rfc3339
from shared.exceptions import PoisonMessageError
from shared.messages import Alert, Evidence, Incident, IncidentId

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
        change: opened, updated or closed.
        time: UTC ns, event time.
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
        # Revision and JSON: closed alerts are many, and hardly ever asked for. As objects they take four times as much.
        self._closed: dict[str, tuple[int, bytes]] = {}

    def known_revision(self, alert_id: str) -> int:
        """The last revision of this alert that the book has seen; -1 for none."""
        if (known := self._open.get(alert_id)) is not None:
            return known.revision
        return self._closed.get(alert_id, (-1, b""))[0]

    def apply(self, incident: Incident, evidence: Sequence[Evidence]) -> AlertEvent | None:
        """The event of one change; None when the book knows this revision or a later one.

        Args:
            evidence: of this change; the alert keeps what it had before it.
        """
        if incident.revision <= self.known_revision(incident.incident_id):
            return None
        known = self._known(incident.incident_id)
        alert = Alert(
            alert_id=incident.incident_id,
            incident=incident.incident,
            camera=incident.camera,
            zone=incident.zone,
            severity=incident.severity,
            status="closed" if incident.change == "closed" else "open",
            started_at=to_rfc3339(incident.started_at),
            detected_at=to_rfc3339(incident.detected_at),
            ended_at=to_rfc3339(incident.ended_at) if incident.ended_at is not None else None,
            track_ids=incident.track_ids,
            label=incident.label,
            score=incident.score,
            box=incident.box,
            evidence=[*(known.evidence if known else []), *evidence],
            model=incident.model,
            run=incident.run,
            site=incident.site,
            revision=incident.revision,
            detail=incident.detail,
        )
        self._keep(alert)
        return AlertEvent(f"{alert.alert_id}.{alert.revision}", incident.change, incident.changed_at, alert)

    def restore(self, alerts: Iterable[Alert]) -> list[Alert]:
        """Take over states from the alerts topic; the latest revision of each wins.

        Returns:
            those that were news to the book.
        """
        news: dict[str, Alert] = {}
        for alert in alerts:
            if alert.revision > self.known_revision(alert.alert_id):
                self._keep(alert)
                news[alert.alert_id] = alert
        return list(news.values())

    def alerts(self) -> Iterator[Alert]:
        """All alerts."""
        yield from self._open.values()
        for _, text in self._closed.values():
            yield Alert.from_bytes(text)

    def open_alerts(self, camera: str) -> list[Alert]:
        """The camera's open alerts."""
        return [alert for alert in self._open.values() if alert.camera == camera]

    def _known(self, alert_id: str) -> Alert | None:
        kept = self._closed.get(alert_id)
        return Alert.from_bytes(kept[1]) if kept is not None else self._open.get(alert_id)

    def _keep(self, alert: Alert) -> None:
        self._open.pop(alert.alert_id, None)
        self._closed.pop(alert.alert_id, None)
        if alert.status == "open":
            self._open[alert.alert_id] = alert
        else:
            self._closed[alert.alert_id] = alert.revision, alert.to_bytes()
