"""Every type lives through missed detections, occlusion and changed track ids as one incident."""

import numpy as np
import pytest

from shared.clock import NS
from shared.messages import DetectedObject, Incident
from shared.site import Zone
from tests.unit.analyzer_helpers import Mover, analyzer, make_site, play, still, stopping, thing, travel

WHOLE = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
CASES: dict[str, tuple[str, list[Mover], float]] = {
    "stopped-vehicle": ("lane", [still("car", 0.35, 0.5)], 10.0),
    "obstacle-on-lane": ("lane", [still("suitcase", 0.35, 0.5)], 10.0),
    "person-on-lane": ("lane", [still("person", 0.35, 0.5)], 10.0),
    "animal-on-lane": ("lane", [still("dog", 0.35, 0.5)], 10.0),
    "intrusion": ("restricted", [still("car", 0.35, 0.5)], 10.0),
    "congestion": ("lane", [still("car", 0.35, y) for y in (0.95, 0.8, 0.65)], 10.0),
    "stand-occupied": ("stand", [still("airplane", 0.35, 0.5)], 25.0),
    "service-vehicle": ("stand", [still("airplane", 0.35, 0.5), still("truck", 0.6, 0.6)], 25.0),
}


def missing(mover: Mover, seed: int, share: float) -> Mover:
    lost = np.random.default_rng(seed).random(4000) < share
    return lambda t: None if lost[round(t * 10)] else mover(t)


def hidden(mover: Mover, start: float, end: float) -> Mover:
    return lambda t: None if start <= t < end else mover(t)


def lives(changes: list[Incident], incident: str) -> list[str]:
    return [change.change for change in changes if change.incident == incident and change.change != "updated"]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("incident", CASES)
def test_half_of_the_detections_missed_and_an_occlusion_make_no_second_incident(incident: str, seed: int) -> None:
    kind, movers, occlusion_s = CASES[incident]
    site = make_site([Zone(id="z", kind=kind, polygon=WHOLE, direction=(0, 1))])  # type: ignore[arg-type]
    gappy = [hidden(missing(mover, 10 * seed + n, 0.5), 50.0, 50.0 + occlusion_s) for n, mover in enumerate(movers)]
    changes = play(110, *gappy, stage=analyzer(site))
    assert lives(changes, incident) == ["opened"]


@pytest.mark.parametrize("seed", range(3))
def test_wrong_way_travel_with_half_of_the_detections_missed_is_one_incident(seed: int) -> None:
    changes = play(12, missing(travel("car", (0.35, 0.98), (0.0, -0.09)), seed, 0.5))
    assert lives(changes, "wrong-way") in (["opened"], ["opened", "closed"])


def test_a_wrong_way_vehicle_that_a_lorry_hides_for_four_seconds_is_one_incident() -> None:
    changes = play(12, hidden(travel("car", (0.35, 0.98), (0.0, -0.09)), 4.0, 8.0))
    assert lives(changes, "wrong-way") in (["opened"], ["opened", "closed"])


@pytest.mark.parametrize("seconds", [5.0, 10.0])
def test_a_lorry_that_hides_a_car_before_it_is_told_does_not_restart_the_clock(seconds: float) -> None:
    changes = play(40, hidden(stopping("car", 0.35, stop_y=0.5, stop_s=3.0), 6.0, 6.0 + seconds))
    (opened,) = [change for change in changes if change.change == "opened"]
    assert opened.started_at / NS == pytest.approx(3.0, abs=1.5)
    assert opened.detected_at / NS < max(15.0, 6.0 + seconds + 4.5)


def stays(t: float) -> DetectedObject:
    return thing("person", 0.32, 0.25, width=0.02, height=0.08)


def leaving(gap: float) -> Mover:
    """Walks off from who stays behind; hidden for `gap` from 8 s on, so that his track is another then."""

    def mover(t: float) -> DetectedObject | None:
        x, y = 0.3 if t < 8.0 else 0.35, min(0.25 + 0.08 * max(0.0, t - 1.0), 0.85)
        return None if 8.0 <= t < 8.0 + gap else thing("person", x, y, width=0.02, height=0.08)

    return mover


def test_who_walks_off_from_others_belongs_to_their_incident_under_another_track_too() -> None:
    """Seen on real footage: each change of a track was told as a further person, who had been there for long."""
    changes = play(14, stays, leaving(0.5))
    assert lives(changes, "person-on-lane") == ["opened"]
    assert len(changes[-1].track_ids) > 2, "the test is about a walker who changed his track"


def test_who_comes_later_to_where_a_told_one_was_lost_is_told_and_began_when_he_came() -> None:
    """The incident of the lost one goes on elsewhere; two seconds are enough for somebody else to come."""
    changes = play(14, stays, leaving(2.0))
    opened = [change for change in changes if change.change == "opened"]
    assert len(opened) == 2
    assert opened[1].started_at / NS == pytest.approx(10.0, abs=0.3)
