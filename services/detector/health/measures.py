"""What one picture says of itself: brightness, contrast, sharpness, share of clipped pixels, and what changed."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from services.detector.health.field import Field, Grey, field_of

# Longer side of the picture that sharpness is measured on; the view is registered at half of it. All measures are
# made at these sizes, so that they do not depend on the size of the model's input.
_FINE, _COARSE = 320, 160
# Cameras write their name and time along the upper and lower edge, also over a black picture.
_CAPTION = 0.1
# A pixel counts as clipped from here on, and a picture's brightest parts as dark below.
_CLIPPED = 0.97 * 255
# The strongest edges: a twentieth of the pixels. Noise is far weaker, so that they tell how sharp the optics is.
_EDGES = 20
_HIGHLIGHTS = 50
# Blocks in which change is measured, pixels of the sampled picture.
_BLOCK = 8


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """One measured picture.

    Attributes:
        brightness: mean grey level, 0..1.
        contrast: standard deviation of the grey levels, 0..1.
        highlight: grey level that all but 2 in 100 pixels stay below, without captions, 0..1.
        clipped: share of white pixels.
        edge: mean gradient of the strongest edges, grey levels per pixel.
        sharpness: how much of these edges' strength is left at the finest scale; no matter how strong they are.
        field: edge directions, see `field`.
        grey: (H, W) float32 the registered picture, 0..255.
        sample: (H, W) float32 single pixels of one channel: noise is not averaged away in them.
    """

    brightness: float
    contrast: float
    highlight: float
    clipped: float
    edge: float
    sharpness: float
    field: Field
    grey: Grey
    sample: Grey


def measure(picture: NDArray[np.uint8]) -> Measures:
    """Measure an (H, W, 3) uint8 RGB picture of any size."""
    green = np.asarray(cv2.extractChannel(picture, 1), np.uint8)
    height, width = green.shape
    fine = _scaled(green, _FINE)
    grey = _scaled(fine, _COARSE)
    caption = max(1, round(_CAPTION * grey.shape[0]))
    quarter = _scaled(grey, _COARSE // 2)
    edge, coarsest = _strongest(fine), _strongest(quarter)
    step = max(1, round(max(height, width) / _COARSE))
    mean, deviation = cv2.meanStdDev(grey)
    return Measures(
        brightness=float(mean[0, 0]) / 255,
        contrast=float(deviation[0, 0]) / 255,
        highlight=_highest(grey[caption:-caption], _HIGHLIGHTS)[0] / 255,
        clipped=float(np.count_nonzero(grey >= _CLIPPED) / grey.size),
        edge=coarsest,
        sharpness=edge / max(coarsest, 1e-3),
        field=field_of(grey),
        grey=grey,
        sample=green[::step, ::step].astype(np.float32),
    )


def changes(before: Grey, after: Grey) -> NDArray[np.float32]:
    """Mean absolute difference of two samples per block, grey levels."""
    height, width = before.shape
    blocks = max(1, width // _BLOCK), max(1, height // _BLOCK)
    return np.asarray(cv2.resize(cv2.absdiff(before, after), blocks, interpolation=cv2.INTER_AREA), np.float32)


def _scaled(grey: NDArray[np.uint8] | Grey, longer: int) -> Grey:
    height, width = grey.shape
    scale = longer / max(height, width)
    size = max(8, round(width * scale)), max(8, round(height * scale))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.float32)


def _strongest(grey: Grey) -> float:
    """Mean gradient of the strongest twentieth of the pixels, grey levels per pixel."""
    gx = cv2.Scharr(grey, cv2.CV_32F, 1, 0, scale=1 / 16)
    gy = cv2.Scharr(grey, cv2.CV_32F, 0, 1, scale=1 / 16)
    # Every fourth pixel is enough for a mean over so many.
    every = 2 if grey.size > _COARSE * _COARSE else 1
    length = np.asarray(cv2.magnitude(gx[::every, ::every], gy[::every, ::every]), np.float32)
    return _highest(length, _EDGES)[1]


def _highest(values: Grey, part: int) -> tuple[float, float]:
    """The least of the highest `1 / part` of the values, and their mean."""
    count = max(1, values.size // part)
    highest = np.partition(values.ravel(), -count)[-count:]
    return float(highest.min()), float(highest.mean())
