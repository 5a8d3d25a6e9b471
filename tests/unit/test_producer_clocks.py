"""Which clocks a producer does not believe, and which it does: whole minutes of frames, no real time."""

import random
from collections.abc import Iterable

import pytest

from services.producer.clocks import HostClock, StreamClock, Trouble
from shared.clock import NS, to_ns

NOW = 1_700_000_000 * NS
# Seconds: what a frame's own clock says, and when it arrives.
Frames = Iterable[tuple[float, float]]


def seen(frames: Frames, *, paced: bool = False) -> list[Trouble | None]:
    """The trouble after each frame."""
    clock, found = StreamClock(), []
    for pts, arrived in frames:
        clock.see(to_ns(pts), arrived, paced=paced)
        found.append(clock.trouble(arrived))
    return found


def steady(seconds: float, rate: float = 1.0, fps: float = 10) -> list[tuple[float, float]]:
    return [(rate * index / fps, index / fps) for index in range(round(seconds * fps))]


def delayed(frames: list[tuple[float, float]], seed: int) -> list[tuple[float, float]]:
    """Jitter, and now and then a stall of 4 s after which all that waited arrives at once."""
    chance = random.Random(seed)
    out, free = [], 0.0
    for pts, arrived in frames:
        if chance.random() < 0.003:
            free = arrived + 4
        out.append((pts, max(arrived + chance.expovariate(20), free, out[-1][1] if out else 0.0)))
    return out


@pytest.mark.parametrize("seed", range(5))
def test_jitter_and_stalls_of_the_network_are_no_fault_of_the_clock(seed: int) -> None:
    assert set(seen(delayed(steady(600), seed))) == {None}


def test_quartz_that_is_off_by_a_thousandth_is_no_fault() -> None:
    assert set(seen(steady(600, rate=1.001))) == {None}
    assert set(seen(steady(600, rate=0.999))) == {None}


@pytest.mark.parametrize(("rate", "words"), [(0.5, "50% too slow"), (2.0, "100% too fast"), (1.15, "15% too fast")])
def test_a_stream_whose_clock_runs_at_another_rate_is_told_after_two_minutes(rate: float, words: str) -> None:
    found = seen(steady(150, rate))
    first = next(index for index, trouble in enumerate(found) if trouble is not None)

    assert 60 <= first / 10 <= 121
    assert found[-1] is not None
    assert words in found[-1].detail
    assert found[first] == found[-1]  # the same trouble with the same beginning, for as long as it lasts


def test_a_recording_that_comes_as_fast_as_the_network_lets_it_has_no_rate() -> None:
    assert set(seen(steady(300, 0.5), paced=True)) == {None}


def test_the_rate_is_over_when_the_clock_runs_as_it_should() -> None:
    slow = steady(150, 0.5)
    after = [(75 + index / 10, 150 + index / 10) for index in range(1000)]

    assert seen(slow + after)[-1] is None


def test_one_jump_is_mended_by_the_anchor_and_three_in_a_minute_are_told() -> None:
    def jumping(times: Iterable[float]) -> list[tuple[float, float]]:
        return [(arrived + 100 * sum(at <= arrived for at in times), arrived) for _, arrived in steady(200)]

    assert set(seen(jumping([50]))) == {None}
    assert set(seen(jumping([50, 100, 150]))) == {None}
    found = seen(jumping([50, 60, 70]))
    told = [index / 10 for index, trouble in enumerate(found) if trouble is not None]
    assert (told[0], told[-1]) == (70, 110)  # until the first of them is a minute ago
    assert found[700] == Trouble(50, "the stream's clock jumped 3 times within 60 s")


def test_steps_back_count_as_jumps_and_a_gap_with_its_time_does_not() -> None:
    def shifted(by: float, times: tuple[float, ...]) -> list[float]:
        return [arrived + by * sum(arrived > at for at in times) for _, arrived in steady(60)]

    later = shifted(20, (30, 40, 50))
    gaps = list(zip(later, later, strict=True))
    back = list(zip(shifted(-10, (30, 35, 40)), shifted(0, ()), strict=True))

    assert set(seen(gaps)) == {None}
    assert seen(back)[-1] is not None


def test_a_clock_that_stands_still_is_told_after_five_seconds_and_over_with_the_next_step() -> None:
    frames = [(min(arrived, 20.0) if arrived < 40 else arrived - 20, arrived) for _, arrived in steady(50)]
    found = seen(frames)

    assert found[249] is None
    assert found[251] == Trouble(20.0, "the stream's clock stands still")
    assert found[395] == found[251]
    assert found[410] is None


def test_a_new_connection_has_a_new_time_line() -> None:
    clock = StreamClock()
    for start in range(0, 200, 20):
        clock.connected()
        for pts, arrived in steady(19):
            synchronised = 100 * (arrived > 5)  # as with the first RTCP sender report
            clock.see(to_ns(pts + 1000 * start + synchronised), start + arrived)
            assert clock.trouble(start + arrived) is None


@pytest.mark.parametrize(("step_s", "words"), [(-3600, "set back by 1 h 0 min"), (7.5, "set ahead by 7.5 s")])
def test_a_step_of_the_wall_clock_is_told_for_a_minute(step_s: float, words: str) -> None:
    clock = HostClock()
    for half in range(400):
        mono = half / 2
        stepped = clock.see(NOW + to_ns(mono + (step_s if mono >= 50 else 0)), mono)
        trouble = clock.trouble(mono)
        assert stepped == (mono == 50)
        assert (trouble is not None) == (50 <= mono <= 110)
        assert trouble is None or words in trouble.detail


def test_a_clock_that_is_slewed_is_no_step() -> None:
    clock = HostClock()
    for half in range(20_000):
        clock.see(NOW + to_ns(half / 2 * 1.0005), half / 2)  # NTP slews by 500 ppm at most
        assert clock.trouble(half / 2) is None
