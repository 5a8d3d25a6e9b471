"""Producers whose clock is wrong, noticed by the wall clock and told through the log."""

import random

import pytest

from tests.watchdog_rig import Rig


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
