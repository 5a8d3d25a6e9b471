"""What the memory of the empty road and the camera's health cost, beside the forward pass that finds the boxes.

    python -m training.bench.watching [--rounds N] [--batch N]

CPU time of one thread, as a worker uses one per core, on the highway clip at 10 frames/s with its lanes; in turns. The
memory is asked as often as the settings say, and on every frame.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace

from rich.table import Table

from services.detector.backends.torch import TorchBackend
from services.detector.health import HealthWatch
from services.detector.memory.keeper import Memories
from services.detector.stage import Decoded, DetectorStage
from services.detector.weights import find_weights
from services.producer import read_once
from shared.clock import NS
from shared.settings import load_settings
from shared.site import Camera
from training.bench.pipeline import highway
from training.bench.ratios import ratio_table
from training.report import wide_console

_FRAMES, _RATE = 120, 10
_PLAIN = "boxes alone"


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print its table; exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m training.bench.watching", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="turns of each contestant")
    parser.add_argument("--batch", type=int, default=3)
    options = parser.parse_args(arguments)
    wide_console().print(measure(options.rounds, options.batch))
    return 0


def measure(rounds: int, batch: int) -> Table:
    """Time the passes in turns.

    Raises:
        InputError: the highway clip is not there.
    """
    settings = load_settings()
    backend = TorchBackend(find_weights(settings.model, settings.models))
    backend.join_parallel()
    _, whole = highway()
    camera = whole.model_copy(update={"fps": float(_RATE), "closeups": 0})
    asked = {
        _PLAIN: 0.0,
        f"with memory and health, memory every {settings.memory_every_s:g} s": settings.memory_every_s,
        "with memory and health, memory on every frame": 1 / _RATE,
    }
    stages = {
        name: DetectorStage(backend, cameras=[camera], decode_threads=1, memory_every_s=every)
        for name, every in asked.items()
    }
    first = stages[_PLAIN]
    frames = [replace(frame, captured_at=number * NS // _RATE) for number, frame in enumerate(read_once(whole))]
    decoded = [first.decode(frame) for frame in frames[:_FRAMES]]
    times: dict[str, list[float]] = {name: [] for name in stages}
    for number in range(rounds + 1):
        for name, stage in list(stages.items())[:: 1 if number % 2 else -1]:
            took = _pass(stage, camera, decoded, batch, watching=name != _PLAIN)
            if number:  # the first turn warms up
                times[name].append(took)
    for stage in stages.values():
        stage.close()
    title = f"ms of CPU per frame, batch {batch}, one thread, {backend.precision}, {rounds} rounds"
    return ratio_table(title, times, _PLAIN, lambda own, base: own / base, head="this / boxes alone", digits=(2, 3))


def _pass(stage: DetectorStage, camera: Camera, decoded: Sequence[Decoded], batch: int, *, watching: bool) -> float:
    """Milliseconds of CPU per frame."""
    health, memories = HealthWatch([camera]), Memories()
    start = time.thread_time()
    for at in range(0, len(decoded), batch):
        group = decoded[at : at + batch]
        for item, found in zip(group, stage.see(group), strict=True):
            if watching:
                health.see(item, found, stage.backend.labels)
                memories.see(item, found, stage)
    return (time.thread_time() - start) * 1000 / len(decoded)


if __name__ == "__main__":
    raise SystemExit(main())
