"""The detector against its limit: what it costs beside a forward pass and one JPEG decode per frame.

    python -m training.bench.limit [--backend openvino|torch|onnx] [--rounds N] [--frames N] [--run]

The limit is a worker's forward pass over pictures that lie ready, one single-threaded pass per core, and one decode of
each frame's JPEG at the scale that the model needs; each is measured on its own. Beside it a bare loop of both, where
each throws the other's data out of the caches; the detector, which gets frames as they come from Kafka and gives the
bytes of its results; and the whole worker around it, on a bus in memory and without Redis, with the cameras' health and
the memory of their roads. CPU time per frame comes first: it is what a camera costs, and moves less than time when
others use the machine. All take turns in one process. Nobody looks twice (no close-ups), for the limit has one pass per
frame.
"""

import argparse
import time

from rich.table import Table

from services.detector.backends.base import Backend
from services.detector.backends.load import Wanted, load
from services.detector.memory.descriptors import LAYERS
from services.detector.process import tune_process
from services.detector.weights import find_weights
from shared.settings import load_settings
from training.bench.limit_contest import DECODE, FORWARD, LIMIT, MEMORY, READ, RUN_LIMIT, Contest
from training.bench.ratios import Turns, ratio_table
from training.report import wide_console


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print its tables; exit code 0."""
    parser = argparse.ArgumentParser(
        prog="python -m training.bench.limit", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "--backend",
        choices=("openvino", "torch", "onnx"),
        action="append",
        help="again for more; without it two of them",
    )
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contestant")
    parser.add_argument("--frames", type=int, default=120, help="of the clip, per turn")
    parser.add_argument(
        "--run", action="store_true", help="also `wayside run`, which reads the video as well: the whole clip"
    )
    parser.add_argument("--profile", type=float, metavar="SECONDS", help="no tables: only the worker, for a profiler")
    options = parser.parse_args(arguments)
    for name in options.backend or ("openvino", "torch"):
        if options.profile:
            profile(name, options.frames, options.profile)
            continue
        for table in measure(name, options.rounds, options.frames, options.run):
            wide_console().print(table)
    return 0


def measure(name: str, rounds: int, count: int, run: bool) -> list[Table]:
    """Time the contestants in turns.

    Raises:
        InputError: the highway clip is not there.
    """
    with _contest(name, count) as contest:
        turns = Turns()
        for number in range(rounds + 1):
            if number == 1:
                turns = Turns()  # the first turn warms up: allocators, graphs compiled for the shape
            contest.turn(turns, first=number * count)
            if run:
                contest.run(turns)
        backend = contest.backend
    return [_table(turns.cpu, backend, rounds, "CPU"), _table(turns.wall, backend, rounds, "time")]


def profile(name: str, count: int, seconds: float) -> None:
    """Let a worker see frames for so long, with health and memory, and nothing else."""
    with _contest(name, count) as contest:
        end, first = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            contest.work(MEMORY, first)
            first += count


def _contest(name: str, count: int) -> Contest:
    settings = load_settings()
    tune_process()
    backend = load(name, Wanted(find_weights(settings.model, settings.models), device="cpu", layers=LAYERS))
    return Contest(backend, settings, count)


def _table(figures: dict[str, list[float]], backend: Backend, rounds: int, what: str) -> Table:
    limit = [sum(pair) for pair in zip(figures[FORWARD], figures[DECODE], strict=True)]
    rows = {FORWARD: figures[FORWARD], DECODE: figures[DECODE], LIMIT: limit}
    if READ in figures:
        figures = figures | {RUN_LIMIT: [sum(pair) for pair in zip(limit, figures[READ], strict=True)]}
    title = f"{backend.name}, {backend.precision}: ms of {what} per frame, {rounds} rounds"
    return ratio_table(
        title, rows | figures, LIMIT, lambda own, least: least / own, head="limit / this", digits=(2, 3)
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
