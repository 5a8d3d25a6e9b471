"""obstacle-on-lane on a stand: debris while it is vacant, and none of what is put down while an aircraft is served."""

import json

from services.analyzer.stage import CameraAnalyzer
from shared.clock import NS, to_ns
from shared.messages import Incident
from shared.surface import Surface, Unfamiliar
from tests.unit.analyzer_helpers import FPS, Mover, frame, still
from tests.unit.stand_helpers import APRON


def stage() -> CameraAnalyzer:
    return CameraAnalyzer(APRON, APRON.cameras[0])


def play(start: float, end: float, lies: tuple[float, float], *movers: Mover, on: CameraAnalyzer) -> list[Incident]:
    """A thing without a name lies on stand-4 from `lies[0]` to `lies[1]` seconds; the obstacles that are told."""
    told: list[Incident] = []
    for index in range(round(start * FPS), round(end * FPS)):
        t = index / FPS
        objects = [item for mover in movers if (item := mover(t)) is not None]
        there = lies[0] <= t < lies[1]
        regions = [Unfamiliar(box=(0.2, 0.7, 0.24, 0.74), score=0.8, since=to_ns(lies[0]))] if there else []
        surface = Surface(state="watching", zones=[], regions=regions) if index % 4 == 0 else None
        row = frame(index, objects, t).model_copy(update={"camera": "apron", "surface": surface})
        told += [item for item in on.step(row).incidents if item.incident == "obstacle-on-lane"]
    return told


def test_debris_on_a_vacant_stand_is_told_after_its_time() -> None:
    opened = play(0, 60, (10, 60), on=stage())[0]
    assert (opened.zone, opened.label) == ("stand-4", "unknown object")
    assert 40 * NS <= opened.detected_at <= 41 * NS


def test_what_lies_there_while_an_aircraft_is_served_is_told_only_after_it_has_left() -> None:
    aircraft = still("airplane", 0.3, 0.7, start=0, end=60)
    told = play(0, 120, (10, 120), aircraft, on=stage())
    assert [item.change for item in told] == ["opened"]
    assert 89 * NS <= told[0].detected_at <= 92 * NS


def test_an_aircraft_on_the_next_stand_changes_nothing() -> None:
    assert len(play(0, 60, (10, 60), still("airplane", 0.75, 0.7, start=0), on=stage())) == 1


def test_a_restart_does_not_forget_the_aircraft() -> None:
    aircraft = still("airplane", 0.3, 0.7, start=0, end=30)
    first, second = stage(), stage()
    assert play(0, 45, (10, 120), aircraft, on=first) == []
    second.restore(json.loads(json.dumps(first.state())))
    assert 59 * NS <= play(45, 80, (10, 120), on=second)[0].detected_at <= 62 * NS
