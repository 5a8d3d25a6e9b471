"""Ids of incidents: one each, the same in every run, after a hand-over and from an old version's checkpoint too."""

import json

import pytest

from services.analyzer.claims import Claim
from services.analyzer.incident_ids import IncidentIds
from services.analyzer.incidents import Hysteresis, IncidentBook
from services.analyzer.scene import Scene, part_of_picture
from shared.clock import NS
from shared.messages import FrameRef, Incident

STARTS = (5, 5, 6, 5, 6)


def book() -> IncidentBook:
    return IncidentBook("obstacle-on-lane", "site", Hysteresis(NS, NS), lambda item, claim, now: False)


def opened(target: IncidentBook, second: int) -> list[Incident]:
    """A thing that began to lie there at that second, each time at another place."""
    ref = FrameRef(topic="frames", partition=0, offset=second, captured_at=9 * NS)
    scene = Scene("cam", None, 9 * NS, 1.6, "test@0", ref, ())
    view = part_of_picture("unknown object", 1.0, (0.1, 0.1, 0.2, 0.2), 1.6, 9 * NS)
    return target.step(scene, [Claim(view, "lane", "critical", second * NS, True, members=())])


def test_things_that_came_to_lie_in_turns_have_an_id_each() -> None:
    """Told in turns, of two moments: the third of the first moment once had the id of the first, and hid behind it."""
    target = book()
    ids = [change.incident_id for second in STARTS for change in opened(target, second)]
    assert len(set(ids)) == len(STARTS)


@pytest.mark.parametrize("handed_over", range(1, len(STARTS)))
def test_a_new_owner_goes_on_with_the_same_ids(handed_over: int) -> None:
    whole, first, second = book(), book(), book()
    expected = [change.incident_id for start in STARTS for change in opened(whole, start)]
    before = [change.incident_id for start in STARTS[:handed_over] for change in opened(first, start)]
    second.restore(json.loads(json.dumps(first.state())))
    after = [change.incident_id for start in STARTS[handed_over:] for change in opened(second, start)]
    assert before + after == expected


def test_the_checkpoint_of_a_version_that_knew_the_last_start_only_goes_on() -> None:
    first, second = book(), book()
    told = [change.incident_id for change in opened(first, 5)]
    state = json.loads(json.dumps(first.state()))
    second.restore([state[0], state[1][0]])
    assert {change.incident_id for change in opened(second, 5)}.isdisjoint(told)


def test_what_it_remembers_is_bounded() -> None:
    ids = IncidentIds("site", "obstacle-on-lane")
    for second in range(10_000):
        ids.new(None, "cam", "lane", second)
    assert len(json.dumps(ids.state())) < 20_000
