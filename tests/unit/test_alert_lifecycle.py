"""Incidents become CloudEvents: the same ones for the same incidents, once per revision."""

import json
from itertools import pairwise

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alerts.lifecycle import AlertBook, AlertEvent
from shared.clock import to_ns
from shared.exceptions import PoisonMessageError
from shared.messages import Evidence, Incident
from tests.alerting import incident, life

SNAPSHOT = Evidence(kind="snapshot", uri="evidence/a1.jpg")
# Of the CloudEvents 1.0.2 JSON Schema: what the specification demands of the attributes that we use.
CLOUD_EVENT = {
    "type": "object",
    "required": ["id", "source", "specversion", "type", "time", "subject", "datacontenttype", "dataschema", "data"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "format": "uri-reference", "minLength": 1},
        "specversion": {"const": "1.0"},
        "type": {"type": "string", "minLength": 1},
        "subject": {"type": "string", "minLength": 1},
        "time": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"},
        "datacontenttype": {"const": "application/json"},
        "dataschema": {"type": "string", "format": "uri", "minLength": 1},
        "data": {"type": "object"},
    },
    "additionalProperties": False,
}


def test_an_opening_becomes_the_event_of_the_contract() -> None:
    event = AlertBook().apply(incident(), [SNAPSHOT])
    assert event is not None
    body = json.loads(event.to_bytes())
    jsonschema.validate(body, CLOUD_EVENT)
    data = body.pop("data")
    assert body == {
        "specversion": "1.0",
        "id": "a1.0",
        "source": "wayside/test/cam",
        "type": "wayside.alert.opened",
        "time": "2026-08-01T12:00:10Z",
        "subject": "a1",
        "datacontenttype": "application/json",
        "dataschema": "urn:wayside:schema:alert:1",
    }
    expected = {
        "alert_id": "a1", "incident": "stopped-vehicle", "camera": "cam", "zone": "lane-1", "severity": "critical",
        "status": "open", "started_at": "2026-08-01T12:00:00.000000Z", "detected_at": "2026-08-01T12:00:10.000000Z",
        "ended_at": None, "track_ids": [7], "label": "car", "score": 0.87, "box": [0.4, 0.5, 0.6, 0.8],
        "evidence": [{"kind": "snapshot", "uri": "evidence/a1.jpg"}], "model": "test@1", "run": None,
        "site": "test", "revision": 0, "detail": None, "verdicts": [],
    }  # fmt: skip
    assert data == expected


def test_a_life_gives_three_events_and_keeps_the_evidence_of_the_opening() -> None:
    book = AlertBook()
    made = [book.apply(change, [SNAPSHOT] if change.revision == 0 else []) for change in life("a1")]
    assert [(event.id, event.change, event.alert.status) for event in made if event] == [
        ("a1.0", "opened", "open"), ("a1.1", "updated", "open"), ("a1.2", "closed", "closed"),
    ]  # fmt: skip
    last = made[-1]
    assert last is not None
    assert last.alert.evidence == [SNAPSHOT]
    assert last.alert.ended_at == "2026-08-01T12:00:12.000000Z"
    assert book.open_alerts("cam") == []


@given(st.lists(st.integers(0, 5), max_size=30))
def test_whatever_is_redelivered_each_revision_speaks_once_and_never_backwards(revisions: list[int]) -> None:
    book, spoken = AlertBook(), []
    for revision in revisions:
        event = book.apply(incident(change="opened" if revision == 0 else "updated", revision=revision), [])
        spoken += [event.alert.revision] if event else []
    assert spoken == sorted(set(spoken))
    assert (spoken[-1] if spoken else -1) == max(revisions, default=-1) == book.known_revision("a1")


def test_a_closing_whose_opening_was_lost_is_a_whole_alert() -> None:
    event = AlertBook().apply(incident(change="closed", revision=2), [])
    assert event is not None
    assert (event.change, event.alert.status, event.alert.evidence) == ("closed", "closed", [])
    assert event.alert.started_at < event.alert.detected_at < (event.alert.ended_at or "")


def test_a_restored_book_goes_on_as_the_old_one_would() -> None:
    old, new = AlertBook(), AlertBook()
    opened = old.apply(incident(), [SNAPSHOT])
    assert opened is not None
    read = AlertEvent.from_bytes(opened.to_bytes())
    assert new.restore([read.alert, read.alert]) == [read.alert]
    assert new.restore([read.alert]) == []
    assert new.apply(incident(), []) is None
    closing = incident(change="closed", revision=1)
    ours, theirs = new.apply(closing, []), old.apply(closing, [])
    assert ours is not None
    assert theirs is not None
    assert ours.to_bytes() == theirs.to_bytes()


def test_restoring_an_older_event_after_a_newer_one_changes_nothing() -> None:
    source, book = AlertBook(), AlertBook()
    alerts = [event.alert for change in life("a1") if (event := source.apply(change, []))]
    book.restore(reversed(alerts))
    assert [(alert.status, alert.revision) for alert in book.alerts()] == [("closed", 2)]


@given(st.integers(0, 10**19 - 1), st.text(max_size=20), st.floats(0, 1))
def test_bytes_survive_a_round_trip_unchanged(at: int, label: str, score: float) -> None:
    event = AlertBook().apply(incident(started_at=0, changed_at=at, label=label, score=score, run="r"), [SNAPSHOT])
    assert event is not None
    written = event.to_bytes()
    assert b"\n" not in written
    assert AlertEvent.from_bytes(written).to_bytes() == written
    assert AlertEvent.from_bytes(written).time == at // 1000 * 1000


def test_the_epoch_itself_is_a_time() -> None:
    event = AlertBook().apply(incident(started_at=0, detected_at=0, changed_at=0), [])
    assert event is not None
    assert json.loads(event.to_bytes())["time"] == "1970-01-01T00:00:00Z"


def _event(**changes: object) -> bytes:
    made = AlertBook().apply(incident(), [])
    assert made is not None
    return json.dumps({**json.loads(made.to_bytes()), **changes}).encode()


_DATA = json.loads(_event())["data"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "empty-message"),
        (b"", "empty-message"),
        (b"\xff\xfe", "bad-schema"),
        (b"{", "bad-schema"),
        (b"[]", "bad-schema"),
        (b'"text"', "bad-schema"),
        (b"7", "bad-schema"),
        (b"null", "bad-schema"),
        (b"[" * 100_000, "bad-schema"),
        (b"{}", "bad-schema"),
        (_event(specversion="9"), "bad-schema"),
        (_event(specversion=[]), "bad-schema"),
        (_event(id=""), "bad-schema"),
        (_event(type="com.example.order.placed"), "bad-schema"),
        (_event(time="yesterday"), "bad-schema"),
        (_event(time=7), "bad-schema"),
        (_event(time="2026-08-01T12:00:00"), "bad-schema"),
        (_event(data=None), "bad-schema"),
        (_event(data="{}"), "bad-schema"),
        (_event(data={"alert_id": "a1"}), "bad-schema"),
        (_event(data=None, data_base64="%"), "bad-schema"),
        (_event(id="\ud800"), "bad-schema"),
        (_event(id="a1.0\r\nx-forged: yes"), "bad-schema"),
        (_event(id="a2.0"), "bad-schema"),
        (_event(time="0900-01-01T00:00:00Z"), "bad-schema"),
        (_event(time="0001-01-01T00:00:00+14:00"), "bad-schema"),
        (_event(time="9999-12-31T23:59:59-14:00"), "bad-schema"),
        (_event(id=".0", data={**_DATA, "alert_id": ""}), "bad-schema"),
        (_event(id="a b.0", data={**_DATA, "alert_id": "a b"}), "bad-schema"),
    ],
)
def test_what_is_no_alert_event_is_poison(value: bytes | None, reason: str) -> None:
    with pytest.raises(PoisonMessageError) as caught:
        AlertEvent.from_bytes(value)
    assert caught.value.reason == reason
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes", [{"incident_id": ""}, {"incident_id": "../../etc/passwd"}, {"changed_at": 10**30}, {"ended_at": -1}]
)
def test_an_incident_that_cannot_become_an_alert_is_poison(changes: dict[str, object]) -> None:
    body = {**json.loads(incident().to_bytes()), **changes}
    with pytest.raises(PoisonMessageError):
        Incident.from_bytes(json.dumps(body).encode())


def test_an_update_speaks_at_its_own_time() -> None:
    book = AlertBook()
    times = [event.time for change in life("a1") if (event := book.apply(change, []))]
    assert [later - earlier for earlier, later in pairwise(times)] == [to_ns(1), to_ns(1)]
