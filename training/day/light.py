"""Light that changes: at once, within minutes, with headlights and lamps, with the sun and its shadows."""

import cv2
import numpy as np

from training.day.frames import Change, Floats, clipped, grain, patchy, random_of, softened
from training.scenes.canvas import Picture
from training.scenes.scene import FPS, Scene, box_at

_STEPS_S = 11.0
_NIGHT = 0.35


def exposure(scene: Scene) -> Change:
    """The camera's exposure jumps every 11 s."""
    steps = random_of(scene).choice([0.5, 0.6, 0.75, 1.0, 1.3, 1.6], 64)
    return lambda picture, time_s, index: clipped(picture * np.float32(steps[int(time_s / _STEPS_S) % 64]))


def flicker(scene: Scene) -> Change:
    """Lamps on the mains, caught at another moment of their wave on each frame."""
    return lambda picture, time_s, index: clipped(picture * np.float32(1 + 0.1 * np.sin(index * 2.4)))


def dusk(scene: Scene) -> Change:
    """A third of the light is left after 80 s; headlights come on meanwhile."""

    def change(picture: Picture, time_s: float, index: int) -> Picture:
        done = min(time_s / 80, 1)
        return _dark(scene, picture, index, 1 - (1 - _NIGHT) * done, max(0.0, (done - 0.4) / 0.6))

    return change


def night(scene: Scene) -> Change:
    """A third of the light, and headlights."""
    return lambda picture, time_s, index: _dark(scene, picture, index, _NIGHT, 1.0)


def _dark(scene: Scene, picture: Picture, index: int, light: float, lamps: float) -> Picture:
    shown = picture.astype(np.float32) * np.float32(light)
    if lamps > 0:
        glow = np.zeros((picture.shape[0] // 2, picture.shape[1] // 2, 3), np.float32)
        _headlights(scene, glow, index / FPS, lamps)
        whole = cv2.resize(softened(glow, 3), (picture.shape[1], picture.shape[0]))
        shown += whole * (0.35 + picture.astype(np.float32) / 200)
    return clipped(shown + grain(picture, 5.0 * (1 - light), index))


def _headlights(scene: Scene, glow: Floats, time_s: float, strength: float) -> None:
    """Two lamps and their pool on the road before who comes; two small red lamps of who goes."""
    height, width = glow.shape[:2]
    for actor in scene.actors:
        box, at, after = box_at(scene, actor, time_s), actor.path(time_s), actor.path(time_s + 0.2)
        if box is None or at is None or after is None or after[1] == at[1]:
            continue
        x1, y1, x2, y2 = box[0] * width, box[1] * height, box[2] * width, box[3] * height
        wide, lamp = x2 - x1, int(y1 + 0.62 * (y2 - y1))
        comes = after[1] < at[1]
        size, colour = (max(2, int(0.11 * wide)), (255, 255, 255)) if comes else (max(1, int(0.06 * wide)), (160, 9, 9))
        for x in (x1 + 0.2 * wide, x2 - 0.2 * wide):
            cv2.circle(glow, (int(x), lamp), size, tuple(strength * part for part in colour), -1)
        if comes:
            middle, axes = (int((x1 + x2) / 2), int(y2 + 0.7 * wide)), (int(0.7 * wide), int(0.9 * wide))
            cv2.ellipse(glow, middle, axes, 0, 0, 360, tuple(strength * part for part in (90, 88, 75)), -1)


def street_lamps(scene: Scene) -> Change:
    """Half of the light, and pools of yellow light on the road that come on within 3 s."""
    height, width = scene.place.plate.shape[:2]
    pools = np.zeros((height, width), np.float32)
    for z in (18.0, 32.0, 55.0, 90.0):
        if scene.place.nearest < z < scene.place.farthest:
            row = scene.place.row_of(z)
            scale, layer = scene.place.scale_of_row(row), np.zeros((height, width), np.float32)
            axes = int(7 * scale), max(3, int(2.2 * scale))
            cv2.ellipse(layer, (int(scene.place.column(0.2, row)), int(row)), axes, 0, 0, 360, 1.0, -1)
            pools = np.maximum(pools, softened(layer, max(1.0, 1.5 * scale)))
    colour = np.array([1.0, 0.93, 0.8], np.float32)

    def change(picture: Picture, time_s: float, index: int) -> Picture:
        lit = np.float32(0.45) + np.float32(0.7 * min(time_s / 3, 1)) * pools[..., None]
        return clipped(picture * lit * colour + grain(picture, 2.0, index))

    return change


def sun(scene: Scene) -> Change:
    """The sun comes out within 2 s: with it the shadow of a gantry and that of a tree, which then creep on."""

    def change(picture: Picture, time_s: float, index: int) -> Picture:
        come = np.float32(min(time_s / 2, 1))
        return clipped(picture * (1 + np.float32(0.15) * come) * (1 - np.float32(0.5) * come * _shadows(scene, time_s)))

    return change


def _shadows(scene: Scene, time_s: float) -> Floats:
    """(H, W, 1), 1 in the shadow."""
    (height, width), place, random = scene.place.plate.shape[:2], scene.place, random_of(scene)
    mask, creep = np.zeros((height, width), np.float32), 0.25 * time_s
    z = random.uniform(place.nearest * 1.5, place.farthest * 0.6)
    far, near, slant = place.row_of(z + 2.5) + creep, place.row_of(z) + creep, random.uniform(-0.045, 0.045) * width
    cv2.fillPoly(mask, [np.array([(0, near), (width, near + slant), (width, far + slant), (0, far)], np.int32)], 1.0)
    row = place.row_of(random.uniform(place.nearest * 1.3, place.farthest * 0.4))
    scale, column = place.scale_of_row(row), place.column(float(random.choice([0.2, place.lanes - 0.3])), row)
    for dx, dy in random.normal(0, (1.6 * scale, 0.5 * scale), (30, 2)):
        axes = max(2, int(0.6 * scale)), max(1, int(0.2 * scale))
        cv2.ellipse(mask, (int(column + dx + creep), int(row + dy)), axes, 0, 0, 360, 1.0, -1)
    return softened(mask, 1.5)[..., None]


def clouds(scene: Scene) -> Change:
    """Their shadows drift over the whole picture."""
    field = np.clip((patchy(random_of(scene), 6, 40, 360, 5120) - 0.45) * 6, 0, 1)

    def change(picture: Picture, time_s: float, index: int) -> Picture:
        x = int(30 * time_s) % (5120 - 640)
        part = cv2.resize(field[:, x : x + 640], (picture.shape[1], picture.shape[0]))
        return clipped(picture * (np.float32(1.1) - np.float32(0.5) * part[..., None]))

    return change


def glare(scene: Scene) -> Change:
    """A low sun comes into view within 8 s: a veil, and the lens's ghosts of it on the road, which wander."""
    height, width = scene.place.plate.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)

    def change(picture: Picture, time_s: float, index: int) -> Picture:
        come, at = min(time_s / 8, 1), (0.6 * width - time_s, 0.05 * height)
        veil = np.exp(-4 * np.hypot(x - at[0], y - at[1]) / width)[..., None] * np.float32(come)
        ghosts = np.zeros((height, width), np.float32)
        for along, radius in ((1.4, 30), (1.75, 18), (2.1, 45)):
            ghost = np.zeros((height, width), np.float32)
            middle = int(at[0] + (width / 2 - at[0]) * along), int(at[1] + (height / 2 - at[1]) * along)
            cv2.circle(ghost, middle, int(radius * width / 1280), 1.0, -1)
            ghosts += softened(ghost, 3)
        colour = np.array([26, 30, 18], np.float32) * np.float32(come)
        return clipped(picture * (1 - np.float32(0.3) * veil) + 210 * veil + ghosts[..., None] * colour)

    return change
