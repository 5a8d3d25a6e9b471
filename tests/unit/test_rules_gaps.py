"""Every type lives through missed detections, occlusion and changed track ids as one incident."""

import numpy as np
import pytest

from shared.clock import NS
from shared.messages import Incident
from shared.site import Zone
from tests.unit.analyzer_helpers import Mover, analyzer, make_site, play, still, stopping, travel

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
