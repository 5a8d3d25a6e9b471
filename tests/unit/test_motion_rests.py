"""Rests that go on under another track: the same thing's do, and nobody else's."""

import pytest

from services.analyzer.motion import MotionMemory, Observation
from shared.clock import NS

HERE, AWAY = (0.5, 0.5), (0.9, 0.9)


def seen(track_id: int, at: tuple[float, float] = HERE, *, person: bool = False, score: float = 0.8) -> Observation:
    return Observation(track_id, score, (at[0] - 0.05, at[1] - 0.1, at[0] + 0.05, at[1]), at, 0.1, person)


def play(memory: MotionMemory, start: float, end: float, *items: Observation) -> float:
    """Ten frames a second; the second since which the last item of the last frame has rested."""
    rested = 0.0
    for frame in range(round(start * 10), round(end * 10)):
        views = memory.update(items, frame * NS // 10)
        rested = views[-1].rest_since / NS if views else rested
    return rested


def test_a_car_that_is_found_again_under_another_track_goes_on_with_its_rest() -> None:
    memory = MotionMemory()
    play(memory, 0, 5, seen(1))
    play(memory, 5, 8)
    assert play(memory, 8, 10, seen(2)) == 0.0


@pytest.mark.parametrize("first", [True, False])
def test_a_car_and_a_person_have_rests_of_their_own(first: bool) -> None:
    """A car that stops where somebody stood has not been there since he came; nor has he since the car stopped."""
    memory = MotionMemory()
    play(memory, 0, 5, seen(1, person=first))
    assert play(memory, 6, 10, seen(2, person=not first)) == pytest.approx(6.0)


def test_who_walks_before_a_stopped_car_does_not_take_its_rest_along() -> None:
    memory = MotionMemory()
    play(memory, 0, 5, seen(1))
    play(memory, 5, 8, seen(2, person=True))
    play(memory, 8, 9, seen(2, AWAY, person=True))
    assert play(memory, 9, 12, seen(3)) == 0.0


def test_a_weak_name_that_changes_is_the_same_thing() -> None:
    memory = MotionMemory()
    play(memory, 0, 5, seen(1, score=0.2))
    assert play(memory, 6, 10, seen(2, person=True, score=0.2)) == 0.0


def test_a_place_whose_rest_was_taken_over_has_no_second_one() -> None:
    """The first track was lost, the second went on with its rest and left; who comes later begins anew."""
    memory = MotionMemory()
    play(memory, 0, 5, seen(1))
    play(memory, 5.5, 7, seen(2))
    play(memory, 7, 11, seen(2, AWAY))
    assert play(memory, 11, 14, seen(3)) == pytest.approx(11.0)
