"""What the heads cost: the forward pass with and without them, on the same frames, in turns.

Each pass ends with its boxes, and with heads also with their answers: the whole of what a worker waits for. It runs on
one thread, as on each of a worker's cores, and CPU time is counted: what else the machine does stays out.
"""

import argparse
import time
from itertools import count

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from services.detector.backends.torch import TorchBackend
from services.detector.heads.find import find_heads
from services.detector.stage import Decoded, DetectorStage
from services.detector.weights import find_weights
from services.producer import read_once
from shared.exceptions import ConfigError
from shared.settings import load_settings
from training.bench.pipeline import highway
from training.bench.ratios import ratio_table
from training.report import wide_console

_FRAMES = 60
# Frames/s of a camera, by default; the settings ask the heads once a second.
_RATE = 10
_EVERY = (0, _RATE, 1)


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print its table; exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m training.bench.heads", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="turns of each contestant")
    parser.add_argument("--batch", type=int, default=3)
    options = parser.parse_args(arguments)
    try:
        table = measure(options.rounds, options.batch)
    except ConfigError as error:
        wide_console().print(f"heads: not measured: {error}", highlight=False)
        return 0
    wide_console().print(table)
    return 0


def measure(rounds: int, batch: int) -> Table:
    """Time the passes in turns, with the heads that the settings name, else all that are here.

    Raises:
        ConfigError: there are none.
        InputError: the highway clip is not there.
    """
    settings = load_settings()
    heads = find_heads(settings.heads or "auto", settings.models)
    backend = TorchBackend(find_weights(settings.model, settings.models), threads=1, heads=heads)
    if not backend.heads:
        raise ConfigError("no heads fit the model; put some into models/heads or set WAYSIDE_HEADS")
    _, camera = highway()
    stage = DetectorStage(backend)
    decoded = [stage.decode(frame) for frame in read_once(camera)][:_FRAMES]
    stage.close()
    groups = [decoded[at : at + batch] for at in range(0, len(decoded), batch)]
    batches = [np.stack([item.picture for item in group]) for group in groups]
    for every in _EVERY:
        _pass(backend, batches, groups, every)  # warm-up
    times: dict[int, list[float]] = {every: [] for every in _EVERY}
    for number in range(rounds):
        for every in _EVERY if number % 2 else _EVERY[::-1]:
            times[every].append(_pass(backend, batches, groups, every))
    return _table(times, backend, batch, decoded[0].letterbox.shape)


def _pass(backend: TorchBackend, batches: list[NDArray[np.uint8]], groups: list[list[Decoded]], every: int) -> float:
    """CPU milliseconds per frame over all batches; the heads are asked on one frame in `every`, 0 for none."""
    start, seen = time.thread_time(), count()
    for pictures, group in zip(batches, groups, strict=True):
        inner = [item.letterbox.inner if every and next(seen) % every == 0 else None for item in group]
        backend.forward(pictures, inner=inner)
    return (time.thread_time() - start) * 1000 / sum(len(group) for group in groups)


def _table(times: dict[int, list[float]], backend: TorchBackend, batch: int, shape: tuple[int, int]) -> Table:
    where = f"{shape[1]}x{shape[0]} px, batch {batch}, {backend.device_name}, one thread"
    title = f"forward pass with its boxes, CPU ms per frame, {where}, {backend.precision}, {len(times[0])} rounds"
    plain = "without heads"
    names = ", ".join(backend.heads)
    measured = {
        plain: times[0],
        f"{names} once a second at {_RATE} frames/s": times[_RATE],
        f"{names} on every frame": times[1],
    }
    return ratio_table(title, measured, plain, lambda own, base: own / base, head="this / without heads", digits=(2, 3))


if __name__ == "__main__":
    raise SystemExit(main())
