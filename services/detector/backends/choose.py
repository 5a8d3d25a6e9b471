"""`WAYSIDE_BACKEND=auto`: what is fastest on this machine, measured once and then kept to."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from services.detector.backends.base import Backend
from services.detector.backends.cache import cache_folder, key_of, read_note, write_note
from services.detector.backends.load import EXPORTED, TENSORRT, Wanted, load, runner_of, tensorrt_version
from services.detector.backends.torch import pick_device
from shared.exceptions import ConfigError, ModelError
from shared.machine import processor
from shared.telemetry.logs import logger

AUTO = "auto"
TORCH = "torch"
_TURNS, _PASSES, _WARM_UP = 6, 3, 2
_SHAPE = (384, 640, 3)
# Another must be this much faster than one before it in this order to be taken instead: chance must not choose.
_ORDER, _WORTH = ("openvino", "onnx", TORCH), 1.1
_chosen: dict[str, str] = {}
_lock = threading.Lock()


def load_fitting(name: str, wanted: Wanted) -> Backend:
    """The backend of this name; with `auto` the one that is fastest on this machine and can run these weights.

    Raises:
        ModelError, ConfigError: see `load`; with `auto` only what torch cannot do either.
    """
    if name != AUTO:
        return load(name, wanted)
    picked = choose(wanted)
    try:
        return load(picked, wanted)
    except (ModelError, ConfigError) as error:
        if picked == TORCH:
            raise
        backend = load(TORCH, wanted)  # an error that is none of the export's is raised again here
        logger("detector").warning("torch runs this model", instead_of=picked, reason=str(error))
        return backend


def choose(wanted: Wanted) -> str:
    """The technology for this machine: measured with the first weights that ask, then the same for all.

    Which one is fastest depends on the processor far more than on the weights; and a frame's boxes differ in the last
    digits by technology, so the choice must not waver.
    """
    if pick_device(wanted.device).type != "cpu":
        return TORCH
    key = _machine_key(wanted.precision, wanted.threads)
    with _lock:
        if key not in _chosen:
            _chosen[key] = _kept(key) or _measured(key, wanted)
        return _chosen[key]


def what_runs(name: str, device: str, precision: str, threads: int | None) -> str:
    """For a person: what a backend's name means here; nothing is loaded.

    Raises:
        ConfigError: its packages are not installed.
    """
    if name == AUTO and pick_device(device).type == "cpu":
        note = read_note(_note(_machine_key(precision, threads)))
        if note is None:
            return "not measured yet"
        times = ", ".join(f"{key} {ms}" for key, ms in note["cpu_ms_per_picture"].items())
        return f"{note['backend']} (CPU ms per picture: {times})"
    name = TORCH if name == AUTO else name
    if name == TENSORRT:
        return f"onnxruntime {tensorrt_version(device)}"
    if name != TORCH:
        runner_of(name)
    return f"{name} {_version('onnxruntime' if name == 'onnx' else name)}"


def _note(key: str) -> Path:
    return cache_folder() / f"chosen-{key}.json"


def _machine_key(precision: str, threads: int | None) -> str:
    """What a choice holds for: processor, packages, precision and threads."""
    packages = [f"{name} {_version(name)}" for name in ("torch", "openvino", "onnxruntime", "onnx")]
    return key_of(processor(), packages, precision, threads)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _kept(key: str) -> str | None:
    note = read_note(_note(key))
    chosen = note.get("backend") if note else None
    return chosen if chosen in _ORDER else None


def _measured(key: str, wanted: Wanted) -> str:
    log = logger("detector")
    backends: dict[str, Backend] = {}
    for name in (*EXPORTED, TORCH):
        try:
            backends[name] = load(name, replace(wanted, heads=()))
        except (ModelError, ConfigError) as error:
            log.info("backend left out", backend=name, reason=str(error))
    if not backends:
        return TORCH  # whose own error says what is wrong
    times = measure(backends)
    picked = pick(times)
    shown = {name: round(ms, 1) for name, ms in times.items()}
    log.info("backend chosen for this machine", backend=picked, cpu_ms_per_picture=shown)
    try:
        write_note(_note(key), {"backend": picked, "cpu_ms_per_picture": shown})
    except ModelError as error:
        log.warning("the choice is measured again next time", reason=str(error))
    return picked


def pick(times: Mapping[str, float]) -> str:
    """The first in order that no other beats by much.

    Example:
        >>> pick({"torch": 20.0, "openvino": 21.0}), pick({"torch": 20.0, "openvino": 30.0})
        ('openvino', 'torch')
    """
    fastest = min(times.values())
    return next(name for name in _ORDER if name in times and times[name] <= fastest * _WORTH)


def measure(backends: Mapping[str, Backend]) -> dict[str, float]:
    """Milliseconds of CPU per picture, in turns; the least of several: other work on the machine only ever adds.

    CPU time and not the clock's: a worker that starts beside others would measure them.
    """
    picture = np.random.default_rng(0).integers(0, 256, (1, *_SHAPE), np.uint8)
    best = dict.fromkeys(backends, float("inf"))
    for turn in range(_TURNS):
        for name, backend in backends.items():
            with ThreadPoolExecutor(1, initializer=backend.join_parallel) as thread:
                passes = _WARM_UP if turn == 0 else _PASSES
                seconds = thread.submit(_cpu_seconds, lambda: backend.forward(picture), passes).result()  # noqa: B023
            if turn:
                best[name] = min(best[name], seconds * 1000)
    return best


def _cpu_seconds(forward: Callable[[], object], passes: int) -> float:
    begun = time.process_time()
    for _ in range(passes):
        forward()
    return (time.process_time() - begun) / passes
