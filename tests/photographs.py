"""Inputs of the model from the photographs that are always there."""

import numpy as np
from numpy.typing import NDArray

from services.detector.backends.agreement import as_input, own_pictures


def own_cuts(count: int, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """(count, H, W, 3): different cuts of a street and of people, of one (H, W)."""
    sources = [as_input(path, 640, 32) for path in own_pictures()]
    random = np.random.default_rng(3)
    cuts = np.full((count, *shape, 3), 114, np.uint8)
    for number, cut in enumerate(cuts):
        source = sources[number % len(sources)]
        y, x = (
            int(random.integers(0, side - least + 1)) for side, least in zip(source.shape[:2], (96, 96), strict=True)
        )
        part = source[y : y + shape[0], x : x + shape[1]]
        cut[: part.shape[0], : part.shape[1]] = part
    return cuts
