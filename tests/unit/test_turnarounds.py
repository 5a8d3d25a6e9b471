"""Turnarounds: what a camera knows of a stay at a stand, told once, with honest gaps."""

import json
from collections.abc import Callable
from functools import cache

import pytest

from services.analyzer.stage import CameraAnalyzer
from services.analyzer.stay import MOST_VISITS, begun, with_visit
from shared.clock import NS
from shared.messages import DetectedObject, FrameRef, Incident
from shared.site import Site, Zone
from shared.turnaround import Turnaround, VehicleVisit
from tests.unit.analyzer_helpers import FPS, Mover, analyzer, frame, make_site, still, thing

SITE = make_site([Zone(id="stand-4", kind="stand", polygon=[(0.2, 0.3), (1.0, 0.3), (1.0, 1.0), (0.2, 1.0)])])


def aircraft(off_block_s: float = 1e9, in_block_s: float = 15.0) -> Mover:
    """Rolls in from the left until in-block, stands, and is pushed back at a walking pace."""

    def mover(t: float) -> DetectedObject | None:
        x = 0.6 - 0.1 * max(0.0, in_block_s - t) - 0.02 * max(0.0, t - off_block_s)
        return thing("airplane", x, 0.7, width=0.4, height=0.2) if x > 0.1 else None

    return mover


def serving(label: str, x: float, start: float, end: float) -> Mover:
    """Stands there, then drives off downwards."""
    stands = still(label, x, 0.85, start=start, end=end)
    return lambda t: thing(label, x, 0.85 + 0.1 * (t - end)) if end <= t < end + 1.4 else stands(t)


def watch(
    seconds: float,
    *movers: Mover,
    site: Site = SITE,
    stage: CameraAnalyzer | None = None,
    start_s: float = 0.0,
    hand_over: Callable[[int], bool] = lambda index: False,
) -> list[Turnaround]:
    """What the analyzer tells; before frames that `hand_over` names a new one takes over."""
    stage = stage or analyzer(site)
    told = []
    for index in range(round(start_s * FPS), round((start_s + seconds) * FPS)):
        if hand_over(index):
            state, stage = json.loads(json.dumps(stage.state())), analyzer(site)
            assert stage.restore(state) == []
        objects = [item for mover in movers if (item := mover(index / FPS)) is not None]
        told += stage.step(frame(index, objects)).turnarounds
    return told


def names(stay: Turnaround) -> list[str]:
    return [item.name for item in stay.milestones]


def at(stay: Turnaround, name: str) -> float:
    found = stay.at(name)  # type: ignore[arg-type]
    assert found is not None, f"no {name}"
    return found / NS


TURNAROUND = (aircraft(180.0), serving("truck", 0.3, 40, 90), serving("bus", 0.75, 60, 130))


@cache
def undisturbed() -> tuple[Turnaround, ...]:
    return tuple(watch(260, *TURNAROUND))


def test_the_timeline_of_a_turnaround_with_milestones_and_durations() -> None:
    last = undisturbed()[-1]
    assert (last.camera, last.zone, last.site, last.status, last.label) == (
        "cam", "stand-4", "test", "vacated", "airplane",
    )  # fmt: skip
    assert names(last) == ["AIBT", "ACGT", "AEGT", "AOBT"]
    assert at(last, "AIBT") == pytest.approx(15.0, abs=2.0)
    assert at(last, "ACGT") == pytest.approx(40.0, abs=1.0)
    assert at(last, "AEGT") == pytest.approx(130.0, abs=1.5)
    assert at(last, "AOBT") == pytest.approx(180.0, abs=7.0)
    assert last.turn_round_s == pytest.approx(at(last, "AOBT") - at(last, "AIBT"), abs=0.002)
    assert last.ground_handling_s == pytest.approx(at(last, "AEGT") - at(last, "ACGT"), abs=0.002)
    truck, bus = last.vehicles
    assert (truck.label, bus.label, last.vehicle_count) == ("truck", "bus", 2)
    assert truck.duration_s == pytest.approx(50.0, abs=2.5)
    assert bus.arrived is not None
    assert bus.arrived / NS == pytest.approx(60.0, abs=1.0)


def test_each_change_is_one_revision_and_what_is_not_known_yet_is_not_told() -> None:
    told = undisturbed()
    assert len({stay.turnaround_id for stay in told}) == 1
    assert [stay.revision for stay in told] == list(range(6))
    assert [names(stay) for stay in told] == [
        ["AIBT"],
        ["AIBT", "ACGT"],
        ["AIBT", "ACGT"],
        ["AIBT", "ACGT"],
        ["AIBT", "ACGT"],
        ["AIBT", "ACGT", "AEGT", "AOBT"],
    ]
    assert [len([visit for visit in stay.vehicles if visit.left is None]) for stay in told] == [0, 1, 2, 1, 0, 0]
    assert all(stay.turn_round_s is None for stay in told[:-1])
    assert [stay.changed_at for stay in told] == sorted(stay.changed_at for stay in told)


def test_the_same_stream_gives_the_same_messages_also_when_workers_change() -> None:
    assert watch(260, *TURNAROUND, hand_over=lambda index: index % 9 == 4) == list(undisturbed())


def test_an_aircraft_that_stood_there_from_the_start_has_no_in_block_time() -> None:
    last = watch(200, aircraft(150.0, in_block_s=0.0), serving("truck", 0.3, 40, 90))[-1]
    assert names(last) == ["AEGT", "AOBT"]  # handling may have begun before the camera looked
    assert (last.turn_round_s, last.ground_handling_s) == (None, None)
    assert last.first_seen <= NS
    assert last.vehicles[0].duration_s is not None


def test_after_a_gap_of_the_stream_nobody_knows_when_the_aircraft_came() -> None:
    stage = analyzer(SITE)
    assert watch(30, stage=stage) == []
    (told,) = watch(40, aircraft(), stage=stage, start_s=100.0)
    assert names(told) == []


def test_vehicles_that_waited_count_from_in_block_and_tell_when_they_came() -> None:
    waiting, always = serving("truck", 0.3, 8, 70), serving("bus", 0.8, 0, 100)
    last = watch(220, aircraft(150.0), waiting, always)[-1]
    assert at(last, "ACGT") == at(last, "AIBT")
    bus, truck = last.vehicles
    assert (bus.label, bus.arrived, bus.duration_s) == ("bus", None, None)  # there before the camera looked
    assert truck.arrived is not None
    assert truck.arrived / NS == pytest.approx(8.0, abs=1.0)


def test_a_tug_that_leaves_with_the_aircraft_ends_the_handling_at_off_block() -> None:
    tug = still("truck", 0.85, 0.68, start=100, end=190)
    told = watch(280, aircraft(180.0), tug)
    assert "AEGT" not in names(told[-2])
    assert told[-2].status == "vacated"
    assert at(told[-1], "AEGT") == at(told[-1], "AOBT")


def test_an_aircraft_that_is_lost_from_sight_has_no_off_block_time() -> None:
    whole = aircraft()
    last = watch(420, lambda t: whole(t) if t < 60 else None)[-1]
    assert (last.status, names(last), last.turn_round_s) == ("lost", ["AIBT"], None)
    assert last.last_seen is not None
    assert last.last_seen / NS == pytest.approx(60.0, abs=0.2)


def test_a_clock_that_is_set_back_ends_the_stay_without_a_departure() -> None:
    stage = analyzer(SITE)
    watch(60, aircraft(), stage=stage)
    objects = [thing("airplane", 0.6, 0.7, width=0.4, height=0.2)]
    told = [
        stay for index in range(400) for stay in stage.step(frame(600 + index, objects, time_s=index / 10)).turnarounds
    ]
    assert [(stay.status, names(stay)) for stay in told] == [("lost", ["AIBT"]), ("occupied", [])]
    assert told[0].turnaround_id != told[1].turnaround_id


def test_a_stand_that_the_site_drops_ends_its_stay_without_a_departure() -> None:
    before, after = analyzer(SITE), analyzer(make_site())
    watch(60, aircraft(), stage=before)
    after.restore(before.state())
    told = watch(30, aircraft(), stage=after, start_s=60.0)
    assert [(stay.status, names(stay)) for stay in told] == [("lost", ["AIBT"])]


def test_a_lorry_that_stays_between_two_aircraft_belongs_to_both() -> None:
    second = aircraft(in_block_s=260.0)
    told = watch(300, aircraft(120.0), lambda t: second(t) if t > 200 else None, serving("truck", 0.9, 50, 1e6))
    first, then = told[-2], told[-1]
    assert (first.status, then.status) == ("vacated", "occupied")
    assert [visit.incident_id for visit in first.vehicles] == [visit.incident_id for visit in then.vehicles]
    assert at(then, "ACGT") == at(then, "AIBT")
    assert "AEGT" not in names(first)


def test_an_unreadable_state_begins_anew_and_nothing_else_does() -> None:
    stage = analyzer(SITE)
    watch(60, aircraft(), stage=stage)
    state = json.loads(json.dumps(stage.state()))
    assert analyzer(SITE).restore(state | {"turnarounds": {"of": "another version"}}) == ["turnarounds"]


def test_a_stay_with_very_many_vehicles_keeps_the_first_and_the_last() -> None:
    stay = begun(_occupied(), NS, [])
    for number in range(MOST_VISITS + 50):
        stay = with_visit(stay, _visit(number))
    assert (len(stay.vehicles), stay.vehicle_count) == (MOST_VISITS, MOST_VISITS + 50)
    assert stay.vehicles[0].incident_id == "v0"
    assert stay.vehicles[-1].incident_id == f"v{MOST_VISITS + 49}"
    assert len(stay.to_bytes()) < 64 << 10


def _visit(number: int) -> VehicleVisit:
    return VehicleVisit(
        incident_id=f"v{number}", label="truck", track_ids=[number], first_seen=number * NS, arrived=number * NS
    )


def _occupied() -> Incident:
    ref = FrameRef(topic="frames", partition=0, offset=0, captured_at=NS)
    return Incident(
        incident_id="stay", change="opened", revision=0, incident="stand-occupied", site="test", camera="cam",
        zone="stand-4", severity="info", started_at=NS, detected_at=NS, changed_at=NS, track_ids=[1],
        label="airplane", score=0.9, box=(0.1, 0.1, 0.5, 0.5), model="test@0", frame=ref,
    )  # fmt: skip
