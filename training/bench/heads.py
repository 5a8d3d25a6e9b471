"""What the heads cost: the forward pass with and without them, on the same frames, in turns.

Each pass ends with its boxes, and with heads also with their answers: the whole of what a worker waits for.
"""

import argparse
import time

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

_FRAMES = 48


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
    backend = TorchBackend(find_weights(settings.model, settings.models), heads=heads)
    if not backend.heads:
        raise ConfigError("no heads fit the model; put some into models/heads or set WAYSIDE_HEADS")
    _, camera = highway()
    stage = DetectorStage(backend)
    decoded = [stage.decode(frame) for frame in read_once(camera)][:_FRAMES]
    stage.close()
    groups = [decoded[at : at + batch] for at in range(0, len(decoded), batch)]
    batches = [np.stack([item.picture for item in group]) for group in groups]
    for asked in (False, True):
        _pass(backend, batches, groups, asked)  # warm-up
    times: dict[bool, list[float]] = {False: [], True: []}
    for number in range(rounds):
        for asked in (False, True) if number % 2 else (True, False):
            times[asked].append(_pass(backend, batches, groups, asked))
    return _table(times, backend, batch, decoded[0].letterbox.shape)


def _pass(backend: TorchBackend, batches: list[NDArray[np.uint8]], groups: list[list[Decoded]], asked: bool) -> float:
    """Milliseconds per frame over all batches."""
    start = time.perf_counter()
    for pictures, group in zip(batches, groups, strict=True):
        backend.forward(pictures, inner=[item.letterbox.inner for item in group] if asked else None)
    return (time.perf_counter() - start) * 1000 / sum(len(group) for group in groups)


def _table(times: dict[bool, list[float]], backend: TorchBackend, batch: int, shape: tuple[int, int]) -> Table:
    where = f"{shape[1]}x{shape[0]} px, batch {batch}, {backend.device_name}, {backend.parallel} threads"
    title = f"forward pass with its boxes, ms per frame, {where}, {backend.precision}, {len(times[True])} rounds"
    plain = "without heads"
    measured = {plain: times[False], f"with {', '.join(backend.heads)}": times[True]}
    return ratio_table(title, measured, plain, lambda own, base: own / base, head="this / without heads", digits=(2, 3))


if __name__ == "__main__":
    raise SystemExit(main())
