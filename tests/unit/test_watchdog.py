"""Dead producers, noticed by the wall clock and told through the log."""

import pytest

from services.analyzer import checkpoint
from shared import topics
from shared.exceptions import BusError
from tests.watchdog_rig import Rig


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
