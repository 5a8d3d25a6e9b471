"""Dead producers and producers whose clock is wrong, noticed by the wall clock and told through the log."""

import random

import pytest

from services.analyzer import checkpoint
from services.analyzer.inputs import INPUTS
from services.analyzer.worker import Worker
from shared import topics
from shared.bus.base import TopicSpec
from shared.bus.memory import MemoryBus
from shared.camera_status import CameraStatus
from shared.clock import NS, to_ns
from shared.exceptions import BusError
from shared.messages import Incident
from tests.unit.analyzer_helpers import make_site

NOW = 1_700_000_000 * NS


class Rig:
    """A producer that beats, an analyzer that reads, and the time of both."""

    def __init__(self, ahead_s: float = 0.0) -> None:
        self.mono, self.ahead_s = 0.0, ahead_s
        self.bus = MemoryBus(clock=lambda: self.mono)
        self.bus.ensure_topics([*(TopicSpec(topic, 1) for topic in INPUTS), *topics.SPECS])
        self.sender = self.bus.producer()
        self.alive = self.reading = True
        self.run: str | None = None
        self.state = "connected"
        self.held: list[bytes] | None = None  # under way: the bus is slow
        self.start()

    def start(self) -> None:
        """A new analyzer."""
        clock = lambda: NOW + to_ns(self.mono)  # noqa: E731
        self.worker = Worker(self.bus, self.bus.producer(), make_site(), 0.0, clock, lambda: self.mono)
        self.consumer = self.bus.consumer(list(INPUTS), group=topics.ANALYZER_GROUP, on_revoked=self.worker.drop)

    def stop(self) -> None:
        self.worker.checkpoint(everything=True)
        self.consumer.close()

    def beat(self) -> None:
        at = NOW + to_ns(self.mono + self.ahead_s)
        status = CameraStatus(
            camera="cam", run=self.run, by="producer", at=at, state=self.state, since=NOW, captured_at=at - NS // 10
        )  # fmt: skip
        if self.held is not None:
            self.held.append(status.to_bytes())
            return
        self.sender.send(topics.CAMERA_STATUS, status.to_bytes(), key="cam", timestamp_ms=at // 1_000_000)

    def release(self) -> None:
        """What was under way arrives."""
        for value in self.held or []:
            self.sender.send(topics.CAMERA_STATUS, value, key="cam", timestamp_ms=NOW // 1_000_000)
        self.held = None

    def turn(self) -> None:
        """One round of the analyzer's loop."""
        self.worker.process(self.consumer.poll(100, timeout_s=0), self.consumer)
        self.worker.watch(self.consumer)
        self.worker.checkpoint()

    def pass_by(self, seconds: float) -> None:
        for half in range(round(seconds * 2)):
            self.mono += 0.5
            if self.alive and half % 4 == 0:
                self.beat()
            if self.reading:
                self.turn()

    def told(self) -> list[tuple[str, str, float]]:
        """The incidents' changes, with their time in seconds since NOW."""
        records = self.bus.consumer([topics.INCIDENTS], group=None).poll(10_000, timeout_s=0)
        found = [Incident.from_bytes(record.value) for record in records]
        self.ids = {item.incident_id for item in found}
        self.details = [item.detail or "" for item in found]
        return [(item.label, item.change, round((item.changed_at - NOW) / NS, 1)) for item in found]

    def words(self) -> list[CameraStatus]:
        records = self.bus.consumer([topics.CAMERA_STATUS], group=None).poll(10_000, timeout_s=0)
        found = [CameraStatus.from_bytes(record.value) for record in records]
        return [status for status in found if status.by == "analyzer"]


def test_a_producer_that_dies_is_told_once_and_closed_when_it_is_back() -> None:
    rig = Rig()
    rig.pass_by(20)
    rig.alive = False
    rig.pass_by(300)
    ((label, change, at),) = rig.told()
    assert (label, change) == ("lost", "opened")
    assert 10 <= at - 18.5 <= 16  # after its last report
    assert "its producer has not reported for 1" in rig.details[0]
    assert len(rig.words()) == 1
    rig.alive = True
    rig.pass_by(20)
    assert [(label, change) for label, change, _ in rig.told()] == [("lost", "opened"), ("lost", "closed")]
    assert len(rig.ids) == 1


def test_a_replay_of_the_log_gives_the_same_incidents_without_a_watchdog() -> None:
    rig = Rig()
    rig.pass_by(20)
    rig.alive = False
    rig.pass_by(60)
    rig.alive = True
    rig.pass_by(30)
    told = rig.told()
    again = Rig()
    for record in rig.bus.consumer([topics.CAMERA_STATUS], group=None).poll(10_000, timeout_s=0):
        again.sender.send(record.topic, record.value, key=record.key, timestamp_ms=record.timestamp_ms)
    while batch := again.consumer.poll(7, timeout_s=0):
        again.worker.process(batch, again.consumer)
    assert again.told() == told
    assert again.ids == rig.ids


def test_an_analyzer_that_starts_beside_a_dead_producer_tells_it_and_one_that_restarts_tells_it_once() -> None:
    rig = Rig()
    rig.pass_by(20)
    rig.stop()
    rig.alive = rig.reading = False
    rig.pass_by(1000)  # nobody is there
    rig.start()
    rig.reading = True
    rig.pass_by(8)
    assert rig.told() == []  # the producer has its time to come back, too
    rig.pass_by(12)
    ((label, change, at),) = rig.told()
    assert (label, change) == ("lost", "opened")
    assert 1028 <= at <= 1036  # when it was noticed, not 10 s after the last report
    rig.stop()
    rig.start()
    rig.pass_by(60)
    assert len(rig.told()) == len(rig.words()) == 1
    rig.alive = True
    rig.pass_by(20)
    assert [change for _, change, _ in rig.told()] == ["opened", "closed"]
    assert len(rig.ids) == 1


def test_a_crash_between_the_word_and_its_reading_loses_nothing() -> None:
    rig = Rig()
    rig.pass_by(20)
    rig.alive = False
    while not rig.words():
        rig.pass_by(0.5)
    rig.mono += 61  # the dead worker is put out of the group
    rig.start()
    rig.pass_by(60)
    assert [(label, change) for label, change, _ in rig.told()] == [("lost", "opened")]
    assert len(rig.words()) == 1


def test_a_state_that_cannot_be_read_begins_anew_with_the_next_report(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    rig.pass_by(20)
    rig.stop()
    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "decode", lambda text: {"of": "another version"})
        rig.start()
        rig.alive = False
        rig.pass_by(30)
    assert rig.words() == []
    rig.alive = True
    rig.pass_by(10)
    rig.alive = False
    rig.pass_by(30)
    assert len(rig.words()) == 1


def test_one_that_is_not_read_is_not_silent() -> None:
    rig = Rig()
    rig.pass_by(20)
    rig.reading = False  # the analyzer hangs, the producer does not
    rig.pass_by(50)
    rig.reading = True
    rig.pass_by(20)
    assert rig.words() == []
    rig.reading = rig.alive = False  # the whole machine sleeps
    rig.pass_by(50)
    rig.reading = rig.alive = True
    rig.pass_by(20)
    assert rig.words() == []


def test_messages_that_wait_in_the_log_are_not_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader is so busy with detections that it gets none of the reports."""
    rig = Rig()
    rig.pass_by(20)
    poll = rig.consumer.poll
    monkeypatch.setattr(rig.consumer, "poll", lambda count, timeout_s: [])
    rig.pass_by(40)
    assert rig.words() == []
    monkeypatch.setattr(rig.consumer, "poll", poll)
    rig.pass_by(20)
    assert rig.words() == []


def test_a_bus_that_does_not_answer_is_an_error_and_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    rig.pass_by(20)
    rig.alive = False

    def refuse(topic: str) -> dict[int, int]:
        raise BusError("away")

    monkeypatch.setattr(rig.bus, "end_offsets", refuse)
    with pytest.raises(BusError, match="away"):
        rig.pass_by(20)
    assert rig.words() == []


@pytest.mark.parametrize(("run", "state"), [("replay-7", "connected"), (None, "ended")])
def test_replays_and_clips_that_are_over_are_not_watched(run: str | None, state: str) -> None:
    rig = Rig()
    rig.run, rig.state = run, state
    rig.pass_by(20)
    rig.alive = False
    rig.pass_by(100)
    assert rig.words() == rig.told() == []


def test_a_camera_that_was_lost_already_stays_the_same_incident_when_its_producer_dies() -> None:
    rig = Rig()
    rig.state = "lost"
    rig.pass_by(30)
    rig.alive = False
    rig.pass_by(60)
    assert [change for _, change, _ in rig.told()] == ["opened"]
    assert len(rig.words()) == 1


@pytest.mark.parametrize(
    ("ahead_s", "words"), [(4, "4.0 s ahead of"), (-60, "60.0 s behind"), (-7200, "2 h 0 min behind")]
)
def test_a_producer_whose_clock_is_wrong_is_told_until_it_is_put_right(ahead_s: float, words: str) -> None:
    rig = Rig(ahead_s)
    rig.pass_by(40)
    assert [(label, change) for label, change, _ in rig.told()] == [("clock", "opened")]
    assert f"its producer's clock is {words}" in rig.details[0]
    rig.ahead_s = 0.0
    rig.pass_by(120)
    told = [(label, change) for label, change, _ in rig.told()]
    assert told[:2] == [("clock", "opened"), ("clock", "closed")]
    assert told.count(("clock", "opened")) == told.count(("clock", "closed"))
    assert len(rig.words()) <= 2


def test_a_dead_producer_with_a_wrong_clock_is_lost_and_comes_back() -> None:
    for ahead_s in (600, -600):
        rig = Rig(ahead_s)
        rig.pass_by(30)
        rig.alive = False
        rig.pass_by(60)
        assert {(label, change) for label, change, _ in rig.told()} >= {("clock", "opened"), ("lost", "opened")}
        rig.alive = True
        rig.pass_by(30)
        told = [(label, change) for label, change, _ in rig.told()]
        assert told.count(("lost", "opened")) == told.count(("lost", "closed")) == 1
        assert told.count(("clock", "opened")) == told.count(("clock", "closed")) + 1


def test_late_reports_are_no_wrong_clock() -> None:
    chance = random.Random(3)
    rig = Rig()
    for _ in range(60):
        rig.held = []
        rig.pass_by(chance.uniform(1, 9))
        rig.release()
        rig.pass_by(chance.uniform(0, 3))
    assert rig.told() == rig.words() == []


def test_a_backlog_after_a_pause_is_no_wrong_clock() -> None:
    rig = Rig()
    rig.pass_by(20)
    rig.reading = False
    rig.pass_by(300)
    rig.reading = True
    rig.pass_by(30)
    assert rig.told() == rig.words() == []
