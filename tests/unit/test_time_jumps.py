"""A clock that is set back, a gap in the stream, the seam of a looped clip: no alert stays open, none is told twice."""

import json
from collections.abc import Iterable

import pytest

from services.alerts.lifecycle import AlertBook
from services.analyzer.stage import CameraAnalyzer
from services.analyzer.worker import Worker
from shared import topics
from shared.bus.base import TopicSpec
from shared.bus.memory import MemoryBus
from shared.clock import NS, to_ns
from shared.messages import Alert, Detections, Incident
from shared.site import Zone
from tests.unit.analyzer_helpers import FPS, LANE, Mover, analyzer, frame, make_site, still, travel
from training.evaluate import evaluate, fold
from training.truth import Truth

WHOLE = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
CAR = still("car", 0.35, 0.5)
# What opens each type, in which kind of zone, and when.
CASES: dict[str, tuple[str, list[Mover], float]] = {
    "stopped-vehicle": ("lane", [CAR], 12.0),
    "obstacle-on-lane": ("lane", [still("suitcase", 0.35, 0.5)], 5.0),
    "person-on-lane": ("lane", [still("person", 0.35, 0.5)], 5.0),
    "animal-on-lane": ("lane", [still("dog", 0.35, 0.5)], 5.0),
    "wrong-way": ("lane", [travel("car", (0.35, 0.98), (0.0, -0.09))], 5.0),
    "intrusion": ("restricted", [CAR], 5.0),
    "congestion": ("lane", [still("car", 0.35, y) for y in (0.95, 0.8, 0.65)], 25.0),
    "stand-occupied": ("stand", [still("airplane", 0.35, 0.5)], 25.0),
    "service-vehicle": ("stand", [still("airplane", 0.35, 0.5), still("truck", 0.6, 0.6)], 25.0),
}


def run(stage: CameraAnalyzer, spans: Iterable[tuple[float, float, list[Mover]]]) -> list[Incident]:
    """Spans of frames, one after the other in the log: the time of the first frame, seconds, and what is seen."""
    return [change for item in stream(spans) for change in stage.step(item).incidents]


def stream(spans: Iterable[tuple[float, float, list[Mover]]]) -> Iterable[Detections]:
    offset = 0
    for start, seconds, movers in spans:
        for index in range(round(seconds * FPS)):
            seen = [item for mover in movers if (item := mover(index / FPS)) is not None]
            yield frame(offset, seen, time_s=start + index / FPS)
            offset += 1


@pytest.mark.parametrize("incident", CASES)
def test_a_clock_that_is_set_back_closes_what_is_open_on_the_last_frame_before(incident: str) -> None:
    kind, movers, seconds = CASES[incident]
    site = make_site([Zone(id="z", kind=kind, polygon=WHOLE, direction=(0, 1))])  # type: ignore[arg-type]
    changes = run(analyzer(site), [(3600.0, seconds, movers), (0.0, seconds, movers), (0.0, 0.1, [])])
    lives: dict[str, list[Incident]] = {}
    for change in changes:
        lives.setdefault(change.incident_id, []).append(change)
    first, second = (life for life in lives.values() if life[0].incident == incident)
    last = to_ns(3600 + seconds - 1 / FPS)
    closed = first[-1]
    assert [change.revision for change in first] == list(range(len(first)))
    assert (closed.change, closed.ended_at, closed.changed_at) == ("closed", last, last)
    assert (closed.frame.offset, closed.frame.captured_at) == (round(seconds * FPS) - 1, last)
    # The new time line begins with nothing: no rest, track or queue of the old one.
    assert second[0].change == "opened"
    assert 0 <= second[0].started_at < second[0].detected_at < to_ns(seconds)
    assert not {*first[0].track_ids} & {*second[0].track_ids}
    assert all(life[-1].change == "closed" for life in lives.values())


def test_the_closing_says_when_the_cause_was_last_seen() -> None:
    gone = still("car", 0.35, 0.5, end=12.0)
    _, closed = run(analyzer(), [(3600.0, 15.0, [gone]), (0.0, 1.0, [])])
    assert (closed.change, closed.ended_at, closed.changed_at) == ("closed", to_ns(3611.9), to_ns(3614.9))


def test_alerts_and_their_evaluation_take_the_closing_like_any_other() -> None:
    book = AlertBook()
    changes = run(analyzer(), [(3600.0, 15.0, [CAR]), (0.0, 15.0, [CAR])])
    events = [event for change in [*changes, *changes] if (event := book.apply(change, []))]
    assert [event.change for event in events] == ["opened", "closed", "opened"]
    opened, closed, reopened = events
    assert opened.alert.alert_id == closed.alert.alert_id != reopened.alert.alert_id
    assert opened.time <= closed.time
    assert closed.alert.started_at < closed.alert.detected_at < (closed.alert.ended_at or "")
    assert book.open_alerts("cam") == [reopened.alert]
    assert Alert.from_bytes(closed.alert.to_bytes()) == closed.alert
    staged = {"camera": "cam", "incident": "stopped-vehicle"}
    incidents = [staged | {"start_s": start, "end_s": start + 15} for start in (0, 3600)]
    truth = Truth.model_validate({"incidents": incidents, "duration_s": {"cam": 3615}})
    judged = evaluate(fold(event.alert for event in events), truth)
    assert judged.all.found == 2
    assert judged.false_alarms == []


def test_a_state_that_was_saved_before_the_clock_was_set_back_closes_alike() -> None:
    site = make_site()
    items = list(stream([(3600.0, 15.0, [CAR]), (0.0, 15.0, [CAR])]))
    whole, second = CameraAnalyzer(site, site.cameras[0]), CameraAnalyzer(site, site.cameras[0])
    expected = [whole.step(item) for item in items[:150]][-1:]
    assert second.restore(json.loads(json.dumps(whole.state()))) == []
    expected, again = [whole.step(item) for item in items[150:]], [second.step(item) for item in items[150:]]
    assert expected == again
    assert [change.change for change in expected[0].incidents] == ["closed"]


def test_the_time_of_the_message_is_that_of_the_change() -> None:
    bus = MemoryBus()
    bus.ensure_topics([TopicSpec(topics.DETECTIONS, 1), *topics.SPECS])
    producer = bus.producer()
    for item in stream([(3600.0, 12.0, [CAR]), (0.0, 1.0, [])]):
        producer.send(topics.DETECTIONS, item.to_bytes(), key=item.camera, timestamp_ms=0)
    worker = Worker(bus, bus.producer(), make_site(), 5.0, lambda: 0)
    consumer = bus.consumer([topics.DETECTIONS], group=topics.ANALYZER_GROUP)
    while batch := consumer.poll(100, timeout_s=0):
        worker.process(batch, consumer)
    records = bus.consumer([topics.INCIDENTS], group=None).poll(10, timeout_s=0)
    changes = [Incident.from_bytes(record.value) for record in records]
    assert [change.change for change in changes] == ["opened", "closed"]
    assert [record.timestamp_ms for record in records] == [change.changed_at // 10**6 for change in changes]


def test_after_a_long_gap_an_incident_closes_on_the_first_frame_and_a_cause_that_is_still_there_is_told_anew() -> None:
    first, closed, second = run(analyzer(), [(0.0, 15.0, [CAR]), (60.0, 15.0, [CAR])])
    assert (first.change, closed.change, second.change) == ("opened", "closed", "opened")
    assert closed.incident_id == first.incident_id != second.incident_id
    assert (closed.ended_at, closed.changed_at) == (to_ns(14.9), to_ns(60.0))
    assert 60 * NS <= second.started_at < 60.5 * NS
    assert second.detected_at >= second.started_at + 10 * NS


def test_a_gap_that_an_incident_would_outlive_unseen_does_not_end_it() -> None:
    changes = run(analyzer(), [(0.0, 15.0, [CAR]), (25.0, 15.0, [CAR])])
    assert [change.change for change in changes] == ["opened", "updated"]  # the track is another


def test_an_aircraft_that_still_stands_after_a_gap_of_two_minutes_is_one_stay() -> None:
    site = make_site([Zone(id="z", kind="stand", polygon=WHOLE)])
    aircraft = still("airplane", 0.35, 0.5)
    changes = run(analyzer(site), [(0.0, 25.0, [aircraft]), (145.0, 25.0, [aircraft])])
    assert [item.change for item in changes if item.incident == "stand-occupied"] == ["opened", "updated"]
    assert [item for item in changes if item.incident == "stand-vacated"] == []


@pytest.mark.parametrize(("arrives_s", "told"), [(13.0, ["opened", "closed"] * 3), (5.0, ["opened", "closed"])])
def test_at_the_seam_of_a_looped_clip_a_vehicle_is_hidden_until_it_arrives_again(
    arrives_s: float, told: list[str]
) -> None:
    """`wayside up` plays a clip again and again, and its time goes on over the seam; 12 s unseen are forgiven."""
    car = still("car", 0.35, 0.5, start=arrives_s)
    rounds = [(number * 30.0, 30.0, [car]) for number in range(3)]
    changes = run(analyzer(make_site([LANE])), [*rounds, (90.0, 15.0, [])])
    assert [change.change for change in changes if change.change != "updated"] == told
    assert changes[-1].ended_at == to_ns(89.9)


def test_a_clip_that_is_sent_again_with_its_old_times_is_not_told_again() -> None:
    book = AlertBook()
    clip = (0.0, 15.0, [CAR])
    changes = run(analyzer(), [clip, clip, clip])
    assert [change.change for change in changes] == ["opened", "closed", "opened", "closed", "opened"]
    assert len({change.incident_id for change in changes}) == 1
    assert [event.change for change in changes if (event := book.apply(change, []))] == ["opened", "closed"]
