"""Bad visibility, made from clear pictures: fog and smoke, rain, darkness, a dirty or blurred lens.

Each function takes and gives (H, W, 3) float32 RGB 0..1 of the display (gamma encoded), the longer side about 640 px,
and draws its strength from a continuous range. What would be so mild that people call it clear is not drawn: training
has a gap there, and such pictures get an answer on either side.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
_GAMMA = 2.2


def fog_or_smoke(picture: Image, rng: np.random.Generator) -> Image:
    """Atmospheric scattering: J·t + A·(1 - t) with t = exp(-β·depth) (Koschmieder 1924), fog or a plume of smoke.

    Fog grows with distance, which grows towards a horizon; smoke is a turbulent cloud at a random place, grey to
    dark. At least a third of the light of the fog's densest quarter, or of the plume's middle, is scattered.
    """
    height, width = picture.shape[:2]
    patches = turbulence(height, width, rng)
    if rng.random() < 0.6:
        horizon = rng.uniform(0.05, 0.5)
        below = np.maximum(np.linspace(0, 1, height) - horizon, 0) / (1 - horizon)
        depth = np.repeat((1 / (1 + 6 * below))[:, None], width, 1)
        density = rng.uniform(0.6, 3.5) * depth * (1 + rng.uniform(0, 0.6) * (patches - 0.5))
        light = rng.uniform(0.6, 0.95) + rng.uniform(-0.02, 0.02, 3)
    else:
        rows, columns = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
        y, x = rng.uniform(0.2, 0.8), rng.uniform(0.1, 0.9)
        reach = (rng.uniform(0.18, 0.6), rng.uniform(0.18, 0.6))
        away = np.hypot((rows - y) / reach[0], (columns - x) / reach[1]) + 1.6 * (patches - 0.5)
        density = rng.uniform(1.2, 5.0) * np.clip(1.3 - away, 0, 1)
        light = rng.uniform(0.15, 0.85) + rng.uniform(-0.03, 0.03, 3)
    clear = np.exp(-density)[:, :, None]
    return _clipped(picture * clear + light * (1 - clear))


def rain(picture: Image, rng: np.random.Generator) -> Image:
    """Streaks of several lengths at one slant, over the veil of what falls farther away."""
    height, width = picture.shape[:2]
    slant, streaks = rng.uniform(-0.5, 0.5), np.zeros((height, width), np.float32)
    for length, share in ((rng.uniform(8, 16), 1.0), (rng.uniform(16, 30), 0.5), (rng.uniform(28, 55), 0.25)):
        drops = (rng.random((height, width)) < rng.uniform(0.002, 0.008) * share).astype(np.float32)
        streaks += _smeared(drops, length, slant) * length * rng.uniform(0.25, 0.6)
    streaks = cv2.GaussianBlur(streaks, (0, 0), rng.uniform(0.4, 0.8)).astype(np.float32)
    veil, grey = rng.uniform(0.08, 0.35), rng.uniform(0.4, 0.7)
    dull = picture * rng.uniform(0.65, 0.95) * (1 - veil) + grey * veil
    light = rng.uniform(0.65, 0.95)
    cover = np.clip(streaks * rng.uniform(0.3, 0.8), 0, 0.8)[:, :, None]
    return _clipped(dull * (1 - cover) + light * cover)


def dark(picture: Image, rng: np.random.Generator) -> Image:
    """1 to 15 % of the light, with the shot and read noise of a sensor that amplifies it."""
    linear = picture**_GAMMA * float(np.exp(rng.uniform(np.log(0.01), np.log(0.15))))
    shot, read = rng.uniform(0.0, 0.004), rng.uniform(0.0005, 0.004)
    noisy = linear + rng.standard_normal(linear.shape, np.float32) * np.sqrt(shot * linear + read**2)
    return _clipped(np.maximum(noisy, 0) ** (1 / _GAMMA))


def dirty_lens(picture: Image, rng: np.random.Generator) -> Image:
    """Out of focus, shaken, smeared with dirt, or wet with drops that show the scene blurred and upside down."""
    kind = rng.integers(4)
    if kind == 0:
        return _clipped(cv2.GaussianBlur(picture, (0, 0), rng.uniform(2.0, 8.0)).astype(np.float32))
    if kind == 1:
        return _clipped(_smeared(picture, rng.uniform(12, 40), rng.uniform(-3, 3)))
    height, width = picture.shape[:2]
    if kind == 2:
        field = turbulence(height, width, rng)
        edge = np.quantile(field, 1 - rng.uniform(0.15, 0.6))
        cover = np.clip((field - edge) / rng.uniform(0.05, 0.2), 0, 1) * rng.uniform(0.55, 0.97)
        colour = np.array([0.36, 0.3, 0.22]) * rng.uniform(0.3, 1.8)
        smeared = cv2.GaussianBlur(picture, (0, 0), 6)
        soil = 0.25 * smeared + 0.75 * colour
        return _clipped(picture * (1 - cover[:, :, None]) + soil * cover[:, :, None])
    turned = cv2.GaussianBlur(np.ascontiguousarray(picture[::-1]), (0, 0), 5)
    cover = np.zeros((height, width), np.float32)
    for _ in range(int(rng.integers(12, 60))):
        centre = int(rng.integers(width)), int(rng.integers(height))
        axes = int(rng.uniform(6, 40)), int(rng.uniform(6, 40))
        cv2.ellipse(cover, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
    cover = cv2.GaussianBlur(cover, (0, 0), 2).astype(np.float32)[:, :, None] * rng.uniform(0.7, 1.0)
    return _clipped(picture * (1 - cover) + (turned * rng.uniform(0.8, 1.15)) * cover)


def clear(picture: Image, rng: np.random.Generator) -> Image:
    """As it is, in a little more or less light, with a little noise."""
    linear = picture**_GAMMA * float(np.exp(rng.uniform(np.log(0.5), np.log(1.4))))
    noise = rng.standard_normal(linear.shape, np.float32) * float(rng.uniform(0, 0.015))
    noisy = np.clip(linear, 0, 1) ** (1 / _GAMMA) + noise
    return _clipped(noisy)


DEGRADATIONS: dict[str, Callable[[Image, np.random.Generator], Image]] = {
    "clear": clear,
    "rain": rain,
    "fog-or-smoke": fog_or_smoke,
    "dark": dark,
    "dirty-lens": dirty_lens,
}


def turbulence(height: int, width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(height, width) 0..1: noise of six octaves, each half as strong as the coarser one."""
    total = np.zeros((height, width), np.float32)
    for octave in range(6):
        size = 2 ** (octave + 1)
        coarse = rng.random((size + 1, size + 1)).astype(np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * 0.5**octave
    low, high = float(total.min()), float(total.max())
    return ((total - low) / (high - low)).astype(np.float32)


def _smeared(picture: Image, length: float, slant: float) -> Image:
    """Moved during the exposure by `length` px downwards, `slant` px sideways for each px down."""
    half = max(1, round(length / 2))
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    down = half / np.hypot(1, slant)
    middle, tip = (half, half), (half + round(down * slant), half + round(down))
    cv2.line(kernel, (2 * middle[0] - tip[0], 2 * middle[1] - tip[1]), tip, 1.0)
    return cv2.filter2D(picture, -1, kernel / kernel.sum()).astype(np.float32)


def _clipped(picture: NDArray[np.floating]) -> Image:
    clipped: Image = np.clip(picture, 0, 1).astype(np.float32)
    return clipped
