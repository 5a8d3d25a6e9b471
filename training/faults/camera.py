"""Camera faults, put into good pictures: what each does to a picture, and for how long.

Lengths in pixels are those of a picture 1280 wide; smaller pictures get them scaled.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.condition import PictureFaultKind

Picture = NDArray[np.uint8]
_SHIFT = 97
# A picture, seconds since the fault began, and the case's own random numbers.
Change = Callable[[Picture, float, np.random.Generator], Picture]


@dataclass(frozen=True, slots=True)
class Case:
    """One way in which a camera fails, or something harmless that resembles it.

    Attributes:
        kind: what must be told; None: nothing must.
    """

    name: str
    kind: PictureFaultKind | None
    change: Change


def staged(pictures: Iterable[Picture], case: Case, fps: float, start_s: float, end_s: float, seed: int
) -> Iterator[Picture]:  # fmt: skip
    """The pictures with the fault from `start_s` to `end_s`; the same arguments give the same pixels."""
    held: Picture | None = None
    for index, picture in enumerate(pictures):
        time_s = index / fps
        if not start_s <= time_s < end_s:
            yield picture
            continue
        if held is None:
            held = picture
        random = np.random.default_rng([seed, index])
        # What stands still is the picture at the fault's begin; everything else goes on.
        yield case.change(held if case.kind == "frozen" else picture, time_s - start_s, random)


def _clip(values: NDArray[np.floating]) -> Picture:
    return np.asarray(np.clip(values, 0, 255), np.uint8)


@lru_cache(maxsize=4)
def _grain(shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((shape[0] + _SHIFT, shape[1] + _SHIFT, *shape[2:]), np.float32)


def _noise(random: np.random.Generator, shape: tuple[int, ...], level: float) -> NDArray[np.float32]:
    """Sensor noise: one large picture of it, at another place each time."""
    y, x = random.integers(_SHIFT, size=2).tolist()
    return np.asarray(_grain(shape)[y : y + shape[0], x : x + shape[1]] * np.float32(level), np.float32)


def _same(picture: Picture, time_s: float, random: np.random.Generator) -> Picture:
    return picture


def _gain(factor: float, noise: float = 1.0) -> Change:
    def change(picture: Picture, time_s: float, random: np.random.Generator) -> Picture:
        return _clip(picture * np.float32(factor) + _noise(random, picture.shape, noise))

    return change


def _white(picture: Picture, time_s: float, random: np.random.Generator) -> Picture:
    return _clip(np.float32(254) + _noise(random, picture.shape, 1.0))


def _captioned(change: Change) -> Change:
    """With the camera's name and clock along the upper edge, as most cameras write them over whatever they see."""

    def captioned(picture: Picture, time_s: float, random: np.random.Generator) -> Picture:
        done = np.ascontiguousarray(change(picture, time_s, random)).copy()
        text = f"CAM 41  {time_s:07.2f}"
        cv2.putText(done, text, (8, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (235, 235, 235), 1, cv2.LINE_AA)
        return done

    return captioned


def _blur(pixels: float) -> Change:
    def change(picture: Picture, time_s: float, random: np.random.Generator) -> Picture:
        soft = cv2.GaussianBlur(picture, (0, 0), pixels * picture.shape[1] / 1280)
        return _clip(soft + _noise(random, picture.shape, 1.0))

    return change


def _cover(share: float, light: tuple[float, float]) -> Change:
    """Something smooth close before the lens, from the left; its grey levels lie within `light`."""

    def change(picture: Picture, time_s: float, random: np.random.Generator) -> Picture:
        height, width = picture.shape[:2]
        patches = np.random.default_rng(round(share * 100)).uniform(*light, (3, 4, 3)).astype(np.float32)
        cloth = cv2.resize(patches, (width, height), interpolation=cv2.INTER_CUBIC)
        edge = np.clip((share * 1.05 * width - np.arange(width)) / (0.05 * width), 0, 1)[None, :, None]
        return _clip(picture * (1 - edge) + cloth * edge + _noise(random, picture.shape, 1.5))

    return change


def _warp(matrix: Callable[[int, int, float], NDArray[np.float64]]) -> Change:
    """`matrix` (2, 3) from width, height and seconds."""

    def change(picture: Picture, time_s: float, random: np.random.Generator) -> Picture:
        height, width = picture.shape[:2]
        moved = cv2.warpAffine(picture, matrix(width, height, time_s), (width, height), borderMode=cv2.BORDER_REFLECT)
        return np.asarray(moved, np.uint8)

    return change


def _shifted(x: float, y: float) -> Change:
    return _warp(lambda w, h, t: np.array([[1, 0, x * w], [0, 1, y * h]], np.float64))


def _turned(degrees: float, zoom: float = 1.0) -> Change:
    return _warp(lambda w, h, t: np.asarray(cv2.getRotationMatrix2D((w / 2, h / 2), degrees, zoom), np.float64))


def _wandering(w: int, h: int, t: float) -> NDArray[np.float64]:
    """As a person holds a camera: a tenth of the picture to and fro, and a little rotation."""
    turn = np.asarray(cv2.getRotationMatrix2D((w / 2, h / 2), 3 * np.sin(1.3 * t), 1.15), np.float64)
    turn[:, 2] += (0.1 * w * np.sin(0.9 * t + 0.4), 0.08 * h * np.sin(1.4 * t))
    return turn


def _shake(w: int, h: int, t: float) -> NDArray[np.float64]:
    """Wind: 2.5 pixels to and fro."""
    at = 2.5 * w / 1280
    return np.array([[1, 0, at * np.sin(7.3 * t)], [0, 1, at * np.sin(9.1 * t + 1)]], np.float64)


def _lorry(picture: Picture, time_s: float, random: np.random.Generator) -> Picture:
    """A smooth side as high as the picture creeps past within 6 s, every 15 s."""
    height, width = picture.shape[:2]
    at = (time_s % 15) / 6 * 2 - 0.7
    left, right = max(0, round(at * width)), min(width, round((at + 0.7) * width))
    if left < right:
        picture = picture.copy()
        picture[:, left:right] = _clip(np.float32(120) + _noise(random, (height, right - left, 3), 2.0))
    return picture


def _dusk(picture: Picture, time_s: float, random: np.random.Generator) -> Picture:
    return _gain(1 - 0.7 * min(time_s / 25, 1))(picture, time_s, random)


def _cloud(picture: Picture, time_s: float, random: np.random.Generator) -> Picture:
    return _gain(0.6 if time_s % 10 < 5 else 1.1)(picture, time_s, random)


def _fog(picture: Picture, time_s: float, random: np.random.Generator) -> Picture:
    """Thickens within 20 s, more towards the horizon, as far as half of the contrast of the near road."""
    far = np.linspace(1, 0.5, picture.shape[0], dtype=np.float32)[:, None, None] * min(time_s / 20, 1)
    return _clip(picture * (1 - far * 0.9) + 190 * far * 0.9 + _noise(random, picture.shape, 1.0))


CASES: tuple[Case, ...] = (
    Case("frozen, the same picture", "frozen", _same),
    Case("frozen, clock goes on", "frozen", _captioned(_same)),
    Case("black, no signal", "black", _captioned(_gain(0.0, 0.3))),
    Case("black, lens cap with noise", "black", _gain(0.0, 6.0)),
    Case("black, 4 % of the light", "black", _gain(0.04)),
    Case("overexposed, 6 times the light", "overexposed", _gain(6.0)),
    Case("overexposed, white", "overexposed", _captioned(_white)),
    Case("blurred, 6 px", "blurred", _blur(6)),
    Case("blurred, 10 px", "blurred", _blur(10)),
    Case("blurred, 16 px", "blurred", _blur(16)),
    Case("covered, half, grey", "covered", _cover(0.5, (60, 110))),
    Case("covered, half, dark", "covered", _cover(0.5, (4, 14))),
    Case("covered, four fifths", "covered", _cover(0.8, (60, 110))),
    Case("covered, all", "covered", _cover(1.1, (60, 110))),
    Case("moved by 3 %", "moved", _shifted(0.03, 0.01)),
    Case("moved by 8 %", "moved", _shifted(-0.06, 0.08)),
    Case("moved by 25 %", "moved", _shifted(0.25, -0.05)),
    Case("moved, turned by 5 degrees", "moved", _turned(5)),
    Case("moved, zoomed by 15 %", "moved", _turned(0, 1.15)),
    Case("moved, hand-held", "moved", _warp(_wandering)),
    Case("clean", None, _same),
    Case("clean, wind", None, _warp(_shake)),
    Case("clean, clouds", None, _cloud),
    Case("clean, dusk within 25 s", None, _dusk),
    Case("clean, fog comes", None, _fog),
    Case("clean, lorries creep past the lens", None, _lorry),
)
