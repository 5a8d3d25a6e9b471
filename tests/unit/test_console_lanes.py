"""What the console keeps of the lanes: bounded, without repeats, of its own run."""

from services.console.lanes import HISTORY, MOST, LaneBook
from shared.clock import NS, to_rfc3339
from tests.integration.console.helpers import SITE, make_stats

NOON = 1_785_585_600 * NS
MINUTE = 60 * NS


def book() -> LaneBook:
    return LaneBook(SITE, None)


def starts(lanes: LaneBook, begin: int = 0, end: int = 10**19) -> list[str]:
    return [item.start for item in lanes.series("a2-km41", "rush-hour-lane", begin, end)]


def test_every_lane_of_the_site_is_listed_in_its_order_also_before_anything_is_known() -> None:
    views = book().views()
    names = [("a2-km41", "rush-hour-lane"), ("a2-km41", "shoulder"), ("a2-km42", "lane-2")]
    assert [(view.camera, view.zone) for view in views] == names
    assert all(view.latest is None and view.flows == [] for view in views)


def test_a_repeat_replaces_and_the_flows_have_gaps_where_nothing_is_known() -> None:
    lanes = book()
    for minute, count in ((0, 5), (1, 6), (4, 9), (1, 7), (4, 9)):
        assert lanes.take(make_stats(NOON + minute * MINUTE, count))
    view = lanes.views()[0]
    assert view.latest is not None
    assert (view.latest.start, view.latest.end) == (to_rfc3339(NOON + 4 * MINUTE), to_rfc3339(NOON + 5 * MINUTE))
    assert len(view.flows) == HISTORY
    assert view.flows[-6:] == [None, 300.0, 420.0, None, None, 540.0]
    assert starts(lanes) == [to_rfc3339(NOON + minute * MINUTE) for minute in (0, 1, 4)]


def test_a_range_gives_the_intervals_that_overlap_it() -> None:
    lanes = book()
    for minute in range(5):
        lanes.take(make_stats(NOON + minute * MINUTE))
    # From the middle of the second to the very beginning of the fourth.
    found = starts(lanes, NOON + MINUTE + MINUTE // 2, NOON + 3 * MINUTE)
    assert found == [to_rfc3339(NOON + MINUTE), to_rfc3339(NOON + 2 * MINUTE)]


def test_other_runs_cameras_and_zones_are_not_kept() -> None:
    lanes = book()
    for change in ({"run": "night"}, {"camera": "a2-km99"}, {"zone": "lane-9"}):
        assert not lanes.take(make_stats(NOON, **change))
    assert starts(lanes) == []
    assert LaneBook(SITE, "night").take(make_stats(NOON, run="night"))


def test_a_day_is_kept_and_no_more_however_short_the_intervals() -> None:
    lanes = book()
    for minute in range(MOST + 100):
        lanes.take(make_stats(NOON + minute * MINUTE))
    assert len(starts(lanes)) == MOST
    assert starts(lanes)[0] == to_rfc3339(NOON + 100 * MINUTE)
    short = book()
    for number in range(MOST + 100):
        short.take(make_stats(NOON + number * 10 * NS, end=NOON + (number + 1) * 10 * NS))
    assert len(starts(short)) == MOST


def test_a_clock_that_was_set_back_a_year_starts_the_lane_anew() -> None:
    lanes = book()
    lanes.take(make_stats(NOON))
    lanes.take(make_stats(NOON - 365 * 1440 * MINUTE))
    assert starts(lanes) == [to_rfc3339(NOON - 365 * 1440 * MINUTE)]
