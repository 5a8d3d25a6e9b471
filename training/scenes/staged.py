"""Composes staged scenes: the same (split, kind, seed) gives the same scene."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from training.scenes import overhead
from training.scenes.casts import cast, traffic
from training.scenes.conditions import Conditions
from training.scenes.places import Place, View, generated, highway, lit, parking
from training.scenes.scene import FPS, INCIDENTS, KINDS, NEGATIVES, Footage, Scene

__all__ = ["FPS", "Scene", "compose"]


def compose(split: str, kind: str, seed: int) -> Scene:
    """Build a scene.

    Dev: highway.mp4 as it is, vehicles and frames of its first half, roads seen from 7 to 9 m. Test: highway.mp4
    mirrored and cut tighter, vehicles and frames of its second half, parking-overhead.mp4, roads from 10 to 13 m.
    Every scene has its own light.
    """
    random = np.random.default_rng([split == "test", KINDS.index(kind), seed])
    conditions = Conditions.draw(random, "" if kind in INCIDENTS else kind)
    if kind == "clip":
        return _footage(split, seed, random, conditions)
    if kind.startswith("overhead"):
        scene = Scene(split, kind, seed, 36.0 if kind == "overhead-stop" else 24.0, parking(), View(), conditions)
        overhead.stage(scene, random)
        return scene
    place, view = place_of(split, random)
    place = replace(place, plate=lit(place.plate, random))
    scene = Scene(split, kind, seed, 90.0 if kind in NEGATIVES else 36.0, place, view, conditions)
    cast(scene, random)
    traffic(scene, random)
    return scene


def place_of(split: str, random: np.random.Generator) -> tuple[Place, View]:
    if random.random() < 0.5:
        view = View()
        if split == "test":
            view = View(float(random.uniform(1.0, 1.25)), float(random.uniform(0.2, 0.5)), 1.0, True)
        return highway().viewed(view), view
    low, high = (10.0, 13.0) if split == "test" else (7.0, 9.0)
    curve = float(random.uniform(-0.0012, 0.0012)) if random.random() < 0.5 else 0.0
    lanes, elevation = int(random.integers(2, 5)), float(random.uniform(low, high))
    horizon, aside = float(random.uniform(120, 200)), float(random.uniform(-3, 3))
    look = int(random.integers(2**20)) * 2 + (split == "test")
    return generated(lanes, elevation, horizon, curve, aside, look), View()


def _footage(split: str, seed: int, random: np.random.Generator, conditions: Conditions) -> Scene:
    if split == "test" and seed % 3 == 0:
        step = 2.5 * float(random.uniform(0.6, 1.2))
        seconds, footage = 376 / step / FPS, Footage("parking", _even(0, step))
        return Scene(split, "clip", seed, seconds, parking(), View(), conditions, footage=footage)
    view = View(float(random.uniform(1, 1.25)), float(random.uniform(0, 0.5)), 1.0, split == "test")
    step = 6 * float(random.uniform(0.4, 1.0))
    seconds, footage = 224 / step / FPS, Footage("highway", _even(225 if split == "test" else 0, step))
    return Scene(split, "clip", seed, seconds, highway().viewed(view), view, conditions, footage=footage)


def _even(first: int, step: float) -> Callable[[float], int]:
    """From frame `first` on, `step` frames of the clip per analysed frame."""
    return lambda time_s: first + int(round(time_s * FPS) * step)
