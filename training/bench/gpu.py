"""`make bench-gpu`: what one GPU carries: the raw pass, workers that share it, latency, and decoding on CPU and GPU.

    python -m training.bench.gpu [--models n,s,m] [--sizes 640,960] [--workers 1,4,8] [--seconds N] [--compile]

The passes have the sizes of YOLO11; only YOLO11n has trained weights here, the others draw theirs at random and so find
nothing: their pass takes as long, the little work with boxes is left out.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torchvision.io import ImageReadMode, decode_jpeg
from ultralytics.models import YOLO

from services.detector.backends.agreement import as_input, compare, own_pictures
from services.detector.backends.base import Backend
from services.detector.backends.cuda import CudaBackend, RecordedPass
from services.detector.backends.load import TENSORRT, Wanted, load, load_torch
from services.detector.memory.descriptors import LAYERS
from services.detector.stage import DetectorStage
from services.detector.weights import find_weights
from services.producer import read_once
from shared.exceptions import WaysideError
from shared.settings import MEMORY_EVERY_S
from training.bench.gpu_crew import BATCH, Crew, Job, wanted
from training.bench.machine import describe
from training.bench.pipeline import highway
from training.report import wide_console

_LOADS = (0.25, 0.5, 0.75, 0.9)
_FPS = 10
"""Of a camera, for the number of cameras."""


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print its tables; exit code 2 where there is no GPU."""
    parser = argparse.ArgumentParser(
        prog="python -m training.bench.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default="n,s,m", help="sizes of YOLO11")
    parser.add_argument("--sizes", default="640,960", help="longer side of the input, pixels")
    parser.add_argument("--workers", default="1,4,8", help="processes that share the GPU")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--compile", action="store_true", help="with WAYSIDE_COMPILE, a minute more per model and size")
    options = parser.parse_args(arguments)
    if not torch.cuda.is_available():
        print("bench-gpu: PyTorch finds no CUDA device here; run it on a machine with an NVIDIA GPU", file=sys.stderr)
        return 2
    sizes, workers = ([int(item) for item in text.split(",")] for text in (options.sizes, options.workers))
    console = wide_console()
    with tempfile.TemporaryDirectory() as folder, Crew(max(workers)) as crew:
        models = {name: _weights(name, Path(folder)) for name in options.models.split(",")}
        jobs = [
            Job(weights, imgsz, max(workers), options.seconds, compiled=options.compile)
            for weights in models.values()
            for imgsz in sizes
        ]
        console.print(_capacity(crew, jobs, workers, console))
        console.print(_technologies(jobs))
        console.print(_latency(crew, jobs[0]))
        console.print(_decoding(sizes, options.seconds))
        console.print(_accuracy())
    return 0


def _weights(name: str, folder: Path) -> Path:
    """Trained where we have them, else drawn at random."""
    if name == "n":
        return find_weights("yolo11n-coco")
    path = folder / f"yolo11{name}.pt"
    YOLO(f"yolo11{name}.yaml").save(path)
    return path


def _capacity(crew: Crew, jobs: Sequence[Job], workers: Sequence[int], console: Console) -> Table:
    """Frames/s of pass and workers, per model and size."""
    table = Table(title=f"frames/s, batches of {BATCH}, float16; 720p JPEG to detections", caption=describe())
    ours = [f"{count} workers" if count > 1 else "1 worker" for count in workers]
    memory = f"{max(workers)} with memory"
    how = "compiled" if jobs[0].compiled else "recorded"
    columns = ["eager pass", f"{how} pass", "pictures to boxes", *ours, memory, "best / eager", f"best / {how}"]
    for column in ("model", "px", *columns, f"cameras at {_FPS}/s"):
        table.add_column(column, justify="right")
    for job in jobs:
        backend = load_torch(wanted(job))
        assert isinstance(backend, CudaBackend)
        batch = _pictures(backend, job.imgsz)
        tensor = backend.prepare(batch)
        eager = _rate(lambda run=backend.network, x=tensor: run(x), job.seconds)  # type: ignore[misc]
        passed, whole = _recorded(backend, batch, job.seconds), _threads(backend, batch, job.seconds)
        rates = [crew.rate(replace(job, active=count)) for count in workers]
        remembered, best = crew.rate(replace(job, memory_every_s=MEMORY_EVERY_S)), max(rates)
        row = [
            job.weights.stem,
            str(job.imgsz),
            *(f"{rate:.0f}" for rate in (eager, passed, whole, *rates, remembered)),
        ]
        row += [f"{best / eager:.2f}", f"{best / passed:.2f}", str(int(best / _FPS))]
        table.add_row(*row)
        console.print(" ".join(row), highlight=False)  # what is there if a later one fails
    return table


def _technologies(jobs: Sequence[Job]) -> Table:
    """Frames/s from pictures to boxes of PyTorch and of TensorRT, where that is installed."""
    table = Table(title=f"frames/s from pictures to boxes, batches of {BATCH}, float16")
    for column in ("model", "px", "torch", "tensorrt", "tensorrt / torch"):
        table.add_column(column, justify="right")
    for job in jobs:
        torch_backend = load_torch(wanted(job))
        batch = _pictures(torch_backend, job.imgsz)
        row = [job.weights.stem, str(job.imgsz), f"{(plain := _threads(torch_backend, batch, job.seconds)):.0f}"]
        try:
            other = _threads(load(TENSORRT, wanted(job)), batch, job.seconds)
            table.add_row(*row, f"{other:.0f}", f"{other / plain:.2f}")
        except WaysideError as error:
            table.add_row(*row, str(error), "-")
    return table


def _pictures(backend: Backend, imgsz: int) -> np.ndarray:
    """A batch of the clip's frames as the model sees them."""
    stage = DetectorStage(backend, imgsz=imgsz)
    decoded = [stage.decode(frame) for frame in islice(read_once(highway()[1]), BATCH)]
    stage.close()
    return np.stack([item.picture for item in decoded])


@torch.inference_mode()
def _rate(run: Callable[[], object], seconds: float) -> float:
    """Frames/s of what sees one batch per call on the current stream."""
    for _ in range(10):
        run()
    torch.cuda.synchronize()
    begun, done = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        for _ in range(5):
            run()
        torch.cuda.synchronize()
        done += 5 * BATCH
    return done / (time.perf_counter() - begun)


@torch.inference_mode()
def _recorded(backend: CudaBackend, batch: np.ndarray, seconds: float) -> float:
    with torch.cuda.stream(torch.cuda.Stream()):  # type: ignore[no-untyped-call]
        played = RecordedPass(backend, batch.shape)
        return _rate(played.replay, seconds)


def _threads(backend: Backend, batch: np.ndarray, seconds: float) -> float:
    """`Backend.forward` on its threads: pictures there, boxes back."""
    until = 0.0

    def one(_: int) -> int:
        done = 0
        while time.perf_counter() < until:
            done += len(backend.forward(batch).boxes)
        return done

    with ThreadPoolExecutor(backend.parallel, initializer=backend.join_parallel) as pool:
        list(pool.map(lambda _: backend.forward(batch), range(backend.parallel)))  # each thread prepares its pass
        until = time.perf_counter() + 2.0
        list(pool.map(one, range(backend.parallel)))
        begun = time.perf_counter()
        until = begun + seconds
        return sum(pool.map(one, range(backend.parallel))) / (time.perf_counter() - begun)


def _latency(crew: Crew, job: Job) -> Table:
    """From a frame's arrival at a worker to its detections, by load."""
    capacity = crew.rate(job)
    table = Table(title=f"ms from arrival to detections, {job.weights.stem} at {job.imgsz} px, {job.active} workers")
    for column in ("load", "frames/s", "p50", "p95", "p99"):
        table.add_column(column, justify="right")
    for share in _LOADS:
        rate = share * capacity
        results = crew.run(replace(job, rate=rate))
        delays = 1000 * np.concatenate([result.delays for result in results])
        table.add_row(f"{share:.0%}", f"{rate:.0f}", *(f"{np.percentile(delays, p):.0f}" for p in (50, 95, 99)))
    return table


def _decoding(sizes: Sequence[int], seconds: float) -> Table:
    """720p JPEG: on all cores at the model's scale, and whole on the GPU's own decoder."""
    frames = [frame.jpeg for frame in islice(read_once(highway()[1]), BATCH)]
    raw = [torch.frombuffer(bytearray(jpeg), dtype=torch.uint8) for jpeg in frames]
    table = Table(title=f"decoding 720p JPEG, frames/s, {len(os.sched_getaffinity(0))} cores")
    table.add_column("where")
    table.add_column("frames/s", justify="right")
    backend = load_torch(Wanted(find_weights("yolo11n-coco"), device="cuda"))
    cores = len(os.sched_getaffinity(0))
    for imgsz in sizes:
        stage = DetectorStage(backend, imgsz=imgsz, decode_threads=cores)
        batch = list(islice(read_once(highway()[1]), BATCH)) * 4
        rate = 4 * _rate(lambda s=stage, b=batch: s.decode_all(b), seconds)  # type: ignore[misc]
        table.add_row(f"CPU, at {imgsz} px, into the model's input", f"{rate:.0f}")
        stage.close()
    try:
        rate = _rate(lambda: decode_jpeg(raw, ImageReadMode.RGB, device="cuda"), seconds)
        table.add_row("GPU (nvJPEG), whole, not yet scaled", f"{rate:.0f}")
    except RuntimeError as error:
        table.add_row(f"GPU (nvJPEG): {str(error).splitlines()[0]}", "-")
    return table


def _accuracy() -> Table:
    """What float16 on the GPU loses."""
    weights = find_weights("yolo11n-coco")
    exact = load_torch(Wanted(weights, device="cpu"), "float32")
    ours = load_torch(Wanted(weights, device="cuda"))
    pictures = [as_input(path, 640, ours.stride) for path in own_pictures()]
    agreement = compare(exact, ours, pictures, LAYERS)
    table = Table(title="float16 on the GPU beside float32 on the CPU")
    table.add_column("what")
    table.add_column("figure", justify="right")
    for key, value in agreement.as_dict().items():
        table.add_row(key, f"{value:.5f}" if isinstance(value, float) else str(value))
    return table


if __name__ == "__main__":
    try:
        sys.exit(main())
    except WaysideError as error:
        sys.exit(f"bench-gpu: {error}")
