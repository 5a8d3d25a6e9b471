"""Frames of a staged scene, in memory."""

from collections.abc import Iterator
from functools import cache

import cv2
import numpy as np

from training.scenes.canvas import Picture, blend
from training.scenes.conditions import Weather
from training.scenes.freeze import _pictures
from training.scenes.places import HIGHWAY, PARKING
from training.scenes.staged import FPS, Actor, Scene


def frames(scene: Scene) -> Iterator[Picture]:
    """(H, W, 3) uint8 RGB at `FPS` frames per second; the same scene gives the same bytes."""
    weather = Weather(scene.conditions, scene.place.plate.shape)
    for index in range(round(scene.seconds * FPS)):
        if scene.footage is not None:
            clip, first, step = scene.footage
            pictures = _clip(clip)
            picture = scene.view.of(pictures[min(first + int(index * step), len(pictures) - 1)]).copy()
        else:
            picture = scene.place.plate.copy()
            present = [(at[1], actor, at) for actor in scene.actors if (at := actor.path(index / FPS)) is not None]
            for _, actor, at in sorted(present, key=lambda item: -item[0]):
                _draw(picture, scene, actor, at)
        yield weather.apply(picture, index)


@cache
def _clip(name: str) -> list[Picture]:
    return list(_pictures(HIGHWAY if name == "highway" else PARKING))


def _draw(picture: Picture, scene: Scene, actor: Actor, at: tuple[float, float]) -> None:
    row = scene.place.row_of(at[1])
    scaled = actor.cutout.scaled(round(actor.metres * scene.place.scale_of_row(row)))
    height, width = scaled.alpha.shape
    u = scene.place.column(at[0], row)
    left, top = round(u - width / 2), round(row) - height
    if actor.shadow:
        _shadow(picture, round(u), round(row), width)
    x1, y1 = max(left, 0), max(top, 0)
    x2, y2 = min(left + width, picture.shape[1]), min(top + height, picture.shape[0])
    if x1 < x2 and y1 < y2:
        part = np.s_[y1 - top : y2 - top, x1 - left : x2 - left]
        blend(picture[y1:y2, x1:x2], scaled.colour[part], scaled.alpha[part])


def _shadow(picture: Picture, u: int, v: int, width: int) -> None:
    reach, depth = max(2, round(width * 0.55)), max(2, width // 12)
    x1, x2 = max(u - reach, 0), min(u + reach, picture.shape[1])
    y1, y2 = max(v - depth, 0), min(v + depth, picture.shape[0])
    if x1 < x2 and y1 < y2:
        mask = np.zeros((y2 - y1, x2 - x1), np.float32)
        cv2.ellipse(mask, (u - x1, v - y1), (reach, depth), 0, 0, 360, 0.5, -1)
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), max(0.6, depth / 3)), np.float32)
        blend(picture[y1:y2, x1:x2], np.zeros((y2 - y1, x2 - x1, 3), np.uint8), mask)
