"""smoke-or-fog and pavement-damage: what the heads say, over event time."""

import json
from collections.abc import Callable, Iterable

import pytest

from services.analyzer.stage import CameraAnalyzer
from shared.clock import NS
from shared.heads import FOG, HeadResult
from shared.messages import DetectedObject, Incident
from shared.site import Rule, Window, Zone
from tests.unit.analyzer_helpers import LANE, LANE_2, analyzer, frame, make_site, summary, thing
from tests.unit.head_helpers import LABELS, pavement, visibility

# Frames a second: fewer than the other rules need, since heads judge minutes.
FPS = 5
Says = Callable[[float], Iterable[HeadResult]]
# Of the grid of 12 x 20: LANE has the columns 4 to 9.
HOLE = ((8, 5), (8, 6), (9, 5), (9, 6))
STAND = Zone(id="stand", kind="stand", polygon=[(0, 0), (1, 0), (1, 1), (0, 1)])


def nothing(t: float) -> list[DetectedObject]:
    return []


def hear(
    says: Says,
    start: float,
    end: float,
    *,
    stage: CameraAnalyzer | None = None,
    objects: Callable[[float], list[DetectedObject]] = nothing,
) -> list[Incident]:
    """Every incident change while the heads say this."""
    stage = stage or analyzer()
    changes: list[Incident] = []
    for index in range(round(start * FPS), round(end * FPS)):
        t = index / FPS
        detections = frame(index, objects(t), t).model_copy(update={"heads": list(says(t))})
        changes += stage.step(detections).incidents
    return changes


def seconds(ns: int | None) -> float:
    assert ns is not None
    return ns / NS


# smoke-or-fog


def test_fog_opens_after_ten_seconds_on_the_first_zone_with_the_whole_picture_and_closes_when_it_lifts() -> None:
    changes = hear(lambda t: [visibility(FOG if 5 <= t < 40 else "clear")], 0, 80)
    assert summary(changes) == [("smoke-or-fog", "opened"), ("smoke-or-fog", "closed")]
    opened, closed = changes
    assert (opened.zone, opened.label, opened.box, opened.track_ids) == ("lane-1", FOG, (0, 0, 1, 1), [])
    assert opened.severity == "warning"
    assert 5.0 <= seconds(opened.started_at) <= 8.0
    assert seconds(opened.detected_at - opened.started_at) == pytest.approx(10.0, abs=0.21)
    assert 0.6 <= opened.score <= 0.9
    assert 40.0 <= seconds(closed.ended_at) <= 43.0
    assert seconds(closed.changed_at) == pytest.approx(seconds(closed.ended_at) + 10.0, abs=0.45)


@pytest.mark.parametrize("label", [name for name in LABELS if name != FOG])
def test_no_other_state_of_the_picture_opens_it_however_sure(label: str) -> None:
    assert hear(lambda t: [visibility(label, 0.99)], 0, 60) == []


def test_without_the_head_and_with_an_unsure_one_nothing_opens() -> None:
    assert hear(lambda t: [], 0, 60) == []
    assert hear(lambda t: [visibility(FOG, 0.55)], 0, 60) == []
    assert hear(lambda t: [pavement()], 0, 60) == []


def test_a_cloud_of_exhaust_every_half_minute_opens_nothing() -> None:
    assert hear(lambda t: [visibility(FOG if t % 30 < 8 else "clear", 0.99)], 0, 200) == []


def test_single_frames_of_another_opinion_neither_delay_nor_end_it() -> None:
    def says(t: float) -> list[HeadResult]:
        return [visibility("clear" if round(t * FPS) % 7 == 0 else FOG, 0.95)]

    changes = hear(says, 0, 120)
    assert summary(changes) == [("smoke-or-fog", "opened")]
    assert seconds(changes[0].detected_at) <= 13.0


def test_drifting_smoke_is_one_incident() -> None:
    """Thick, thin and thick again: less holds than opens, and eight clear seconds are forgiven."""

    def says(t: float) -> list[HeadResult]:
        return [visibility(FOG, 0.5) if 30 <= t < 60 else visibility("clear" if 70 <= t < 76 else FOG)]

    assert summary(hear(says, 0, 120)) == [("smoke-or-fog", "opened")]


def test_one_camera_has_one_incident_also_at_a_stand_and_a_site_chooses_the_zone() -> None:
    fog: Says = lambda t: [visibility(FOG)]  # noqa: E731
    assert [c.zone for c in hear(fog, 0, 30, stage=analyzer(make_site([STAND])))] == ["stand"]
    rules = [
        Rule(incident="smoke-or-fog", zones=["lane-1"], enabled=False),
        Rule(incident="smoke-or-fog", after_s=20, severity="critical"),
    ]
    (opened,) = hear(fog, 0, 60, stage=analyzer(make_site([LANE, LANE_2], rules)))
    assert (opened.zone, opened.severity) == ("lane-2", "critical")
    assert seconds(opened.detected_at - opened.started_at) == pytest.approx(20.0, abs=0.21)


def test_a_schedule_holds_back_the_opening() -> None:
    window = Window.model_validate({"from": "00:01", "to": "00:02"})
    site = make_site([LANE], [Rule(incident="smoke-or-fog", schedule=[window])])
    (opened,) = hear(lambda t: [visibility(FOG)], 0, 80, stage=analyzer(site))
    assert seconds(opened.detected_at) == pytest.approx(60.0, abs=0.01)


def test_after_a_gap_fog_is_told_anew_after_its_full_time() -> None:
    stage = analyzer()
    fog: Says = lambda t: [visibility(FOG)]  # noqa: E731
    assert summary(hear(fog, 0, 30, stage=stage)) == [("smoke-or-fog", "opened")]
    changes = hear(fog, 60, 80, stage=stage)
    assert summary(changes) == [("smoke-or-fog", "closed"), ("smoke-or-fog", "opened")]
    assert seconds(changes[0].ended_at) == pytest.approx(29.8)
    assert 70.0 <= seconds(changes[1].detected_at) <= 70.5


# pavement-damage


def test_damage_opens_after_a_minute_in_view_with_the_box_around_it() -> None:
    changes = hear(lambda t: [pavement(*HOLE)] if t >= 5 else [pavement()], 0, 100)
    assert summary(changes) == [("pavement-damage", "opened")]
    (opened,) = changes
    assert (opened.zone, opened.label, opened.severity, opened.track_ids) == ("lane-1", "damaged", "warning", [])
    assert opened.box == pytest.approx((0.25, 8 / 12, 0.35, 10 / 12), abs=1e-4)
    assert seconds(opened.started_at) == pytest.approx(5.0, abs=1.0)
    assert seconds(opened.detected_at - opened.started_at) == pytest.approx(60.0, abs=1.1)
    assert opened.score == pytest.approx(0.9, abs=0.01)


def test_the_box_knows_that_the_grid_leaves_out_the_pictures_edges() -> None:
    (opened,) = hear(lambda t: [pavement(*HOLE, box=(0.1, 0.1, 0.9, 0.9))], 0, 70)
    assert opened.box == pytest.approx(
        (0.1 + 0.25 * 0.8, 0.1 + 0.8 * 8 / 12, 0.1 + 0.35 * 0.8, 0.1 + 0.8 * 10 / 12), abs=1e-4
    )


@pytest.mark.parametrize(
    "patches",
    [(), ((8, 5),), ((8, 1), (8, 2), (8, 18))],
    ids=["sound", "one patch", "beside the zones that are paved"],
)
def test_too_little_or_elsewhere_opens_nothing(patches: tuple[tuple[int, int], ...]) -> None:
    assert hear(lambda t: [pavement(*patches)], 0, 150, stage=analyzer(make_site([LANE]))) == []


@pytest.mark.parametrize("kind", ["lane", "runway", "taxiway", "shoulder"])
def test_each_paved_kind_is_watched(kind: str) -> None:
    zone = Zone(id="z", kind=kind, polygon=LANE.polygon)  # type: ignore[arg-type]
    assert summary(hear(lambda t: [pavement(*HOLE)], 0, 70, stage=analyzer(make_site([zone])))) == [
        ("pavement-damage", "opened")
    ]


def test_a_stand_is_not() -> None:
    assert hear(lambda t: [pavement(*HOLE)], 0, 150, stage=analyzer(make_site([STAND]))) == []


def test_shadows_that_pass_open_nothing() -> None:
    """Half of the time something is called damage there, for seconds each."""
    assert hear(lambda t: [pavement(*HOLE) if t % 8 < 4 else pavement()], 0, 400) == []


def test_a_car_that_looks_damaged_is_not_judged_and_one_that_hides_damage_delays_nothing_but_its_own_time() -> None:
    def car(t: float) -> list[DetectedObject]:
        return [thing("car", 0.3, 0.85, width=0.14, height=0.2)] if t < 100 else []

    calm = analyzer(make_site([LANE], [Rule(incident="stopped-vehicle", enabled=False)]))
    assert hear(lambda t: [pavement(*HOLE)], 0, 100, stage=calm, objects=car) == []
    changes = hear(lambda t: [pavement(*HOLE)], 100, 165, stage=calm)
    assert summary(changes) == [("pavement-damage", "opened")]
    assert 159 <= seconds(changes[0].detected_at) <= 162


def test_traffic_that_hides_the_damage_half_of_the_time_does_not_hide_it_from_the_rule() -> None:
    def traffic(t: float) -> list[DetectedObject]:
        y = 0.2 + 0.5 * (t % 2)
        return [thing("truck", 0.3, y, width=0.14, height=0.2)] if y < 1 else []

    def says(t: float) -> list[HeadResult]:
        return [pavement() if traffic(t) and traffic(t)[0].box[3] > 0.6 else pavement(*HOLE)]

    assert summary(hear(says, 0, 200, objects=traffic)) == [("pavement-damage", "opened")]


@pytest.mark.parametrize("label", [name for name in LABELS if name != "clear"])
def test_what_is_not_clear_is_not_judged(label: str) -> None:
    changes = hear(lambda t: [visibility(label), pavement(*HOLE)], 0, 150)
    assert [change for change in changes if change.incident == "pavement-damage"] == []


def test_damage_lives_on_through_the_night_and_closes_when_it_was_seen_to_be_mended() -> None:
    def says(t: float) -> list[HeadResult]:
        dark = 100 <= t < 300
        return [visibility("dark" if dark else "clear"), pavement(*(HOLE if t < 100 else ()))]

    changes = hear(says, 0, 500)
    assert summary(changes) == [("pavement-damage", "opened"), ("pavement-damage", "closed")]
    assert 300 <= seconds(changes[1].ended_at) <= 340


def test_without_the_pavement_head_an_open_incident_closes() -> None:
    changes = hear(lambda t: [pavement(*HOLE)] if t < 80 else [], 0, 200)
    assert summary(changes) == [("pavement-damage", "opened"), ("pavement-damage", "closed")]
    assert seconds(changes[1].ended_at) == pytest.approx(79, abs=1.1)


def test_two_zones_with_damage_are_two_incidents_of_their_own() -> None:
    beside = tuple((row, column + 6) for row, column in HOLE)
    changes = hear(lambda t: [pavement(*HOLE, *beside)], 0, 80)
    assert sorted((change.zone, change.change) for change in changes) == [("lane-1", "opened"), ("lane-2", "opened")]
    assert len({change.incident_id for change in changes}) == 2


def test_a_new_owner_goes_on_in_the_middle_of_fog_and_damage() -> None:
    def says(t: float) -> list[HeadResult]:
        return [visibility(FOG if 90 <= t < 120 else "clear"), pavement(*(HOLE if t < 150 else ()))]

    whole = hear(says, 0, 300)
    stage = analyzer()
    parts: list[Incident] = []
    for start in range(0, 300, 5):
        parts += hear(says, start, start + 5, stage=stage)
        state = json.loads(json.dumps(stage.state()))
        stage = analyzer()
        assert stage.restore(state) == []
    assert parts == whole
    assert len(whole) == 4


def test_a_state_that_cannot_be_read_begins_anew() -> None:
    stage = analyzer()
    hear(lambda t: [pavement(*HOLE)], 0, 30, stage=stage)
    state = json.loads(json.dumps(stage.state()))
    zone = state["rules"]["pavement-damage"][0]["lane-1"]
    zone[1] = zone[1][:-9]
    again = analyzer()
    assert again.restore(state) == ["pavement-damage"]
    assert summary(hear(lambda t: [pavement(*HOLE)], 30, 95, stage=again)) == [("pavement-damage", "opened")]
