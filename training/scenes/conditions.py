"""Light, weather and camera of a scene, and the hard negatives that move over the picture."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from training.scenes.canvas import Picture

# One picture of noise, a little larger than a frame, is shown shifted by up to so many pixels.
_SHIFT = 97


@dataclass(frozen=True, slots=True)
class Conditions:
    """Attributes: per-channel gain, gamma, noise (grey levels), shake (pixels), JPEG quality, rain 0..1, extra."""

    gain: tuple[float, float, float]
    gamma: float
    noise: float
    shake: float
    quality: int
    rain: float
    extra: str
    seed: int

    @classmethod
    def draw(cls, random: np.random.Generator, extra: str) -> "Conditions":
        """Half of the scenes are in plain daylight."""
        seed = int(random.integers(2**31))
        if random.random() < 0.5:
            return cls((1.0, 1.0, 1.0), 1.0, 2.0, 0.0, 85, 0.0, extra, seed)
        light = float(random.uniform(0.45, 1.1))
        warm = float(random.uniform(-0.1, 0.15))
        rain = float(random.uniform(0.3, 1)) if random.random() < 0.3 else 0.0
        shake = float(random.uniform(0.5, 2.5)) if random.random() < 0.3 else 0.0
        gain = (light * (1 + warm), light, light * (1 - warm))
        quality = int(random.integers(50, 90))
        return cls(
            gain, float(random.uniform(0.8, 1.4)), float(random.uniform(2, 6)), shake, quality, rain, extra, seed
        )


class Weather:
    """Applies conditions to frames; the same calls give the same pixels."""

    def __init__(self, conditions: Conditions, shape: tuple[int, ...]) -> None:
        self._c, self._shape = conditions, shape
        self._random = np.random.default_rng(conditions.seed)
        whole = shape[0] + _SHIFT, shape[1] + _SHIFT, shape[2]
        noise = self._random.standard_normal(whole, np.float32)
        noise = np.clip(noise * conditions.noise, -100, 100).round().astype(np.int8)
        self._up, self._down = noise.clip(0).astype(np.uint8), (-noise).clip(0).astype(np.uint8)
        ramp = np.arange(256)[:, None] / 255
        table = 255 * np.clip(ramp**conditions.gamma * np.array(conditions.gain), 0, 1)
        self._table = table.round().astype(np.uint8)[None]
        self._plain = conditions.gamma == 1.0 and conditions.gain == (1.0, 1.0, 1.0)
        self._spot = self._random.uniform((0.35, 0.1), (0.65, 0.4)), self._random.uniform(-0.04, 0.04, 2)

    def apply(self, picture: Picture, index: int) -> Picture:
        """One frame, (H, W, 3) uint8; `picture` may be changed."""
        c = self._c
        if c.extra in ("shadow", "wet", "light"):
            self._patch(picture, index)
        if not self._plain:
            cv2.LUT(picture, self._table, dst=picture)
        height, width = self._shape[:2]
        if c.rain:
            cv2.add(picture, self._rain(index), dst=picture)
        if c.extra == "insect":
            at = np.array([0.5, 0.6]) + 0.25 * np.array([np.sin(index / 35 + c.seed), np.cos(index / 50)])
            cv2.ellipse(
                picture, (int(at[0] * width), int(at[1] * height)), (26, 12), index * 7 % 360, 0, 360, (22, 20, 18), -1
            )
        if c.shake:
            random = np.random.default_rng([c.seed, index])
            move = np.array([[1, 0, random.normal(0, c.shake / 2)], [0, 1, random.normal(0, c.shake / 2)]])
            picture = cv2.warpAffine(picture, move, (width, height), borderMode=cv2.BORDER_REPLICATE)  # type: ignore[assignment]
        y, x = index * 37 % _SHIFT, index * 53 % _SHIFT
        cv2.add(picture, self._up[y : y + height, x : x + width], dst=picture)
        cv2.subtract(picture, self._down[y : y + height, x : x + width], dst=picture)
        return picture

    def _rain(self, index: int) -> Picture:
        """Streaks, others on each frame: no drop is still there a fifth of a second later.

        One sheet of streaks that moves would be a view that moves, and the camera's health rightly says so.
        """
        return streaks(np.random.default_rng([self._c.seed, index, 1]), self._shape, int(500 * self._c.rain))

    def _patch(self, picture: Picture, index: int) -> None:
        """A cloud's or tree's shadow and a spot of light move; a wet patch grows and stays."""
        height, width = self._shape[:2]
        (x, y), (dx, dy) = self._spot
        moving = self._c.extra != "wet"
        at = (x + dx * index / 5 * moving) % 1.2 - 0.1, 0.45 + (y + dy * index / 5 * moving) % 0.5
        reach = 0.03 if self._c.extra == "light" else 0.1 if moving else min(0.08, 0.01 + index / 3000)
        weight = _ellipse(max(16, int(reach * width)), max(16, int(reach * width / 2.5)))
        left, top = int(at[0] * width) - weight.shape[1] // 2, int(at[1] * height) - weight.shape[0] // 2
        x1, y1 = max(left, 0), max(top, 0)
        x2, y2 = min(left + weight.shape[1], width), min(top + weight.shape[0], height)
        if x1 < x2 and y1 < y2:
            region = picture[y1:y2, x1:x2]
            factor = 0.9 if self._c.extra == "light" else -0.45
            change = 1 + factor * weight[y1 - top : y2 - top, x1 - left : x2 - left]
            np.clip(region * change[..., None], 0, 255, out=region, casting="unsafe")


def streaks(random: np.random.Generator, shape: tuple[int, ...], count: int) -> Picture:
    """Of so many drops that fall while one picture is taken, to be added to it."""
    height, width = shape[:2]
    start = random.uniform((0, 0), (width, height), (count, 2)).astype(np.int32)
    rain = np.zeros(shape, np.uint8)
    lines = list(np.stack([start, start + np.array([3, 22], np.int32)], axis=1))
    cv2.polylines(rain, lines, False, (45, 45, 48), 1, cv2.LINE_AA)
    return cv2.GaussianBlur(rain, (3, 3), 0).astype(np.uint8, copy=False)


@lru_cache(maxsize=64)
def _ellipse(across: int, along: int) -> NDArray[np.float32]:
    """1 in a slanted ellipse with these half axes in pixels, falling softly to 0 around it."""
    side = across + 48
    mask = np.zeros((2 * side, 2 * side), np.float32)
    cv2.ellipse(mask, (side, side), (across, along), 15, 0, 360, 1.0, -1)
    small = cv2.GaussianBlur(cv2.resize(mask, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA), (0, 0), 2)
    whole = np.asarray(cv2.resize(small, (2 * side, 2 * side)), np.float32)
    rows = np.flatnonzero(whole.max(axis=1) > 0.004)
    return np.ascontiguousarray(whole[rows[0] : rows[-1] + 1])
