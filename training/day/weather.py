"""Weather that comes: fog, rain on the road and on the lens, snow that lies."""

from dataclasses import replace

import cv2
import numpy as np

from training.day.frames import Change, clipped, grain, patchy, random_of, softened
from training.scenes.canvas import Picture
from training.scenes.conditions import Weather, streaks
from training.scenes.scene import Scene

_DROPS, _EVERY_S = 14, 4.0


def fog(scene: Scene) -> Change:
    """One sees 1000 m at first and 60 m after 70 s (Koschmieder's law)."""
    rows = range(len(scene.place.plate))
    metres = np.array([scene.place.distance_of_row(max(row, scene.place.far)) for row in rows], np.float32)

    def change(picture: Picture, time_s: float, index: int) -> Picture:
        through = np.exp(-3.0 * metres / np.float32(1000 * 0.06 ** min(time_s / 70, 1)))[:, None, None]
        return clipped(picture * through + 185 * (1 - through) + grain(picture, 1.0, index))

    return change


def wet(scene: Scene) -> Change:
    """It begins to rain: within 30 s the road is darker and mirrors what is above it."""
    height, width = scene.place.plate.shape[:2]
    far = scene.place.far

    def change(picture: Picture, time_s: float, index: int) -> Picture:
        done = np.float32(min(time_s / 30, 1))
        mirror = cv2.resize(softened(picture[:far][::-1], 8), (width, height - far))
        shown = picture.astype(np.float32)
        shown[far:] = shown[far:] * (1 - np.float32(0.35) * done) * (1 - np.float32(0.2) * done) + 0.2 * done * mirror
        rain = streaks(np.random.default_rng([scene.seed, index, 6]), picture.shape, int(400 * done))
        return np.asarray(cv2.add(clipped(shown), rain), np.uint8)

    return change


def drops(scene: Scene) -> Change:
    """Every 4 s a drop comes to hang on the lens, so near that it is out of focus; it shows the picture upside down."""
    height, width = scene.place.plate.shape[:2]
    random = random_of(scene)
    places = random.uniform((0.05 * width, 0.25 * height, 25), (0.95 * width, 0.95 * height, 60), (_DROPS, 3))

    def change(picture: Picture, time_s: float, index: int) -> Picture:
        shown, turned = picture.copy(), softened(picture[::-1], 6)
        for x, y, size in places[: int(time_s / _EVERY_S) + 1]:
            reach = size * width / 1280
            left, top = max(0, int(x - reach)), max(0, int(y - reach))
            part = slice(top, min(height, int(y + reach) + 1)), slice(left, min(width, int(x + reach) + 1))
            down, across = np.mgrid[part].astype(np.float32)
            share = np.clip(1 - np.hypot(across - x, (down - y) / 1.2) / reach, 0, 1)[..., None]
            share = 0.75 * share**2 * (3 - 2 * share)
            drop = 0.6 * turned[part] + 0.45 * picture[part].mean((0, 1))
            shown[part] = clipped(shown[part] * (1 - share) + drop * share)
        return shown

    return change


def snow(scene: Scene) -> Change:
    """Snow falls, and within 100 s it lies, less where wheels run."""
    place, (height, width) = scene.place, scene.place.plate.shape[:2]
    random = random_of(scene)
    lies = 0.6 * patchy(random, 90, 160, height, width) + 0.4 * patchy(random, 24, 40, height, width)
    tracks = np.zeros((height, width), np.float32)
    for row in range(place.far, height):
        for lane in range(place.lanes):
            for wheel in (0.28, 0.72):
                column, half = place.column(lane + wheel, row), 0.35 * place.scale_of_row(row)
                tracks[row, max(0, int(column - half)) : max(0, int(column + half) + 1)] = 1
    open_ground = 1 - 0.85 * softened(tracks, 2)
    open_ground[: place.far] = 0
    plain = replace(scene.conditions, noise=0.0, rain=0.0, shake=0.0, extra="")
    empty = Weather(plain, place.plate.shape).apply(place.plate.copy(), 0).astype(np.int16)

    def change(picture: Picture, time_s: float, index: int) -> Picture:
        # It lies on the ground, not on what stands there.
        ground = (np.abs(picture.astype(np.int16) - empty).max(axis=2) < 28).astype(np.uint8)
        ground = np.asarray(cv2.erode(ground, np.ones((5, 5), np.uint8)), np.uint8)
        cover = np.clip(1.5 * (1.6 * min(time_s / 100, 1) - lies), 0, 1) * open_ground * ground
        shown = clipped(picture + np.float32(0.7) * cover[..., None] * (205 - picture.astype(np.float32)))
        falling = np.random.default_rng([scene.seed, index, 5])
        for x, y, size in falling.uniform((0, 0, 1), (width, height, 3.2), (int(250 * min(time_s / 10, 1)), 3)):
            cv2.circle(shown, (int(x), int(y)), int(size), (225, 226, 228), -1, cv2.LINE_AA)
        return shown

    return change
