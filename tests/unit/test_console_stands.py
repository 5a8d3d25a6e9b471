"""What the console keeps of the stands: the newest revision of each stay, bounded, of its own run."""

from services.console.stands import MOST, StandBook
from shared.clock import to_rfc3339
from tests.unit.stand_helpers import APRON, MINUTE, revisions

NOON = 1_785_585_600_000_000_000
KEY = ("apron", "stand-4")


def book() -> StandBook:
    return StandBook(APRON, None)


def test_every_stand_of_the_site_is_listed_also_before_anything_is_known() -> None:
    views = book().views()
    assert [(view.camera, view.zone, view.latest) for view in views] == [
        ("apron", "stand-4", None), ("apron", "stand-5", None),
    ]  # fmt: skip
    assert not book().has("apron", "taxilane")


def test_the_newest_revision_stays_in_whatever_order_they_come() -> None:
    stands, told = book(), revisions(NOON)
    for number in (0, 1, 4, 2, 3, 1):
        assert stands.take(told[number])
    (stay,) = stands.stays(*KEY, limit=5)
    assert (stay.revision, stay.status) == (4, "vacated")
    assert [(item.name, item.at) for item in stay.milestones] == [
        (name, to_rfc3339(NOON + minute * MINUTE))
        for name, minute in (("AIBT", 0), ("ACGT", 3), ("AEGT", 31), ("AOBT", 38))
    ]
    assert stay.milestones[0].title == "Actual In-Block Time"
    assert (stay.turn_round_s, stay.ground_handling_s) == (38 * 60, 28 * 60)
    assert (stay.vehicles[0].label, stay.vehicles[0].left) == ("bus", to_rfc3339(NOON + 14 * MINUTE))


def test_the_latest_is_the_one_that_began_last_also_when_an_older_one_is_told_again() -> None:
    stands = book()
    for start in (NOON, NOON + 60 * MINUTE):
        stands.take(revisions(start)[0])
    stands.take(revisions(NOON)[4])
    latest = stands.views()[0].latest
    assert latest is not None
    assert latest.first_seen == to_rfc3339(NOON + 60 * MINUTE)
    assert [stay.first_seen for stay in stands.stays(*KEY, limit=1)] == [latest.first_seen]


def test_no_more_than_the_last_hundred_are_kept() -> None:
    stands = book()
    for number in range(MOST + 5):
        stands.take(revisions(NOON + number * MINUTE)[0])
    kept = stands.stays(*KEY, limit=1000)
    assert len(kept) == MOST
    assert kept[-1].first_seen == to_rfc3339(NOON + 5 * MINUTE)


def test_other_runs_cameras_and_zones_are_not_kept_and_a_rule_may_make_a_stand_of_any_zone() -> None:
    stands = book()
    for of in ({"run": "night"}, {"camera": "apron-9"}, {"zone": "stand-9"}):
        assert not stands.take(revisions(NOON, **of)[0])
    assert stands.stays(*KEY, limit=5) == []
    assert StandBook(APRON, "night").take(revisions(NOON, run="night")[0])
    assert stands.take(revisions(NOON, zone="taxilane")[0])
    assert stands.has("apron", "taxilane")
    assert stands.views()[-1].zone == "taxilane"
