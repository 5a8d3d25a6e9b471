"""Which scenes with a learned memory a benchmark shows, as its command line says it."""

import argparse
from collections.abc import Iterator

from services.detector.backends.base import Backend
from services.detector.backends.load import EXPORTED, Wanted, load
from services.detector.memory.descriptors import LAYERS
from services.detector.weights import find_weights
from shared.settings import load_settings
from training.bench.detections import PASS
from training.bench.learned import Request, Seen, see_all
from training.bench.learned_scenes import Kind
from training.bench.machine import describe
from training.scenes.scene import FPS, Scene


def add_options(parser: argparse.ArgumentParser, *, scenes: int, quiet: int) -> None:
    """`scenes` and `quiet` are how many of the kinds `later` and `quiet` are shown by default."""
    parser.add_argument("--split", choices=("dev", "test"), default="test")
    parser.add_argument("--scenes", type=int, default=scenes)
    parser.add_argument("--first", type=int, default=0, help="seed of the first scene of each kind")
    parser.add_argument("--quiet", type=int, default=quiet, help="scenes of four minutes without a thing")
    parser.add_argument("--details", action="store_true", help="list what was missed, and false alarms")
    add_backend(parser)


def add_backend(parser: argparse.ArgumentParser) -> None:
    """`backend_of` reads it."""
    parser.add_argument("--backend", default="torch", choices=("torch", *EXPORTED), help="what runs the model")


def backend_of(options: argparse.Namespace) -> Backend:
    """The model of the settings, as the command line wants it run."""
    weights = find_weights(load_settings().model)
    return load(options.backend, Wanted(weights, layers=LAYERS, batch=PASS))


def scenes_of(options: argparse.Namespace, backend: Backend) -> Iterator[tuple[Scene, Seen]]:
    """The scenes as the detector and the memory see them."""
    counts: dict[Kind, int] = {"later": options.scenes, "quiet": options.quiet}
    requests: list[Request] = [
        (options.split, kind, options.first + number) for kind, count in counts.items() for number in range(count)
    ]
    return see_all(backend, requests)


def headline(options: argparse.Namespace, backend: Backend) -> str:
    """What was shown to what, on what."""
    shown = f"{options.scenes} + {options.quiet} scenes from seed {options.first}"
    return f"Split {options.split}, {shown}, {told(backend)}, {FPS} frames/s. {describe()}\n"


def told(backend: Backend) -> str:
    """What looked, for a headline."""
    return f"{backend.version} by {backend.name} in {backend.precision} at {load_settings().imgsz} px"
