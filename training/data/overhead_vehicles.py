"""Solids drawn as a camera above them sees them: sides that lean outward, paint in the light, a cast shadow."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.overhead_solids import Face, Solid
from training.data.overhead_view import DownwardView, Points, Random, smooth, turned
from training.scenes.canvas import Picture, blend

_FINER = 2


@dataclass(frozen=True, eq=False)
class Sun:
    """Light from one side.

    Attributes:
        shadow: (2,) metres of shadow on the ground per metre of height.
        strength: of shadow and shading, 0..1.
    """

    shadow: Points
    strength: float

    @classmethod
    def draw(cls, random: Random) -> "Sun":
        """A high or low sun, or clouds."""
        angle, reach = float(random.uniform(0, 2 * np.pi)), float(random.uniform(0.1, 1.1))
        strength = float(random.uniform(0.0, 0.15)) if random.random() < 0.4 else float(random.uniform(0.25, 0.65))
        return cls(np.array([np.cos(angle), np.sin(angle)]) * reach, strength)


def placed_box(view: DownwardView, solid: Solid, place: Points) -> Points:
    """x1, y1, x2, y2 in pixels, also outside the picture, of a solid at (x, y, heading)."""
    pixels = view.project(_moved(np.concatenate([face.points for face in solid.faces]), place))
    return np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])


def draw_solid(random: Random, picture: Picture, view: DownwardView, solid: Solid, place: Points, sun: Sun) -> None:
    """Draw in place."""
    _shadow(picture, view, solid, place, sun)
    box = placed_box(view, solid, place)
    left, top = np.floor(box[:2]).astype(int) - 2
    right, bottom = np.ceil(box[2:]).astype(int) + 3
    x1, y1, x2, y2 = max(left, 0), max(top, 0), min(right, picture.shape[1]), min(bottom, picture.shape[0])
    if x1 >= x2 or y1 >= y2:
        return
    shape = ((y2 - y1) * _FINER, (x2 - x1) * _FINER)
    colour, cover = np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8)
    eye, light = view.eye, _light(random, sun)
    for face in solid.faces:
        points = _moved(face.points, place)
        normal = _normal(points)
        if normal @ (eye - points.mean(axis=0)) <= 0:
            continue
        pixels = ((view.project(points) - [x1, y1]) * _FINER * 16).round().astype(np.int32)
        cv2.fillPoly(colour, [pixels], _lit(face, normal, light).tolist(), cv2.LINE_8, 4)
        cv2.fillPoly(cover, [pixels], 255, cv2.LINE_8, 4)
    field = 1 + float(random.uniform(0.02, 0.09)) * smooth(random, shape, max(8.0, shape[1] / 3))
    grain = float(random.uniform(0.5, 3.0)) * random.standard_normal(shape, np.float32)
    shiny = np.clip(colour * field[..., None] + grain[..., None], 0, 255) * (cover > 0)[..., None]
    size = (x2 - x1, y2 - y1)
    sigma = float(random.uniform(0.3, 0.7))
    whole, small = (
        cv2.GaussianBlur(cv2.resize(item, size, interpolation=cv2.INTER_AREA).astype(np.float32), (0, 0), sigma)
        for item in (cover, shiny.astype(np.float32))
    )
    alpha = whole / np.float32(255)
    region = picture[y1:y2, x1:x2]
    region[:] = np.clip(small + region * (1 - alpha)[..., None], 0, 255).astype(np.uint8)


def draw_cutout(
    picture: Picture, colour: Picture, alpha: NDArray[np.float32], left: int, top: int, dark: float
) -> None:
    """Draw a flat cut-out in place, with the dark ground close around it."""
    reach = max(2, round(0.05 * max(alpha.shape)))
    border = cv2.copyMakeBorder(alpha, *(4 * reach,) * 4, cv2.BORDER_CONSTANT)
    soft = cv2.GaussianBlur(cv2.dilate(border, np.ones((reach, reach), np.uint8)), (0, 0), reach)
    region, part = _overlap(picture, left - 4 * reach, top - 4 * reach, soft.shape)
    region[:] = (region * (1 - dark * soft[part])[..., None]).astype(np.uint8)
    region, part = _overlap(picture, left, top, alpha.shape)
    blend(region, colour[part], alpha[part])


def _overlap(picture: Picture, left: int, top: int, shape: tuple[int, ...]) -> tuple[Picture, tuple[slice, slice]]:
    x1, y1 = max(left, 0), max(top, 0)
    x2, y2 = max(x1, min(left + shape[1], picture.shape[1])), max(y1, min(top + shape[0], picture.shape[0]))
    return picture[y1:y2, x1:x2], (slice(y1 - top, y2 - top), slice(x1 - left, x2 - left))


def _moved(points: Points, place: Points) -> Points:
    return turned(points, float(place[2]), place[:2])


def _normal(points: Points) -> Points:
    after = np.roll(points, -1, axis=0)
    normal = np.cross(points, after).sum(axis=0)
    return np.asarray(normal / max(float(np.linalg.norm(normal)), 1e-9), np.float64)


def _light(random: Random, sun: Sun) -> tuple[Points, float]:
    """Direction towards the light, and how much of it is the sun's."""
    towards = np.array([-sun.shadow[0], -sun.shadow[1], 1.0])
    return towards / np.linalg.norm(towards), sun.strength * float(random.uniform(0.7, 1.0))


def _lit(face: Face, normal: Points, light: tuple[Points, float]) -> NDArray[np.float64]:
    if not face.shaded:
        return np.clip(face.colour, 0, 255)
    towards, strength = light
    sky = 0.62 + 0.38 * max(float(normal[2]), 0.0)
    shade = sky * (1 - strength) + strength * (0.45 + 0.7 * max(float(normal @ towards), 0.0))
    return np.clip(face.colour * shade, 0, 255)


def _shadow(picture: Picture, view: DownwardView, solid: Solid, place: Points, sun: Sun) -> None:
    ground = turned(solid.footprint, float(place[2]), place[:2])
    box = np.concatenate([ground, ground + sun.shadow * solid.height])
    pixels = view.flat(box)
    margin = max(4, round(0.6 * view.scale))
    left, top = np.floor(pixels.min(axis=0)).astype(int) - margin
    right, bottom = np.ceil(pixels.max(axis=0)).astype(int) + margin
    shape = (max(bottom - top, 1), max(right - left, 1))
    region, part = _overlap(picture, left, top, shape)
    if region.size == 0:
        return
    cast, close = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    hull = cv2.convexHull((pixels - [left, top]).astype(np.float32))
    cv2.fillConvexPoly(cast, hull.round().astype(np.int32), 1.0, cv2.LINE_AA)
    foot = (view.flat(ground) - [left, top]).round().astype(np.int32)
    cv2.fillConvexPoly(close, cv2.convexHull(foot), 1.0, cv2.LINE_AA)
    cast = cv2.GaussianBlur(cast, (0, 0), max(0.6, 0.05 * view.scale))
    close = cv2.GaussianBlur(close, (0, 0), max(0.8, 0.22 * view.scale))
    keep = (1 - sun.strength * cast) * (1 - 0.5 * close)
    region[:] = (region * keep[part][..., None]).astype(np.uint8)
