"""Cut-outs at their size in the picture, with their contact shadow: made once, then drawn with two 8-bit passes."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from training.scenes.canvas import Picture
from training.scenes.cutouts import Cutout

# The optics and the codec of a road camera do not draw a far car as sharply as a shrunken picture of a near one is.
# With these (height in pixels below which, sigma) cut-outs have the contrast from pixel to pixel of the clip's own
# vehicles at that size.
_BLURS = ((32, 0.45), (56, 0.4))
_SHADOW = 0.55


@dataclass(frozen=True, eq=False)
class Sprite:
    """Attributes: paint, (H, W, 3), is added after the picture was multiplied by keep / 255; foot's column and row."""

    paint: NDArray[np.uint8]
    keep: NDArray[np.uint8]
    column: int
    row: int


def sprite_of(cutout: Cutout, height: float, *, shadow: bool) -> Sprite:
    """The cut-out at this height in pixels; beyond 64 pixels in steps of two."""
    return _sprite(cutout, max(3, round(height) if height < 64 else 2 * round(height / 2)), shadow)


def draw(picture: Picture, sprite: Sprite, column: float, row: float) -> None:
    """Draw in place, with its foot there; what lies outside the picture is cut off."""
    height, width = sprite.keep.shape[:2]
    left, top = round(column) - sprite.column, round(row) - sprite.row
    x1, y1 = max(left, 0), max(top, 0)
    x2, y2 = min(left + width, picture.shape[1]), min(top + height, picture.shape[0])
    if x1 < x2 and y1 < y2:
        part = np.s_[y1 - top : y2 - top, x1 - left : x2 - left]
        region = picture[y1:y2, x1:x2]
        cv2.multiply(region, sprite.keep[part], dst=region, scale=1 / 255)
        cv2.add(region, sprite.paint[part], dst=region)


@lru_cache(maxsize=1536)
def _sprite(cutout: Cutout, height: int, shadow: bool) -> Sprite:
    rows, columns = cutout.alpha.shape
    width = max(2, round(columns * height / rows))
    how = cv2.INTER_AREA if height < rows else cv2.INTER_LINEAR
    alpha = cutout.alpha[..., None]
    solid = cv2.resize(cutout.colour * alpha, (width, height), interpolation=how)
    cover = cv2.resize(cutout.alpha, (width, height), interpolation=how)
    side, above, under = 3 + width // 6, 2, 3 + width // 8
    border = (above, under, side, side)
    solid = cv2.copyMakeBorder(solid, *border, cv2.BORDER_CONSTANT)
    cover = cv2.copyMakeBorder(cover, *border, cv2.BORDER_CONSTANT)
    sigma = next((sigma for below, sigma in _BLURS if height < below), None)
    if sigma is not None:
        solid, cover = cv2.GaussianBlur(solid, (0, 0), sigma), cv2.GaussianBlur(cover, (0, 0), sigma)
    open_ = 1 - cover
    if shadow:
        dark = np.zeros(cover.shape, np.float32)
        depth = max(1, width // 14)
        centre = side + width // 2, above + height - depth // 2 - 1
        cv2.ellipse(dark, centre, (max(1, round(width * 0.46)), depth), 0, 0, 360, _SHADOW, -1)
        open_ = open_ * (1 - cv2.GaussianBlur(dark, (0, 0), max(0.6, depth / 2)))
    keep = np.repeat((open_ * 255).round()[..., None], 3, axis=2).astype(np.uint8)
    return Sprite(np.clip(solid.round(), 0, 255).astype(np.uint8), keep, side + width // 2, above + height)
