"""Tables of contestants that were measured in turns."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rich.table import Table

from training.bench.machine import describe


@dataclass(slots=True)
class Turns:
    """What each contestant took, one figure per turn: milliseconds per frame, of CPU by all threads and of time."""

    cpu: dict[str, list[float]] = field(default_factory=dict)
    wall: dict[str, list[float]] = field(default_factory=dict)

    def take(self, name: str, contestant: Callable[[], int]) -> None:
        """Time one turn; the contestant returns how many frames it had."""
        begun, cpu = time.perf_counter(), time.process_time()
        frames = contestant()
        self.cpu.setdefault(name, []).append(1000 * (time.process_time() - cpu) / frames)
        self.wall.setdefault(name, []).append(1000 * (time.perf_counter() - begun) / frames)


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Minimum, median, maximum."""
    return min(values), statistics.median(values), max(values)


def ratio_table(
    title: str, measured: Mapping[str, Sequence[float]], of: str, ratio: Callable[[float, float], float],
    *, head: str, digits: tuple[int, int],
) -> Table:  # fmt: skip
    """One row per contestant: its figures, and the ratios of each turn.

    Args:
        measured: by contestant, one figure per turn.
        of: the contestant that the others are compared with.
        ratio: of a contestant's own figure and of `of`'s in the same turn.
        head: of the ratios' columns.
        digits: behind the point, of figures and of ratios.
    """
    table = Table(title=title, caption=describe())
    for column in ("contestant", "min", "median", "max", f"{head}: min", "median", "max"):
        left = column == "contestant"
        table.add_column(column, justify="left" if left else "right", no_wrap=left)
    for name, own in measured.items():
        ratios = [ratio(*pair) for pair in zip(own, measured[of], strict=True)]
        figures = [f"{value:.{digits[0]}f}" for value in spread(own)]
        figures += [f"{value:.{digits[1]}f}" for value in spread(ratios)]
        table.add_row(name, *figures)
    return table
