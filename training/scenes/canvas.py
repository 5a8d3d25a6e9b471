"""Drawing a scene: the empty road, cut-outs with contact shadows, sensor noise."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.scenes.cutouts import Cutout
from training.scenes.ground import GroundCamera

Picture = NDArray[np.uint8]

LANE_WIDTH = 3.75
SHOULDER_WIDTH = 3.0
LANES = 3
ROAD_LEFT = -LANES * LANE_WIDTH / 2
ROAD_RIGHT = LANES * LANE_WIDTH / 2
_FAR, _NEAR = 400.0, 12.0
_NOISE_FRAMES = 8


@dataclass(frozen=True, slots=True)
class Placed:
    """A cut-out that stands on the ground at `x`, `z` (metres) and is `height` metres tall."""

    cutout: Cutout
    x: float
    z: float
    height: float


def empty_road(camera: GroundCamera, seed: int) -> Picture:
    """Sky, verge, asphalt with texture, edge lines and lane marks: (H, W, 3) uint8 RGB."""
    random = np.random.default_rng(seed)
    picture = np.empty((camera.height, camera.width, 3), np.uint8)
    top = round(camera.horizon)
    rows = np.linspace(0, 1, top)[:, None, None]
    picture[:top] = ((1 - rows) * (150, 180, 215) + rows * (205, 215, 225)).astype(np.uint8)
    picture[top:] = _texture(random, (camera.height - top, camera.width), (92, 112, 62), 12)
    road = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(road, [_strip(camera, ROAD_LEFT - 0.6, ROAD_RIGHT + SHOULDER_WIDTH, _NEAR, _FAR)], 255)
    asphalt = _texture(random, picture.shape[:2], (92, 93, 96), 9)
    picture[road > 0] = asphalt[road > 0]
    for x in (ROAD_LEFT, ROAD_RIGHT):
        cv2.fillPoly(picture, [_strip(camera, x - 0.1, x + 0.1, _NEAR, 200.0)], (225, 225, 220), cv2.LINE_AA)
    for lane in range(1, LANES):
        x = ROAD_LEFT + lane * LANE_WIDTH
        for z in np.arange(_NEAR, 200.0, 12.0):
            cv2.fillPoly(picture, [_strip(camera, x - 0.08, x + 0.08, z, z + 4.0)], (220, 220, 215), cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(picture, (3, 3), 0), np.uint8)


def _strip(camera: GroundCamera, left: float, right: float, near: float, far: float) -> NDArray[np.int32]:
    corners = [camera.project(*point) for point in ((left, near), (left, far), (right, far), (right, near))]
    return np.array(corners).round().astype(np.int32)


def _texture(
    random: np.random.Generator, shape: tuple[int, int], colour: tuple[int, int, int], grain: float
) -> Picture:
    fine = cv2.GaussianBlur(random.normal(0, grain, shape).astype(np.float32), (0, 0), 0.8)
    coarse = cv2.resize(random.normal(0, grain / 2, (shape[0] // 24 + 1, shape[1] // 24 + 1)), shape[::-1])
    return np.asarray(np.clip(np.array(colour) + (fine + coarse)[..., None], 0, 255), np.uint8)


class Canvas:
    """Renders frames over one background; the same calls give the same pixels."""

    def __init__(self, camera: GroundCamera, background: Picture, seed: int) -> None:
        self._camera, self._background = camera, background
        random = np.random.default_rng(seed + 1)
        shape = (_NOISE_FRAMES, *background.shape)
        noise = random.normal(0, 2.0, shape).round().astype(np.int8)
        self._brighter, self._darker = noise.clip(0).astype(np.uint8), (-noise).clip(0).astype(np.uint8)

    def render(self, index: int, things: list[Placed]) -> Picture:
        """One frame: the farthest thing is drawn first."""
        picture = self._background.copy()
        for thing in sorted(things, key=lambda item: -item.z):
            self._draw(picture, thing)
        turn = index % _NOISE_FRAMES
        return np.asarray(cv2.subtract(cv2.add(picture, self._brighter[turn]), self._darker[turn]), np.uint8)

    def _draw(self, picture: Picture, thing: Placed) -> None:
        u, v = self._camera.project(thing.x, thing.z)
        scaled = thing.cutout.scaled(round(thing.height * self._camera.pixels_per_metre(thing.z)))
        height, width = scaled.alpha.shape
        left, top = round(u - width / 2), round(v - height)
        self._shadow(picture, round(u), round(v), width)
        x1, y1, x2, y2 = (
            max(left, 0),
            max(top, 0),
            min(left + width, picture.shape[1]),
            min(top + height, picture.shape[0]),
        )
        if x1 >= x2 or y1 >= y2:
            return
        part = np.s_[y1 - top : y2 - top, x1 - left : x2 - left]
        blend(picture[y1:y2, x1:x2], scaled.colour[part], scaled.alpha[part])

    @staticmethod
    def _shadow(picture: Picture, u: int, v: int, width: int) -> None:
        reach, depth = round(width * 0.55), max(2, width // 14)
        x1, x2 = max(u - reach, 0), min(u + reach, picture.shape[1])
        y1, y2 = max(v - depth, 0), min(v + depth, picture.shape[0])
        if x1 >= x2 or y1 >= y2:
            return
        x, y = np.meshgrid((np.arange(x1, x2) - u) / reach, (np.arange(y1, y2) - v) / depth)
        dark = 1 - 0.6 * np.clip(1 - x**2 - y**2, 0, 1)
        picture[y1:y2, x1:x2] = (picture[y1:y2, x1:x2] * dark[..., None]).astype(np.uint8)


def blend(region: Picture, colour: Picture, alpha: NDArray[np.float32]) -> None:
    """Draw `colour` over `region` in place."""
    weight = alpha[..., None]
    region[:] = (colour * weight + region * (1 - weight)).astype(np.uint8)
