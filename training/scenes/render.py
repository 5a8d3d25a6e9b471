"""Frames of a staged scene, in memory."""

from collections.abc import Iterator
from functools import cache

from training.scenes.canvas import Picture
from training.scenes.conditions import Weather
from training.scenes.footage import pictures_of
from training.scenes.places import HIGHWAY, PARKING
from training.scenes.scene import FPS, Actor, Scene
from training.scenes.sprites import draw, sprite_of


def frames(scene: Scene) -> Iterator[Picture]:
    """(H, W, 3) uint8 RGB at `FPS` frames per second; the same scene gives the same bytes."""
    weather = Weather(scene.conditions, scene.place.plate.shape)
    for index in range(round(scene.seconds * FPS)):
        if scene.footage is not None:
            pictures = _clip(scene.footage.clip)
            picture = scene.view.of(pictures[min(scene.footage.frame_at(index / FPS), len(pictures) - 1)]).copy()
        else:
            picture = scene.place.plate.copy()
            present = [(at[1], actor, at) for actor in scene.actors if (at := actor.path(index / FPS)) is not None]
            for _, actor, at in sorted(present, key=lambda item: -item[0]):
                _draw(picture, scene, actor, at)
        yield weather.apply(picture, index)


@cache
def _clip(name: str) -> list[Picture]:
    return list(pictures_of(HIGHWAY if name == "highway" else PARKING))


def _draw(picture: Picture, scene: Scene, actor: Actor, at: tuple[float, float]) -> None:
    row = scene.place.row_of(at[1])
    scale = scene.place.scale_of_row(row)
    sprite = sprite_of(actor.cutout, actor.metres * scale, shadow=actor.rise == 0)
    draw(picture, sprite, scene.place.column(at[0], row), row - actor.rise * scale)
