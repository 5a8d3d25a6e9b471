"""animal-on-lane, intrusion, classes and schedules."""

from datetime import datetime

import pytest

from shared.clock import NS
from shared.messages import DetectedObject
from shared.site import Rule, Site, Window, Zone
from tests.unit.analyzer_helpers import analyzer, make_site, play, still, summary, thing, travel

WHOLE = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]


def one_zone(kind: str, rules: list[Rule] | None = None, timezone: str = "UTC") -> Site:
    site = make_site([Zone(id="z", kind=kind, polygon=WHOLE)], rules or [])  # type: ignore[arg-type]
    return site.model_copy(update={"timezone": timezone})


@pytest.mark.parametrize("kind", ["lane", "runway", "taxiway"])
def test_an_animal_opens_after_a_second_and_closes_when_gone(kind: str) -> None:
    changes = play(25, still("dog", 0.35, 0.6, start=2.0, end=10.0), stage=analyzer(one_zone(kind)))
    assert summary(changes) == [("animal-on-lane", "opened"), ("animal-on-lane", "closed")]
    assert 3.0 <= changes[0].detected_at / NS <= 3.5


def test_birds_fly_by_unless_the_site_names_them() -> None:
    bird = travel("bird", (0.1, 0.5), (0.1, 0.0))
    assert play(8, bird, stage=analyzer(one_zone("runway"))) == []
    named = one_zone("runway", [Rule(incident="animal-on-lane", classes=["bird"])])
    assert summary(play(8, bird, stage=analyzer(named))) == [("animal-on-lane", "opened")]


def test_an_animal_in_a_vehicle_is_none() -> None:
    truck = lambda t: thing("truck", 0.5, 0.8 - 0.02 * t, width=0.3, height=0.4)  # noqa: E731
    horse = lambda t: thing("horse", 0.5, 0.6 - 0.02 * t, width=0.06, height=0.1)  # noqa: E731
    assert play(6, truck, horse, stage=analyzer(one_zone("runway", [Rule(incident="intrusion", enabled=False)]))) == []


@pytest.mark.parametrize(
    ("kind", "label", "incident"),
    [
        ("restricted", "person", "intrusion"),
        ("restricted", "truck", "intrusion"),
        ("runway", "truck", "intrusion"),
        ("runway", "person", "person-on-lane"),
    ],
)
def test_one_cause_gives_one_alert_where_nobody_may_be(kind: str, label: str, incident: str) -> None:
    assert summary(play(8, still(label, 0.35, 0.6), stage=analyzer(one_zone(kind)))) == [(incident, "opened")]


@pytest.mark.parametrize(("kind", "label"), [("restricted", "dog"), ("runway", "airplane"), ("stand", "person")])
def test_who_may_be_there_is_no_intrusion(kind: str, label: str) -> None:
    changes = play(8, still(label, 0.35, 0.6), stage=analyzer(one_zone(kind)))
    assert [change for change in changes if change.incident == "intrusion"] == []


def test_a_site_names_the_classes_of_a_zone() -> None:
    site = one_zone("restricted", [Rule(incident="intrusion", classes=["truck"])])
    changes = play(8, still("person", 0.2, 0.6), still("truck", 0.7, 0.6), stage=analyzer(site))
    assert [(change.incident, change.label) for change in changes] == [("intrusion", "truck")]


def window(begin: object, end: object, **more: object) -> Window:
    return Window.model_validate({"from": begin, "to": end, **more})


def test_a_schedule_opens_at_its_begin_for_who_is_there_and_lets_the_open_incident_live() -> None:
    rule = Rule(incident="intrusion", schedule=[window("01:01", "01:02")])
    site = one_zone("restricted", [rule], "Europe/Berlin")  # UTC+1 in January 1970
    changes = play(150, still("person", 0.35, 0.6, start=20.0, end=130.0), stage=analyzer(site))
    assert summary(changes) == [("intrusion", "opened"), ("intrusion", "closed")]
    assert changes[0].detected_at / NS == pytest.approx(60.0, abs=0.05)
    assert changes[0].started_at / NS == pytest.approx(20.1, abs=0.2)
    assert changes[1].ended_at is not None
    assert changes[1].ended_at / NS == pytest.approx(130.0, abs=0.3)


def test_outside_its_schedule_nothing_opens() -> None:
    site = one_zone("restricted", [Rule(incident="intrusion", schedule=[window("22:00", "06:00", days=["fri"])])])
    assert play(10, still("person", 0.35, 0.6), stage=analyzer(site)) == []  # a Thursday


@pytest.mark.parametrize(
    ("local", "inside"),
    [
        ("2026-05-01T21:59", False),  # a Friday
        ("2026-05-01T22:00", True),
        ("2026-05-02T05:59", True),
        ("2026-05-02T06:00", False),
        ("2026-05-02T23:00", False),
        ("2026-05-01T03:00", False),
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins(local: str, inside: bool) -> None:
    assert window(1320, "06:00", days=["fri"]).covers(datetime.fromisoformat(local)) is inside


@pytest.mark.parametrize(("begin", "end"), [("25:00", "06:00"), ("22:00", "22:00"), ("noon", "13:00"), (-5, 30)])
def test_a_wrong_window_is_refused(begin: object, end: object) -> None:
    with pytest.raises(ValueError, match=r"window is empty|no time of day"):
        window(begin, end)


def test_an_unknown_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown time zone 'Berlin'"):
        Site.model_validate({"site": "s", "cameras": [{"id": "c", "source": "a.mp4"}], "timezone": "Berlin"})


def test_what_is_an_animal_now_and_then_is_none() -> None:
    """An insect on the lens: the most frequent of its names is no more than that."""
    names = ("car", "dog", "suitcase", "dog", "clock")
    crawls = lambda t: thing(names[round(t * 10) % 5], 0.3 + 0.02 * t, 0.5, score=0.45)  # noqa: E731
    assert play(5, crawls) == []
    mostly = lambda t: thing("dog" if round(t * 10) % 5 else "car", 0.3 + 0.02 * t, 0.5, score=0.45)  # noqa: E731
    assert summary(play(5, mostly)) == [("animal-on-lane", "opened")]


def test_what_the_pictures_edge_cuts_off_stands_in_the_zone_that_reaches_it() -> None:
    assert summary(play(12, still("car", 0.35, 1.0))) == [("stopped-vehicle", "opened")]


def test_an_insect_whose_track_slips_to_a_car_is_no_animal() -> None:
    def crawls(t: float) -> DetectedObject:
        label, score = ("cat", 0.2) if t < 1.6 else ("car", 0.6)
        return thing(label, 0.3 + 0.05 * t, 0.6, score=score)

    assert play(4, crawls) == []
    alone = play(4, lambda t: crawls(min(t, 1.5)).model_copy(update={"score": 0.5}))
    assert summary(alone) == [("animal-on-lane", "opened")]


def test_two_glimpses_within_a_second_are_no_person_yet() -> None:
    """An insect on the lens is a person for a moment, and once more."""
    glimpsed = lambda t: thing("person", 0.3, 0.5, score=0.4) if t < 0.4 or 0.9 <= t < 1.3 else None  # noqa: E731
    assert play(4, glimpsed) == []
    stays = lambda t: thing("person", 0.3, 0.5, score=0.4) if t < 0.4 or t >= 0.9 else None  # noqa: E731
    (told,) = [change for change in play(4, stays) if change.change == "opened"]
    assert 1.3 < told.detected_at / NS < 2.0
