"""What runs the model: frames/s and CPU of its forward pass and of `wayside run`, per backend, in turns.

The forward is a worker's: pictures in, boxes out, one single-threaded pass per core. CPU per frame is what a camera
costs, and hardly moves when other work shares the machine; frames/s do. With --data also what each loses in accuracy.
"""

import argparse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.detector.backends.agreement import own_pictures
from services.detector.backends.base import Backend
from services.detector.backends.load import Wanted, load
from services.detector.memory.descriptors import LAYERS
from services.detector.stage import DetectorStage
from services.detector.weights import find_weights
from services.producer import read_once
from training.bench.pipeline import highway, run_whole
from training.bench.ratios import Turns, ratio_table
from training.models.export import compared, labelled, make_int8, table
from training.report import wide_console

_NAMES = ("torch", "onnx", "openvino")
Backends = dict[str, Backend]
"""By name and precision; the first is what the others are compared with."""
Contestants = dict[str, Callable[[], int]]


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print its tables; exit code 0."""
    parser = argparse.ArgumentParser(
        prog="python -m training.bench.backends", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contestant")
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--frames", type=int, default=150, help="of the clip, for the forward pass alone")
    parser.add_argument("--model", default="yolo11n-coco")
    parser.add_argument("--precision", default="auto", help="of all but int8")
    parser.add_argument("--parts", default="forward,run", help="of forward and run, with commas between")
    parser.add_argument("--calibrate", type=Path, help="pictures to make int8 with; it then takes part as well")
    parser.add_argument("--data", type=Path, action="append", default=[], help="labelled pictures, for mAP")
    options = parser.parse_args(arguments)
    wanted = Wanted(find_weights(options.model), device="cpu", precision=options.precision, layers=LAYERS)
    loaded = [load(name, wanted) for name in _NAMES]
    if options.calibrate is not None:
        make_int8(wanted, options.calibrate, options.imgsz)
        loaded.append(load("openvino", replace(wanted, precision="int8")))
    backends = {f"{backend.name}, {backend.precision}": backend for backend in loaded}
    for name, contestants in _contests(backends, options.imgsz, options.frames).items():
        if any(part in name for part in options.parts.split(",")):
            _tell(name, contestants, options.rounds)
    if options.data:
        console = wide_console()
        rows = compared(_NAMES[1:], wanted, options.imgsz, own_pictures(), labelled(options.data, wanted, console))
        console.print(table(rows, options.model, options.imgsz))
    return 0


def _contests(backends: Backends, imgsz: int, frames: int) -> dict[str, Contestants]:
    """What is compared with each other, by what it is; each contestant's name begins with its backend's."""
    site, camera = highway()
    stages = {name: DetectorStage(backend, imgsz=imgsz) for name, backend in backends.items()}
    decoded = (next(iter(stages.values())).decode(frame) for frame in read_once(camera))
    pictures = [item.picture for item, _ in zip(decoded, range(frames), strict=False)]
    contests: dict[str, Contestants] = {
        f"forward, batch {batch}, one per core": {
            name: lambda backend=backend, batch=batch: _forward(backend, pictures, batch)  # type: ignore[misc]
            for name, backend in backends.items()
        }
        for batch in (1, 3)
    }
    contests["wayside run"] = {
        name: lambda stage=stage: run_whole(site, camera, stage)  # type: ignore[misc]
        for name, stage in stages.items()
    }
    return contests


def _forward(backend: Backend, pictures: list[NDArray[np.uint8]], batch: int) -> int:
    batches = [np.stack(pictures[at : at + batch]) for at in range(0, len(pictures), batch)]
    with ThreadPoolExecutor(backend.parallel, initializer=backend.join_parallel) as pool:
        return sum(len(output.boxes) for output in pool.map(backend.forward, batches))


def _tell(what: str, contestants: Contestants, rounds: int) -> None:
    turns = Turns()
    for contestant in contestants.values():
        contestant()  # warm-up: graphs compiled for the shape, allocators, file cache
    for _ in range(rounds):
        for name, contestant in contestants.items():
            turns.take(name, contestant)
    rates = {name: [1000 / ms for ms in own] for name, own in turns.wall.items()}
    console, base = wide_console(), next(iter(contestants))
    what = f"{what}, onnxruntime {version('onnxruntime')}, openvino {version('openvino')}"
    console.print(
        ratio_table(
            f"{what}: frames/s, {rounds} rounds", rates, base, lambda own, torch: own / torch, head="this / torch",
            digits=(1, 2),
        )
    )  # fmt: skip
    console.print(
        ratio_table(
            f"{what}: CPU ms per frame, {rounds} rounds", turns.cpu, base, lambda own, torch: torch / own,
            head="torch / this", digits=(1, 2),
        )
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
