"""Frames/s of `wayside run` in PyTorch against the raw model forward.

All use the same weights, input size, number of threads and clip, and take turns, so that a drift of the machine
meets each. The raw forward runs on prepared tensors; nothing else is in its time. It is timed on the model as
Ultralytics loads and fuses it (float32), and on Wayside's (channels last, oneDNN, its own precision): with every thread
on one batch, and with one single-threaded forward per core, as `wayside run` does it. All look once at each frame; the
row with a close-up looks twice, as Wayside does by default where lanes go far.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.table import Table
from torch import Tensor, nn
from ultralytics.models import YOLO

from services.detector.backends.torch import TorchBackend
from services.detector.process import tune_process
from services.detector.stage import DetectorStage
from services.detector.weights import find_weights
from services.local import run_pipeline
from services.outputs import RunOutputs
from services.producer import read_once
from shared.exceptions import InputError
from shared.site import Camera, Site
from shared.sitefile import load_site
from training.bench.ratios import ratio_table
from training.report import wide_console

_ROOT = Path(__file__).resolve().parents[2]
# Enough for a steady rate; the whole clip as tensors would take gigabytes.
_RAW_FRAMES = 200
SITE = _ROOT / "deploy" / "examples" / "highway.yaml"


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print its table; exit code 0."""
    parser = argparse.ArgumentParser(
        prog="python -m training.bench.pipeline", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contestant")
    parser.add_argument("--imgsz", type=int, default=640)
    options = parser.parse_args(arguments)
    table = measure(options.rounds, options.imgsz)
    wide_console().print(table)
    return 0


def measure(rounds: int, imgsz: int) -> Table:
    """Time the contestants in turns.

    Raises:
        InputError: the highway clip is not there.
    """
    site, camera = highway()
    weights = find_weights("yolo11n-coco")
    backend = TorchBackend(weights)
    stage = DetectorStage(backend, imgsz=imgsz)
    closer = DetectorStage(backend, imgsz=imgsz, cameras=[camera])
    pictures = [stage.decode(frame).picture for frame in read_once(camera)]
    single, triple = (_tensors(backend, pictures[:_RAW_FRAMES], batch) for batch in (1, 3))
    loaded: Any = YOLO(str(weights)).model
    as_loaded = loaded.fuse(verbose=False).eval().to(backend.device)
    plain = [tensor.float().contiguous() for tensor in single]
    contestants: dict[str, Callable[[], int]] = {
        "raw forward as loaded, batch 1": lambda: _raw_forward(as_loaded, plain),
        "raw forward, batch 1": lambda: _raw_forward(backend.network, single),
        "raw forward, batch 3": lambda: _raw_forward(backend.network, triple),
        "raw forward, one per core, batch 3": lambda: _raw_parallel(backend, triple),
        "wayside run": lambda: run_whole(site, camera, stage),
        "wayside run, with a close-up": lambda: run_whole(site, camera, closer),
    }
    threads = torch.get_num_threads()
    for contestant in contestants.values():
        contestant()  # warm-up: allocators, oneDNN primitives, file cache
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            torch.set_num_threads(threads)  # a contestant may have changed it
            start = time.perf_counter()
            frames = contestant()
            rates[name].append(frames / (time.perf_counter() - start))
    stage.close()
    closer.close()
    return _table(rates, rounds, f"{imgsz} px, Wayside in {backend.precision}", len(pictures))


def highway() -> tuple[Site, Camera]:
    """The site and camera of the highway clip; every frame of it is analysed: the highest rate that a site may ask for.

    Raises:
        InputError: the clip is not there.
    """
    site = load_site(SITE)
    camera = site.cameras[0].model_copy(update={"fps": 60.0})
    if not Path(camera.source).is_file():
        raise InputError(f"{camera.source}: the benchmark's clip is missing; it comes with the shared data folder")
    return site, camera


def _table(rates: dict[str, list[float]], rounds: int, how: str, frames: int) -> Table:
    return ratio_table(
        f"frames/s, {frames} frames of the highway clip, {how}, {rounds} rounds", rates, "wayside run",
        lambda own, ours: ours / own, head="wayside run / this", digits=(1, 2),
    )  # fmt: skip


def _tensors(backend: TorchBackend, pictures: list[NDArray[np.uint8]], batch: int) -> list[Tensor]:
    return [backend.prepare(np.stack(pictures[at : at + batch])).clone() for at in range(0, len(pictures), batch)]


def _raw_parallel(backend: TorchBackend, tensors: list[Tensor]) -> int:
    shares = [tensors[number :: backend.parallel] for number in range(backend.parallel)]
    with ThreadPoolExecutor(backend.parallel, initializer=backend.join_parallel) as pool:
        return sum(pool.map(lambda share: _raw_forward(backend.network, share), shares))


@torch.inference_mode()
def _raw_forward(network: nn.Module, tensors: list[Tensor]) -> int:
    for tensor in tensors:
        network(tensor)
    if tensors[0].is_cuda:
        torch.cuda.synchronize()
    return sum(len(tensor) for tensor in tensors)


def run_whole(site: Site, camera: Camera, stage: DetectorStage) -> int:
    """`wayside run` on one camera, results and all; frames analysed."""
    tune_process()
    with tempfile.TemporaryDirectory() as folder, RunOutputs(site, Path(folder)) as outputs:
        report = run_pipeline(site, [camera], stage, outputs)
    return sum(report.frames.values())


if __name__ == "__main__":
    raise SystemExit(main())
