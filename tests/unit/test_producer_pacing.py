"""Which frames are analysed, and which capture times they get."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.producer.pacing import Backoff, CaptureClock, ClipClock, RateLimiter
from shared.clock import NS

NTSC = Fraction(30000, 1001)
NOW = 1_700_000_000 * NS


def times(rate: Fraction | int, count: int) -> list[int]:
    return [round(index * NS / Fraction(rate)) for index in range(count)]


def chosen(pts: list[int], fps: float) -> list[int]:
    limiter = RateLimiter(fps)
    return [pts_ns for pts_ns in pts if limiter.admits(pts_ns)]


@pytest.mark.parametrize(("rate", "fps"), [(30, 30), (NTSC, 30), (NTSC, 29.97), (25, 30), (5, 10), (10, 10)])
def test_every_frame_passes_when_the_source_is_no_faster_than_wanted(rate: Fraction | int, fps: float) -> None:
    pts = times(rate, 20_000)

    assert chosen(pts, fps) == pts


def test_millisecond_time_stamps_lose_no_frame() -> None:
    pts = [round(index * 1000 / 30) * 1_000_000 for index in range(9_000)]

    assert chosen(pts, 30) == pts


def test_ten_of_thirty_takes_every_third_frame_exactly() -> None:
    pts = times(30, 3_000)

    assert chosen(pts, 10) == pts[::3]


def test_ten_of_ntsc_neither_drifts_nor_doubles() -> None:
    pts = times(NTSC, 30_000)  # 1001 seconds

    taken = chosen(pts, 10)

    assert len(taken) == 10_010
    gaps = {round((later - earlier) * NTSC / NS) for earlier, later in pairwise(taken)}
    assert gaps <= {2, 3}  # in source frames: 2 now and then, for 29.97 is a little less than 30
    assert all(abs(pts_ns - slot * NS / 10) <= NS / 20 for slot, pts_ns in enumerate(taken))


def test_the_choice_goes_on_after_a_gap_without_a_burst() -> None:
    pts = times(25, 50) + [pts_ns + 60 * NS for pts_ns in times(25, 50)]

    taken = chosen(pts, 10)

    assert len([pts_ns for pts_ns in taken if pts_ns >= 60 * NS]) == 20


@given(st.lists(st.integers(1, NS), min_size=1, max_size=300), st.sampled_from([1, 5, 10, 29.97, 30]))
def test_no_more_than_the_wanted_rate_passes_however_frames_come(steps: list[int], fps: float) -> None:
    pts = [sum(steps[:index]) for index in range(len(steps))]

    taken = chosen(pts, fps)

    assert taken[0] == pts[0]
    assert set(taken) <= set(pts)
    assert len(taken) <= (pts[-1] - pts[0]) * fps / NS + 1.3


def test_clip_time_starts_at_zero_and_keeps_the_files_steps() -> None:
    clock = ClipClock(period_ns=40)

    assert [clock.elapsed(pts) for pts in (7_000, 7_040, 7_085)] == [0, 40, 85]


def test_clip_time_goes_on_where_joined_clips_start_anew() -> None:
    clock = ClipClock(period_ns=NS // 10)
    for pts in range(0, 5 * NS, NS // 10):
        clock.elapsed(pts)

    assert clock.elapsed(0) == 5 * NS
    assert clock.elapsed(NS // 10) == 5 * NS + NS // 10


def test_capture_time_is_the_pts_anchored_at_connect() -> None:
    clock = CaptureClock()
    jitter = [0, 30, 5, 90, 0, 12]  # ms that frames arrive late

    stamps = [
        clock.stamp(5 * NS + index * NS // 10, NOW + index * NS // 10 + late * 1_000_000)
        for index, late in enumerate(jitter)
    ]

    assert stamps == [NOW + index * NS // 10 for index in range(6)]


def test_frames_that_waited_in_a_buffer_do_not_push_later_ones_into_the_future() -> None:
    clock = CaptureClock()
    buffered = [clock.stamp(index * NS // 10, NOW) for index in range(20)]  # two seconds arrive at once
    on_time = [clock.stamp((20 + index) * NS // 10, NOW + index * NS // 10) for index in range(20)]

    assert buffered[-1] <= NOW + 20
    assert all(abs(stamp - NOW - index * NS // 10) <= 20 for index, stamp in enumerate(on_time))
    assert all(later > earlier for earlier, later in pairwise(buffered + on_time))


@pytest.mark.parametrize("jump", [-3600 * NS, 6 * NS, 3600 * NS], ids=["back", "ahead", "far ahead"])
def test_a_jump_of_the_streams_clock_anchors_again(jump: int) -> None:
    clock = CaptureClock()
    clock.stamp(4000 * NS, NOW)

    assert clock.stamp(4000 * NS + jump, NOW + NS) == NOW + NS
    assert clock.stamp(4001 * NS + jump, NOW + 2 * NS) == NOW + 2 * NS


def test_a_reconnect_anchors_again_and_does_not_go_back() -> None:
    clock = CaptureClock()
    last = clock.stamp(0, NOW)
    clock.connected()

    assert clock.stamp(0, NOW - NS) == last + 1


@pytest.mark.parametrize("reconnects", [False, True])
def test_capture_times_follow_a_wall_clock_that_is_set_back_and_do_not_stand_still(reconnects: bool) -> None:
    clock, limiter = CaptureClock(), RateLimiter(10)
    before = [clock.stamp(index * NS // 10, NOW + index * NS // 10) for index in range(600)]
    if reconnects:
        clock.connected()
    late = NOW - 3600 * NS

    assert clock.early_ns(60 * NS, late) == 0
    after = [clock.stamp(60 * NS + index * NS // 10, late + index * NS // 10) for index in range(50)]
    assert after == [late + index * NS // 10 for index in range(50)]
    assert [limiter.admits(stamp) for stamp in before + after] == [True] * 650


def test_a_stream_that_lags_ever_more_is_anchored_again() -> None:
    clock = CaptureClock()
    clock.stamp(0, NOW)
    for second in range(1, 60):  # its clock runs at half speed
        stamp = clock.stamp(second * NS // 2, NOW + second * NS)
        assert NOW + second * NS - stamp <= 5 * NS


@given(st.lists(st.tuples(st.integers(-(10**11), 10**12), st.integers(0, 10**11), st.booleans()), max_size=60))
def test_capture_times_grow_strictly_whatever_comes_unless_the_wall_clock_is_set_back(
    events: list[tuple[int, int, bool]],
) -> None:
    clock = CaptureClock()
    last = -1
    for pts, now, reconnects in events:
        if reconnects:
            clock.connected()
        stamp = clock.stamp(pts, now)
        assert stamp == now if now < last - 2 * NS else stamp > last
        last = stamp


def test_a_recording_over_http_is_waited_for() -> None:
    clock = CaptureClock()
    clock.stamp(0, NOW)

    assert clock.early_ns(2 * NS, NOW + NS) == NS
    assert clock.early_ns(2 * NS, NOW + 3 * NS) == 0
    assert clock.early_ns(3600 * NS, NOW) == 0  # a new time line, not an hour's wait


def test_backoff_doubles_to_its_bound_and_resets() -> None:
    backoff = Backoff(first_s=0.5, most_s=30.0)

    assert [backoff.wait_s(1.0) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    backoff.reset()
    assert backoff.wait_s(0.0) == 0.25
    assert 0.5 <= backoff.wait_s(0.4) <= 1.0
