"""Stands: in-block, off-block, service vehicles."""

import pytest

from shared.clock import NS
from shared.messages import DetectedObject, Incident
from shared.site import Zone
from tests.unit.analyzer_helpers import Mover, analyzer, make_site, play, still, thing

SITE = make_site([Zone(id="stand-4", kind="stand", polygon=[(0.2, 0.3), (1.0, 0.3), (1.0, 1.0), (0.2, 1.0)])])


def aircraft(off_block_s: float = 1e9) -> Mover:
    """Rolls in from the left until 5 s, stands, and is pushed back at a walking pace."""

    def mover(t: float) -> DetectedObject | None:
        x = 0.6 - 0.1 * max(0.0, 5.0 - t) - 0.02 * max(0.0, t - off_block_s)
        return thing("airplane", x, 0.7, width=0.4, height=0.2) if x > 0.1 else None

    return mover


def turnaround(seconds: float, *movers: Mover) -> list[Incident]:
    return play(seconds, *movers, stage=analyzer(SITE))


def story(changes: list[Incident]) -> list[tuple[str, str]]:
    return [(change.incident, change.change) for change in changes if change.change != "updated"]


def test_in_block_and_off_block_with_their_times() -> None:
    changes = turnaround(160, aircraft(off_block_s=100.0))
    assert story(changes) == [
        ("stand-occupied", "opened"),
        ("stand-occupied", "closed"),
        ("stand-vacated", "opened"),
        ("stand-vacated", "closed"),
    ]
    arrival, departure, moment, over = changes
    assert arrival.started_at / NS == pytest.approx(5.0, abs=2.0)
    assert departure.ended_at is not None
    assert departure.ended_at / NS == pytest.approx(100.0, abs=7.0)
    assert moment.started_at == departure.ended_at
    assert moment.detected_at == over.ended_at == departure.changed_at
    assert moment.incident_id == over.incident_id != arrival.incident_id


def test_an_aircraft_whose_track_breaks_as_it_is_pushed_back_has_left() -> None:
    """The tracker gives it another id half way out of its place."""
    whole = aircraft(off_block_s=100.0)

    def broken(t: float) -> DetectedObject | None:
        found = whole(t)
        jumped = found is not None and t >= 103.0
        return thing("airplane", (found.box[0] + 0.08), 0.7, width=0.16, height=0.2) if found and jumped else found

    changes = turnaround(130, broken)
    assert ("stand-vacated", "opened") in story(changes)


def test_an_aircraft_that_passes_before_a_hidden_one_does_not_end_its_stay() -> None:
    whole = aircraft()
    hidden = lambda t: None if 40 <= t < 70 else whole(t)  # noqa: E731
    passing = lambda t: thing("airplane", 0.25 + 0.08 * (t - 42), 0.9, 0.3, 0.3) if 42 <= t < 51 else None  # noqa: E731
    assert story(turnaround(100, hidden, passing)) == [("stand-occupied", "opened")]


def test_vehicles_and_people_that_hide_the_aircraft_do_not_end_its_stay() -> None:
    """Wholly hidden for two minutes; then a lorry covers its nose for one."""
    whole = aircraft()

    def seen(t: float) -> DetectedObject | None:
        if 40 <= t < 160:
            return None
        return thing("airplane", 0.67, 0.7, width=0.26, height=0.2) if 200 <= t < 260 else whole(t)

    assert story(turnaround(300, seen)) == [("stand-occupied", "opened")]


def test_an_aircraft_that_passes_or_halts_for_a_moment_was_never_in_block() -> None:
    passing = lambda t: thing("airplane", 0.1 + 0.05 * min(t, 8) + 0.05 * max(0, t - 20), 0.7, 0.3, 0.2)  # noqa: E731
    assert turnaround(28, passing) == []


def test_service_vehicles_come_and_go_while_the_aircraft_is_there() -> None:
    catering = still("truck", 0.3, 0.8, start=40, end=80)
    away = lambda t: thing("truck", 0.3, 0.8 + 0.1 * (t - 80)) if 80 <= t < 82 else None  # noqa: E731
    changes = [c for c in turnaround(160, aircraft(), catering, away) if c.incident == "service-vehicle"]
    assert story(changes) == [("service-vehicle", "opened"), ("service-vehicle", "closed")]
    assert changes[0].started_at / NS == pytest.approx(40.0, abs=1.0)
    assert changes[0].severity == "info"
    assert changes[1].ended_at is not None
    assert changes[1].ended_at / NS == pytest.approx(80.0, abs=1.5)


def test_a_vehicle_at_an_empty_stand_is_no_milestone() -> None:
    assert turnaround(40, still("truck", 0.3, 0.8)) == []


def test_a_stand_that_the_site_drops_while_an_aircraft_is_on_it_closes_without_a_departure() -> None:
    before, after = analyzer(SITE), analyzer(make_site())
    assert story(play(30, aircraft(), stage=before)) == [("stand-occupied", "opened")]
    assert after.restore(before.state()) == ["lanes"]  # other lanes are counted now
    assert story(play(310, stage=after, start=300)) == [("stand-occupied", "closed")]
