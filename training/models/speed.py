"""How long models take, measured in turns, since other work on the computer comes and goes."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.detector.backends.torch import TorchBackend
from services.detector.heads.find import Head
from services.detector.letterbox import Letterbox
from training.trust import trusted

_ROUNDS, _WARM_UP = 20, 3


def forward_pass(
    weights: Path, pixels: NDArray[np.uint8], imgsz: int, heads: Sequence[Head] = ()
) -> Callable[[], object]:
    """One forward pass as the detector runs it on one picture, with the heads.

    Raises:
        ModelError: the weights cannot be loaded.
    """
    backend = TorchBackend(weights, heads=heads, trusted=trusted())
    height, width = pixels.shape[:2]
    letterbox = Letterbox.fit(width, height, imgsz, backend.stride)
    batch = letterbox.placed(pixels)[None]
    inner = [letterbox.inner] if heads else None
    return lambda: backend.forward(batch, inner=inner)


def in_turns(passes: Sequence[Callable[[], object]]) -> list[float]:
    """Milliseconds of each: lower quartiles of some turns, since other work only ever adds."""
    for one in passes:
        for _ in range(_WARM_UP):
            one()
    times = np.empty((_ROUNDS, len(passes)))
    for turn in range(_ROUNDS):
        order = range(len(passes)) if turn % 2 else reversed(range(len(passes)))
        for index in order:
            begun = time.perf_counter()
            passes[index]()
            times[turn, index] = (time.perf_counter() - begun) * 1000
    return [float(value) for value in np.quantile(times, 0.25, axis=0)]
