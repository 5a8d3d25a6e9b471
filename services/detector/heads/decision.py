"""What a head decides from its probabilities: the same in the detector, in a training's figures and in a promotion."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def decided(probabilities: NDArray[np.floating[Any]], threshold: float) -> NDArray[np.int64]:
    """The class of each answer: the first, normal, unless all others together reach the threshold; then the most
    probable of the others, also where the normal state alone is more probable than it.

    Args:
        probabilities: (…, K), which sum to 1 over the last axis.
        threshold: 0..1.

    Returns:
        (…) indices of classes.

    Example:
        >>> decided(np.array([[0.4, 0.35, 0.25], [0.6, 0.1, 0.3]]), 0.5)
        array([1, 0])
    """
    wrong = 1 - probabilities[..., 0] >= threshold
    return np.where(wrong, 1 + probabilities[..., 1:].argmax(-1), 0)
