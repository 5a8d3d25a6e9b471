"""Light, weather and camera of a scene, and the hard negatives that move over the picture."""

from dataclasses import dataclass

import cv2
import numpy as np

from training.scenes.canvas import Picture


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
        noise = self._random.normal(0, conditions.noise, (4, *shape)).round().clip(-100, 100).astype(np.int8)
        self._up, self._down = noise.clip(0).astype(np.uint8), (-noise).clip(0).astype(np.uint8)
        ramp = np.arange(256)[:, None] / 255
        table = 255 * np.clip(ramp**conditions.gamma * np.array(conditions.gain), 0, 1)
        self._table = table.round().astype(np.uint8)[None]
        self._streaks = self._rain() if conditions.rain else None
        self._spot = self._random.uniform(0.2, 0.8, 2), self._random.uniform(-0.04, 0.04, 2)

    def apply(self, picture: Picture, index: int) -> Picture:
        """One frame, (H, W, 3) uint8."""
        c = self._c
        if c.extra in ("shadow", "wet", "light"):
            picture = self._patch(picture, index)
        picture = cv2.LUT(picture, self._table)  # type: ignore[assignment]
        if self._streaks is not None:
            picture = cv2.add(picture, np.roll(self._streaks, (index * 137, index * 61), (0, 1)))  # type: ignore[assignment]
        if c.extra == "insect":
            height, width = self._shape[:2]
            at = np.array([0.5, 0.6]) + 0.25 * np.array([np.sin(index / 35 + c.seed), np.cos(index / 50)])
            cv2.ellipse(
                picture, (int(at[0] * width), int(at[1] * height)), (26, 12), index * 7 % 360, 0, 360, (22, 20, 18), -1
            )
        if c.shake:
            random = np.random.default_rng([c.seed, index])
            move = np.array([[1, 0, random.normal(0, c.shake / 2)], [0, 1, random.normal(0, c.shake / 2)]])
            picture = cv2.warpAffine(picture, move, picture.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)  # type: ignore[assignment]
        turn = index % 4
        return np.asarray(cv2.subtract(cv2.add(picture, self._up[turn]), self._down[turn]), np.uint8)

    def _rain(self) -> Picture:
        streaks = np.zeros(self._shape, np.uint8)
        for _ in range(int(500 * self._c.rain)):
            x, y = (int(v) for v in self._random.uniform((0, 0), self._shape[1::-1]))
            cv2.line(streaks, (x, y), (x + 3, y + 22), (45, 45, 48), 1, cv2.LINE_AA)
        return np.asarray(cv2.GaussianBlur(streaks, (3, 3), 0), np.uint8)

    def _patch(self, picture: Picture, index: int) -> Picture:
        """A cloud's or tree's shadow and a spot of light move; a wet patch grows and stays."""
        height, width = self._shape[:2]
        (x, y), (dx, dy) = self._spot
        moving = self._c.extra != "wet"
        at = (x + dx * index / 5 * moving) % 1.2 - 0.1, 0.45 + (y + dy * index / 5 * moving) % 0.5
        small = np.zeros((height // 8, width // 8), np.float32)
        reach = 0.03 if self._c.extra == "light" else 0.1 if moving else min(0.08, 0.01 + index / 3000)
        centre = int(at[0] * width / 8), int(at[1] * height / 8)
        cv2.ellipse(
            small, centre, (max(2, int(reach * width / 8)), max(2, int(reach * width / 20))), 15, 0, 360, 1.0, -1
        )
        weight = cv2.resize(cv2.GaussianBlur(small, (0, 0), 2), (width, height))[..., None]
        factor = 0.9 if self._c.extra == "light" else -0.45
        return np.clip(picture * (1 + factor * weight), 0, 255).astype(np.uint8)
