"""What operators say of alerts: it stays with the alert, counts once, and needs no order of incidents and words."""

import json
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.alerts.lifecycle import AlertBook, AlertEvent
from shared.exceptions import PoisonMessageError
from shared.messages import Evidence, Incident
from shared.verdict import MOST, AlertVerdict
from tests.alerting import incident, life, verdict

WORDS = ("acknowledged", "dismissed")
SNAPSHOT = Evidence(kind="snapshot", uri="evidence/a1.jpg")


def told(book: AlertBook, *inputs: Incident | AlertVerdict) -> list[AlertEvent]:
    """The events of incidents and verdicts in this order."""
    made = [book.judge(item) if isinstance(item, AlertVerdict) else book.apply(item, []) for item in inputs]
    return [event for event in made if event is not None]


def states(events: list[AlertEvent]) -> list[tuple[str, str, str]]:
    return [(event.id, event.change, event.alert.status) for event in events]


def test_an_acknowledged_alert_goes_on_and_its_end_keeps_who_has_seen_it() -> None:
    book, (opening, update, closing) = AlertBook(), life("a1")
    seen = verdict("a1", "acknowledged", by="Ö. Çelik", comment="the hauler is on its way")
    made = [*told(book, opening), *told(book, seen)]
    assert [alert.alert_id for alert in book.open_alerts("cam")] == ["a1"]
    made += told(book, update, closing)
    assert states(made) == [
        ("a1.0", "opened", "open"), ("a1.1", "acknowledged", "acknowledged"), ("a1.2", "updated", "acknowledged"),
        ("a1.3", "closed", "closed"),
    ]  # fmt: skip
    body = json.loads(made[1].to_bytes())
    assert (body["type"], body["time"]) == ("wayside.alert.acknowledged", made[1].alert.verdicts[0].at[:19] + "Z")
    (word,) = made[-1].alert.verdicts
    assert (word.verdict, word.by, word.comment) == ("acknowledged", "Ö. Çelik", "the hauler is on its way")
    assert made[1].time == seen.at
    assert [event.time for event in made[2:]] == [update.changed_at, closing.changed_at], "of the cameras, as before"


def test_a_dismissed_alert_leaves_the_open_ones_and_is_not_opened_again_by_what_its_incident_does() -> None:
    book = AlertBook()
    made = told(book, *life("a1")[:1], verdict("a1", "dismissed"), *life("a1")[1:])
    assert states(made)[1:] == [
        ("a1.1", "dismissed", "dismissed"), ("a1.2", "updated", "dismissed"), ("a1.3", "closed", "dismissed"),
    ]  # fmt: skip
    assert made[-1].alert.ended_at == "2026-08-01T12:00:12.000000Z"
    assert book.open_alerts("cam") == []


def test_a_change_of_mind_is_an_event_and_what_was_said_before_stays_to_be_read() -> None:
    book = AlertBook()
    made = told(book, incident(), verdict("a1", "dismissed"), verdict("a1", "acknowledged"))
    assert [alert.status for alert in book.open_alerts("cam")] == ["acknowledged"]
    made += told(book, verdict("a1", "dismissed"), incident("a1", "closed", 1), verdict("a1", "acknowledged"))
    assert states(made)[2:] == [
        ("a1.2", "acknowledged", "acknowledged"), ("a1.3", "dismissed", "dismissed"), ("a1.4", "closed", "dismissed"),
        ("a1.5", "acknowledged", "closed"),
    ]  # fmt: skip
    assert [word.verdict for word in made[-1].alert.verdicts] == ["dismissed", "acknowledged"] * 2


def test_an_alert_that_has_ended_can_still_be_judged() -> None:
    for word, status in (("dismissed", "dismissed"), ("acknowledged", "closed")):
        (last,) = told(AlertBook(), *life("a1"), verdict("a1", word))[3:]
        assert (last.id, last.change, last.alert.status) == ("a1.3", word, status)


def test_the_same_word_or_the_same_message_again_gives_no_event() -> None:
    book, seen, no = AlertBook(), verdict("a1"), verdict("a1", "dismissed")
    assert len(told(book, incident(), seen, seen, verdict("a1", by="somebody else"))) == 2
    # After a crash both come again: the older one must not undo the newer.
    assert len(told(book, no, seen, no)) == 1
    assert [word.by for word in next(book.alerts()).verdicts] == ["A. Nowak", "A. Nowak"]


def test_a_word_that_changed_nothing_then_changes_nothing_when_all_comes_again() -> None:
    said = [verdict("a1", word) for word in ("acknowledged", "acknowledged", "dismissed")]
    book = AlertBook()
    assert len(told(book, incident(), *said)) == 3
    assert told(book, *said) == []


def test_of_two_consoles_one_may_have_a_slow_clock() -> None:
    book, first = AlertBook(), verdict("a1", "acknowledged")
    told(book, incident(), first)
    (last,) = told(book, verdict("a1", "dismissed", at=first.at - 5_000_000_000))
    assert last.alert.status == "dismissed"


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ([verdict("a9")], "unknown-alert"),
        ([incident(incident="lane-unsafe"), verdict("a1", "dismissed")], "verdict-refused"),
        ([incident(incident="lane-clear"), verdict("a1", "dismissed")], "verdict-refused"),
        (
            [incident(), *(verdict("a1", ("acknowledged", "dismissed")[n % 2]) for n in range(MOST + 1))],
            "verdict-refused",
        ),
    ],
)
def test_a_verdict_that_cannot_count_says_why(inputs: list[Incident | AlertVerdict], reason: str) -> None:
    book = AlertBook()
    told(book, *inputs[:-1])
    before = list(book.alerts())
    with pytest.raises(PoisonMessageError) as caught:
        told(book, inputs[-1])
    assert caught.value.reason == reason
    assert list(book.alerts()) == before


def test_that_a_lane_is_unsafe_can_be_acknowledged() -> None:
    assert states(told(AlertBook(), incident(incident="lane-unsafe"), verdict("a1")))[1:] == [
        ("a1.1", "acknowledged", "acknowledged")
    ]


@given(
    st.lists(st.sampled_from(WORDS), max_size=5), st.integers(1, 4),
    st.lists(st.booleans(), max_size=12), st.integers(0, 12),
)  # fmt: skip
def test_whatever_the_order_of_the_two_topics_and_wherever_the_service_starts_again_the_end_is_the_same(
    words: list[str], changes: int, order: list[bool], restart: int
) -> None:
    incidents = [
        incident("a1", "closed" if number == changes else "updated", number) for number in range(1, changes + 1)
    ]
    verdicts = [verdict("a1", word) for word in words]
    plain, mixed = AlertBook(), AlertBook()
    opening = plain.apply(incident(), [SNAPSHOT])
    assert opening is not None
    mixed.restore([opening.alert])
    told(plain, *incidents, *verdicts)

    queues, steps = [list(incidents), list(verdicts)], list[Incident | AlertVerdict]()
    for which in chain(order, [True] * len(words), [False] * changes):
        if queues[which]:
            steps.append(queues[which].pop(0))
    log = [opening.alert]
    for number, step in enumerate(steps):
        log += [event.alert for event in told(mixed, step)]
        if number == restart:
            mixed = AlertBook()
            mixed.restore(log)
            assert told(mixed, *steps[: number + 1]) == [], "whatever comes again"
    assert list(mixed.alerts()) == list(plain.alerts())
    assert [alert.revision for alert in log] == list(range(len(log))), "each change speaks once, under an id of its own"


@pytest.mark.parametrize(
    "changes",
    [{"word": "maybe"}, {"by": ""}, {"by": "a\nb"}, {"comment": ""}, {"comment": "x" * 501}, {"identity": "../x"},
     {"at": -1}],
)  # fmt: skip
def test_a_verdict_that_is_none_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        verdict(**changes)  # type: ignore[arg-type]
