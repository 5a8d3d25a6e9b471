"""Dual background models: what the slow one calls foreground and the fast one has already taken for background stays.

After Porikli, Ivanov and Haga, "Robust abandoned object detection using dual foregrounds" (EURASIP JASP 2008): per
pixel, evidence grows while it belongs to such a thing and shrinks while it does not, so that traffic in front of the
thing costs some time only. They took Bayesian mixtures; here it is OpenCV's mixture (MOG2, Zivkovic 2004) or a mean
and a variance per pixel (Wren et al., PAMI 1997).
"""

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.clock import NS
from shared.jpeg import Picture
from shared.surface import Unfamiliar
from training.bench.rivals.ground import Ground, Mask, parts

# A mixture takes something for background once its weight exceeds what the model leaves to foreground (OpenCV's
# default, 1 - 0.9): after 0.105 of the time constant.
_ABSORBED = 0.105
# Evidence beyond this would keep a region alive long after the thing has gone; from `_TELLS_S` on it is a region.
_MOST_S, _TELLS_S = 12.0, 3.0
# A variance per pixel below this (grey levels squared, three channels) is the JPEG's rounding.
_LEAST_VARIANCE = 12.0
# Foreground changes the slow mean at this part of its rate: traffic must not blur it.
_SHY = 0.1

Kind = Literal["mog2", "mean"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class DualSettings:
    """What was tuned on `dev`.

    Attributes:
        kind: of the models.
        imgsz: longer side of the picture in pixels.
        threshold: squared distance from the background, in variances.
        fast_s, slow_s: until the models take a thing for background.
        area: least pixels of a thing at a longer side of 640.
        opening: side of the square of the morphological opening, pixels; 1: none.
    """

    kind: Kind = "mog2"
    imgsz: int = 640
    threshold: float = 16.0
    fast_s: float = 1.5
    slow_s: float = 120.0
    area: int = 12
    opening: int = 3


class Background(Protocol):
    """A model of the picture without anything."""

    def foreground(self, picture: Picture, rate: float) -> Mask:
        """(H, W) what is not background; then learn the picture at this rate, 0..1."""


class Mixture:
    """OpenCV's, which tells shadows from things."""

    def __init__(self, threshold: float) -> None:
        self._model = cv2.createBackgroundSubtractorMOG2(varThreshold=threshold, detectShadows=True)

    def foreground(self, picture: Picture, rate: float) -> Mask:
        """See `Background`."""
        found: Mask = np.asarray(self._model.apply(picture, learningRate=rate)) == 255
        return found


class Mean:
    """A mean colour and a variance per pixel; `shy`: foreground changes them little."""

    def __init__(self, threshold: float, shy: bool) -> None:
        self._threshold, self._shy = threshold, shy
        self._mean: NDArray[np.float32] | None = None
        self._variance: NDArray[np.float32] | None = None

    def foreground(self, picture: Picture, rate: float) -> Mask:
        """See `Background`."""
        now = picture.astype(np.float32)
        if self._mean is None or self._variance is None:
            self._mean, self._variance = now, np.full(now.shape[:2], 4 * _LEAST_VARIANCE, np.float32)
        apart = now - self._mean
        square = np.einsum("hwc,hwc->hw", apart, apart)
        found: Mask = square > self._threshold * np.maximum(self._variance, _LEAST_VARIANCE)
        rates = np.where(found, rate * (_SHY if self._shy else 1.0), rate).astype(np.float32)
        self._mean += rates[..., None] * apart
        self._variance += rates * (square - self._variance)
        return found


class DualBackground:
    """See the module; the models see the part of the picture around the lanes."""

    def __init__(self, ground: Ground, settings: DualSettings, fps: float, learn_s: float) -> None:
        self.ground, self._settings, self._fps, self._learning = ground, settings, fps, round(learn_s * fps)
        rows, columns = np.flatnonzero(ground.mask.any(axis=1)), np.flatnonzero(ground.mask.any(axis=0))
        self._part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        self._lanes = ground.mask[self._part]
        self._evidence = np.zeros(self._lanes.shape, np.float32)
        absorbed = _ABSORBED if settings.kind == "mog2" else 1.0
        self._rates = [absorbed / (seconds * fps) for seconds in (settings.slow_s, settings.fast_s)]
        self._slow, self._fast = (_model(settings, shy) for shy in (True, False))
        self._kernel = np.ones((settings.opening, settings.opening), np.uint8)
        self._frames = 0

    def see(self, picture: Picture, at: int) -> list[Unfamiliar]:
        """Take a frame, every one of the camera's.

        Args:
            picture: (height, width, 3) uint8 RGB, of `ground`.
            at: UTC ns, which never runs back.
        """
        self._frames += 1
        around = np.ascontiguousarray(picture[self._part])
        # While it learns each frame counts the same, or the slow model would know the first one only.
        least = 1 / self._frames if self._frames <= self._learning else 0.0
        slow = self._slow.foreground(around, max(self._rates[0], least))
        fast = self._fast.foreground(around, max(self._rates[1], least))
        stays = (slow & ~fast & self._lanes).astype(np.uint8)
        stays = cv2.morphologyEx(stays, cv2.MORPH_OPEN, self._kernel)  # type: ignore[assignment]
        self._evidence += np.where(stays > 0, 1 / self._fps, -1 / self._fps).astype(np.float32)
        np.clip(self._evidence, 0, _MOST_S, out=self._evidence)
        return self._regions(at)

    def _regions(self, at: int) -> list[Unfamiliar]:
        sure = self._evidence >= _TELLS_S
        if not sure.any():
            return []
        least = self._settings.area * (self._settings.imgsz / 640) ** 2
        found = []
        for part in parts(sure):
            if part.sum() < least:
                continue
            whole = np.zeros(self.ground.mask.shape, np.bool_)
            whole[self._part] = part
            since = at - int(float(np.median(self._evidence[part])) * NS)
            found.append(self.ground.unfamiliar(whole, 1.0, since))
        return found


def _model(settings: DualSettings, shy: bool) -> Background:
    return Mixture(settings.threshold) if settings.kind == "mog2" else Mean(settings.threshold, shy)
