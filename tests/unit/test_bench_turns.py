"""Turns that contestants take in processes of their own. Imports little, since each process imports it again."""

import os
from pathlib import Path

from training.bench.turns import Contestant, Lap, Run, take_turns, timed


def _counts(first: int) -> Run:
    """Counts on at each turn, so that the process is seen to stay; the process's number stands for its CPU seconds."""
    turns = [first]

    def run(clip: Path) -> Lap:
        turns[0] += 1
        return Lap(turns[0], len(clip.name), os.getpid())

    return run


def test_each_contestant_keeps_a_process_of_its_own() -> None:
    contestants = {"a": Contestant(_counts, (0,)), "b": Contestant(_counts, (10,))}
    laps = take_turns(contestants, Path("whole"), Path("short"), rounds=2)
    assert [lap.frames for lap in laps["a"]] == [2, 3]
    assert [lap.frames for lap in laps["b"]] == [12, 13]
    homes = {lap.cpu_s for own in laps.values() for lap in own}
    assert len(homes) == 2
    assert os.getpid() not in homes


def test_cpu_of_a_turn_is_measured_in_all_threads() -> None:
    lap = timed(lambda clip: sum(1 for _ in range(2_000_000)))(Path("clip"))
    assert lap.frames == 2_000_000
    assert 0 < lap.cpu_s <= lap.seconds * (os.cpu_count() or 1) + 0.1
