"""Cut-outs for staged scenes, taken at run time from a picture that Ultralytics ships (bus.jpg).

The outlines were drawn once by hand on that picture; what hides the bus (people, bollards) is painted over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.exceptions import InputError

Outline = Sequence[tuple[int, int]]

# Pixels of bus.jpg (810x1080).
_BUS: Outline = (
    (36, 312), (60, 288), (130, 252), (200, 240), (500, 240), (700, 262), (780, 292), (800, 330), (800, 640),
    (660, 662), (345, 690), (200, 705), (48, 715), (32, 640), (24, 400),
)  # fmt: skip
_MAN_IN_COAT: Outline = (
    (118, 408), (150, 405), (163, 430), (160, 462), (180, 488), (195, 560), (192, 600), (188, 665), (192, 700),
    (188, 790), (200, 868), (240, 890), (242, 903), (180, 908), (176, 880), (160, 800), (143, 722), (120, 765),
    (106, 850), (108, 900), (62, 908), (50, 893), (78, 862), (92, 780), (92, 690), (66, 655), (66, 560), (72, 490),
    (112, 466), (106, 430),
)  # fmt: skip
_MAN_IN_BLACK: Outline = (
    (262, 415), (285, 408), (300, 416), (303, 455), (326, 485), (338, 545), (332, 600), (326, 690), (340, 720),
    (326, 750), (308, 770), (298, 800), (296, 855), (256, 858), (258, 820), (250, 740), (228, 700), (236, 640),
    (240, 560), (228, 530), (240, 500), (266, 468), (258, 440),
)  # fmt: skip
_BEFORE_THE_BUS: tuple[Outline, ...] = (
    ((0, 505), (75, 505), (75, 900), (0, 900)),
    _MAN_IN_COAT,
    _MAN_IN_BLACK,
    ((672, 430), (700, 400), (810, 390), (810, 900), (665, 900)),
    ((425, 655), (462, 655), (462, 770), (425, 770)),
    ((655, 618), (690, 618), (690, 720), (655, 720)),
)


@dataclass(frozen=True, eq=False)
class Cutout:
    """A picture with soft edges.

    Attributes:
        colour: (H, W, 3) uint8, RGB.
        alpha: (H, W) float32, 0..1.
    """

    colour: NDArray[np.uint8]
    alpha: NDArray[np.float32]

    def scaled(self, height: int) -> "Cutout":
        """The cut-out at this height in pixels."""
        return _scaled(self, max(2, height))

    def mirrored(self) -> "Cutout":
        """Left and right exchanged."""
        return Cutout(np.ascontiguousarray(self.colour[:, ::-1]), np.ascontiguousarray(self.alpha[:, ::-1]))

    def recoloured(self, hue: int, gain: float) -> "Cutout":
        """Another paint: hue moved by `hue` (0..179, OpenCV's scale), brightness times `gain`."""
        hsv = cv2.cvtColor(self.colour, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(int) + hue) % 180
        hsv[..., 2] = np.clip(hsv[..., 2] * gain, 0, 255).astype(np.uint8)
        return Cutout(np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8), self.alpha)


@lru_cache(maxsize=4096)
def _scaled(cutout: Cutout, height: int) -> Cutout:
    rows, columns = cutout.alpha.shape
    size = (max(2, round(columns * height / rows)), height)
    how = cv2.INTER_AREA if height < rows else cv2.INTER_LINEAR
    return Cutout(
        np.asarray(cv2.resize(cutout.colour, size, interpolation=how), np.uint8),
        np.asarray(cv2.resize(cutout.alpha, size, interpolation=how), np.float32),
    )


@cache
def bus() -> Cutout:
    """The bus, seen from its front left, at a quarter of the picture's scale (about 200 px wide)."""
    picture = _picture()
    hidden = cv2.bitwise_or(
        cv2.dilate(_mask(*_BEFORE_THE_BUS), np.ones((13, 13), np.uint8)), cv2.bitwise_not(_mask(_BUS))
    )
    quarter = (picture.shape[1] // 4, picture.shape[0] // 4)
    small = cv2.resize(picture, quarter, interpolation=cv2.INTER_AREA)
    hole = cv2.resize(hidden, quarter, interpolation=cv2.INTER_NEAREST)
    alpha = cv2.resize(_mask(_BUS), quarter, interpolation=cv2.INTER_AREA)
    return _cropped(np.asarray(cv2.inpaint(small, hole, 5, cv2.INPAINT_NS), np.uint8), np.asarray(alpha, np.uint8))


@cache
def man_in_coat() -> Cutout:
    """A man on foot, full length."""
    return _cropped(_picture(), _mask(_MAN_IN_COAT))


@cache
def man_in_black() -> Cutout:
    """Another man on foot, full length."""
    return _cropped(_picture(), _mask(_MAN_IN_BLACK))


@cache
def _picture() -> NDArray[np.uint8]:
    # Found without importing the package, which brings PyTorch along.
    package = find_spec("ultralytics")
    places = (package.submodule_search_locations or []) if package else []
    file = next((Path(place) / "assets" / "bus.jpg" for place in places), Path("bus.jpg"))
    found = cv2.imread(str(file))
    if found is None:
        raise InputError(f"{file}: cannot be read; it comes with the ultralytics package")
    return np.asarray(cv2.cvtColor(found, cv2.COLOR_BGR2RGB), np.uint8)


def _mask(*outlines: Outline) -> NDArray[np.uint8]:
    mask = np.zeros(_picture().shape[:2], np.uint8)
    for outline in outlines:
        cv2.fillPoly(mask, [np.array(outline, np.int32)], 255)
    return mask


def _cropped(picture: NDArray[np.uint8], mask: NDArray[np.uint8]) -> Cutout:
    soft = cv2.GaussianBlur(mask, (3, 3), 0).astype(np.float32) / 255
    x, y, width, height = cv2.boundingRect(mask)
    part = np.s_[y : y + height, x : x + width]
    return Cutout(np.ascontiguousarray(picture[part]), np.ascontiguousarray(soft[part]))
