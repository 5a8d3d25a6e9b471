"""Generated roads: a plate and its lane lines, with lanes, asphalt, marks, verge and curve drawn from a seed."""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.scenes.canvas import Picture

WIDTH, HEIGHT, FOCAL = 1280, 720, 1100.0
LANE_WIDTH = 3.75
# Metres ahead from where on a bend runs straight, so that it does not turn around before the horizon.
_STRAIGHT = 150.0
_ASPHALT = ((96, 96, 98), (74, 75, 79), (126, 124, 119), (150, 148, 141), (104, 97, 92), (60, 61, 66))
_VERGE = ((88, 110, 60), (120, 122, 74), (150, 134, 96), (70, 92, 58), (96, 104, 66), (104, 118, 86))
_SKY = (((150, 180, 215), (205, 215, 225)), ((200, 204, 208), (226, 226, 226)), ((120, 160, 210), (225, 215, 195)))


def road(
    lanes: int, elevation: float, horizon: float, curve: float, aside: float, seed: int
) -> tuple[Picture, NDArray[np.float64]]:
    """A road seen from a bridge.

    Args:
        lanes: all of them are drawn and watched.
        elevation: camera height, metres.
        horizon: its row.
        curve: metres to the side per squared metre ahead.
        aside: metres from the camera's axis to the road's middle.

    Returns:
        (HEIGHT, WIDTH, 3) uint8 RGB, and (HEIGHT, lanes + 1) the column of each lane line per row.
    """
    random = np.random.default_rng([lanes, seed])
    rows = np.arange(HEIGHT, dtype=np.float64)
    scale = np.maximum(rows - horizon, 1.0) / elevation
    ahead = FOCAL / scale
    bend = np.minimum(ahead, _STRAIGHT)
    middle = WIDTH / 2 + scale * (aside + curve * bend**2 + 2 * curve * bend * (ahead - bend))
    half = lanes * LANE_WIDTH / 2
    lines = middle[:, None] + (np.arange(lanes + 1) * LANE_WIDTH - half) * scale[:, None]
    top = round(horizon) + 1
    ground = _ground(random, lanes, middle[top:], scale[top:].astype(np.float32), ahead[top:].astype(np.float32))
    picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    picture[top:] = np.clip(ground, 0, 255).astype(np.uint8)
    _sky(random, picture, top)
    if random.random() < 0.6:
        _barrier(picture, random, middle - scale * (half + 2.2), scale, top)
    return np.asarray(cv2.GaussianBlur(picture, (3, 3), 0), np.uint8), lines


def _ground(
    random: np.random.Generator,
    lanes: int,
    middle: NDArray[np.float64],
    scale: NDArray[np.float32],
    ahead: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Verge, asphalt with wheel tracks and repaired patches, and marks: (rows, WIDTH, 3)."""
    half = lanes * LANE_WIDTH / 2
    pixels = scale[:, None]
    side = ((np.arange(WIDTH)[None] - middle[:, None]) / pixels).astype(np.float32)

    def strip(centre: float, width: float) -> NDArray[np.float32]:
        return np.asarray(np.clip((width / 2 - np.abs(side - centre)) * pixels + 0.5, 0, 1), np.float32)

    shape = side.shape
    asphalt, verge = _ASPHALT[int(random.integers(6))], _VERGE[int(random.integers(6))]
    ground = np.asarray(verge, np.float32) + _texture(random, shape, 10.0)[..., None]
    left, right = float(random.uniform(0.6, 1.5)), float(random.uniform(1.5, 3.2))
    surface = _texture(random, shape, float(random.uniform(4, 8)))
    for lane in range(lanes):
        centre = (lane + 0.5) * LANE_WIDTH - half
        worn = float(random.uniform(-0.08, 0.03)) * asphalt[0]
        for wheel in (-0.85, 0.85):
            surface += worn * strip(centre + wheel, 0.7)
    for _ in range(int(random.integers(0, 4))):
        begin, length = float(random.uniform(15, 90)), float(random.uniform(4, 25))
        at = float(random.uniform(-half + 1, half - 1))
        patch = strip(at, float(random.uniform(0.8, 3))) * ((ahead > begin) & (ahead < begin + length))[:, None]
        surface += float(random.uniform(-14, 8)) * patch
    _lay(
        ground, np.asarray(asphalt, np.float32) + surface[..., None], strip((right - left) / 2, 2 * half + left + right)
    )
    yellow = random.random() < 0.35
    wear, period = float(random.uniform(0.6, 1)), float(random.choice((9, 12, 18)))
    for number in range(lanes + 1):
        at = number * LANE_WIDTH - half
        paint = np.array((214, 176, 60) if yellow and number == 0 else (224, 224, 218), np.float32)
        dash = np.ones(len(ahead), bool) if number in (0, lanes) else ahead % period < period / 3
        mark = strip(at, 0.2 if number in (0, lanes) else 0.15)
        _lay(ground, paint, np.asarray(mark * dash[:, None] * wear, np.float32))
    return ground


def _lay(ground: NDArray[np.float32], paint: NDArray[np.float32], cover: NDArray[np.float32]) -> None:
    ground += (paint - ground) * cover[..., None]


def _texture(random: np.random.Generator, shape: tuple[int, ...], grain: float) -> NDArray[np.float32]:
    fine = cv2.GaussianBlur(random.normal(0, grain, shape).astype(np.float32), (0, 0), 0.8)
    few = random.normal(0, grain / 2, (shape[0] // 24 + 1, shape[1] // 24 + 1)).astype(np.float32)
    return np.asarray(fine + cv2.resize(few, (shape[1], shape[0])), np.float32)


def _sky(random: np.random.Generator, picture: Picture, top: int) -> None:
    """Sky down to a line of trees or hills."""
    above, below = (np.array(colour, np.float32) for colour in _SKY[int(random.integers(3))])
    rows = np.linspace(0, 1, top, dtype=np.float32)[:, None, None]
    picture[:top] = (1 - rows) * above + rows * below
    bumps = cv2.resize(
        random.uniform(2, 22, (1, int(random.integers(20, 120)))), (WIDTH, 1), interpolation=cv2.INTER_CUBIC
    )
    outline = np.stack([np.arange(WIDTH), top - np.clip(bumps[0], 1, 30)], axis=1)
    edge = np.array([(WIDTH - 1, top), (0, top)])
    colour = (float(random.uniform(40, 80)), float(random.uniform(60, 90)), float(random.uniform(40, 70)))
    cv2.fillPoly(picture, [np.concatenate([outline, edge]).round().astype(np.int32)], colour)


def _barrier(
    picture: Picture, random: np.random.Generator, foot: NDArray[np.float64], scale: NDArray[np.float64], top: int
) -> None:
    """A concrete wall or a guard rail of 0.8 m along the left verge."""
    at = np.arange(top + 4, HEIGHT + 120, 4)
    row = np.minimum(at, HEIGHT - 1)
    column = foot[row] + (at - row) * (foot[-1] - foot[-2])
    height = 0.8 * (scale[row] + (at - row) * (scale[-1] - scale[-2]))
    base, tall = np.stack([column, at], axis=1), np.stack([column, at - height], axis=1)
    low = base if random.random() < 0.5 else (base + tall) / 2
    shade = float(random.uniform(130, 205))
    cv2.fillPoly(picture, [np.concatenate([low, tall[::-1]]).round().astype(np.int32)], (shade, shade, shade * 0.97))
