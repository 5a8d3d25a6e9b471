"""Contestants that take turns, each in a process of its own: what one sets for its process moves no other's figures.

In one process PyTorch's threads and oneDNN's settings of one contestant have made another ten times as slow.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Lap:
    """What a contestant did in one turn: frames that it saw, seconds, and seconds of its process's CPU."""

    frames: int
    seconds: float
    cpu_s: float


Run = Callable[[Path], Lap]


@dataclass(frozen=True, slots=True)
class Contestant:
    """What its process begins with: `build(*arguments)` gives what runs a clip. Both travel to the process."""

    build: Callable[..., Run]
    arguments: tuple[Any, ...]


def timed(run: Callable[[Path], int]) -> Run:
    """A contestant that says how many frames it saw, and is measured from outside."""

    def lap(clip: Path) -> Lap:
        begun, cpu = time.perf_counter(), time.process_time()
        frames = run(clip)
        return Lap(frames, time.perf_counter() - begun, time.process_time() - cpu)

    return lap


def take_turns(contestants: Mapping[str, Contestant], clip: Path, short: Path, rounds: int) -> dict[str, list[Lap]]:
    """Every contestant's laps with `clip`, after one with `short` that is not counted."""
    laps: dict[str, list[Lap]] = {name: [] for name in contestants}
    with ExitStack() as stack:
        homes = {
            name: stack.enter_context(
                ProcessPoolExecutor(1, get_context("spawn"), _build, (contestant.build, contestant.arguments))
            )
            for name, contestant in contestants.items()
        }
        for home in homes.values():
            home.submit(_lap, short).result()
        for _ in range(rounds):
            for name, home in homes.items():
                laps[name].append(home.submit(_lap, clip).result())
    return laps


_own: Run | None = None
"""Of the process that serves a contestant."""


def _build(build: Callable[..., Run], arguments: tuple[Any, ...]) -> None:
    global _own
    _own = build(*arguments)


def _lap(clip: Path) -> Lap:
    assert _own is not None
    return _own(clip)
