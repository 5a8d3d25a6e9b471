"""A real clip in which one of its own vehicles stops on a lane.

    python -m training.scenes freeze CLIP --at 2.0 --box 0.55,0.61,0.64,0.73 --out staged.mp4 --truth truth.json

From `at` on the vehicle's cut-out stays where it was; nearer traffic passes in front of it, the rest goes on
behind. The real vehicle, which would drive on out of its own frozen picture, is painted away with the empty road
(the clip's median) as far as its blob can be followed.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from shared.exceptions import ConfigError
from training.scenes.canvas import Picture, blend
from training.scenes.clip import ClipWriter
from training.scenes.footage import Mask, empty_road, foreground, nearer, pictures_of, rate_of

Box = tuple[int, int, int, int]

# The followed vehicle may move this far between two frames, in its own sizes.
_REACH = 0.35


@dataclass(frozen=True, slots=True)
class Stop:
    """What is staged.

    Attributes:
        at_s: seconds since the first frame at which the vehicle stops.
        box: where it is then, normalised 0..1.
        until_s: when its picture is taken away again; None for the clip's end.
    """

    at_s: float
    box: tuple[float, float, float, float]
    until_s: float | None = None


def freeze(clip: Path, out: Path, stop: Stop) -> float:
    """Write the staged clip; returns its duration in seconds.

    Raises:
        InputError: the clip cannot be read.
        ConfigError: nothing stands out from the empty road in the box.
    """
    background = empty_road(clip)
    rate, count = rate_of(clip)
    frozen: _Frozen | None = None
    with ClipWriter(out, background.shape[1] // 2 * 2, background.shape[0] // 2 * 2, rate) as writer:
        for index, picture in enumerate(pictures_of(clip)):
            time_s = float(index / rate)
            if frozen is None and time_s >= stop.at_s:
                frozen = _Frozen(picture, background, stop.box)
            if frozen is not None:
                over = stop.until_s is not None and time_s >= stop.until_s
                picture = frozen.apply(picture, visible=not over)
            writer.write(np.ascontiguousarray(picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]))
    return float(count / rate)


def write_truth(path: Path, camera: str, zone: str | None, stop: Stop, duration_s: float) -> None:
    """The truth file of the staged clip."""
    incident = {
        "camera": camera,
        "incident": "stopped-vehicle",
        "start_s": stop.at_s,
        "end_s": stop.until_s if stop.until_s is not None else duration_s,
    }
    if zone is not None:
        incident["zone"] = zone
    path.write_text(json.dumps({"incidents": [incident], "duration_s": {camera: duration_s}}, indent=2) + "\n")


class _Frozen:
    """The standing cut-out, and the real vehicle that is followed and painted away."""

    def __init__(self, picture: Picture, background: Picture, box: tuple[float, float, float, float]) -> None:
        height, width = picture.shape[:2]
        self._background = background
        x1, y1, x2, y2 = (round(side * scale) for side, scale in zip(box, (width, height, width, height), strict=True))
        margin = max(2, (y2 - y1) // 12)  # the contact shadow belongs to the vehicle
        self._region: Box = (
            max(0, x1 - margin),
            max(0, y1 - margin),
            min(width, x2 + margin),
            min(height, y2 + margin),
        )
        mask = np.zeros((height, width), bool)
        mask[_part(self._region)] = foreground(picture, background)[_part(self._region)]
        mask = _filled(mask)
        if mask.sum() < 0.2 * (x2 - x1) * (y2 - y1):
            raise ConfigError(f"--box: nothing stands out from the empty road in {box}; look at the frame again")
        soft = cv2.GaussianBlur(mask.astype(np.float32), (5, 5), 0)
        self._colour, self._alpha = (
            picture[_part(self._region)].copy(),
            np.asarray(soft, np.float32)[_part(self._region)],
        )
        self._foot = y2
        self._followed: Mask | None = mask

    def apply(self, picture: Picture, *, visible: bool) -> Picture:
        """One later frame with the vehicle standing (or taken away), and the real one gone."""
        result = picture.copy()
        moving = foreground(picture, self._background)
        real = self._follow(moving)
        if real is not None:
            weight = cv2.GaussianBlur(
                cv2.dilate(real.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(np.float32), (5, 5), 0
            )
            blend(result, self._background, np.asarray(weight, np.float32))
            moving &= ~(cv2.dilate(real.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)
        if visible:
            part = _part(self._region)
            blend(result[part], self._colour, self._alpha * ~nearer(moving, self._foot)[part])
        return result

    def _follow(self, moving: Mask) -> Mask | None:
        """The blobs of this frame that continue the real vehicle: those that overlap it where it was last."""
        if self._followed is None:
            return None
        count, labels, stats, centres = cv2.connectedComponentsWithStats(moving.astype(np.uint8))
        last = self._followed
        ys, xs = np.nonzero(last)
        size = float(len(xs)) ** 0.5
        centre = np.array([xs.mean(), ys.mean()])
        found = np.zeros_like(moving)
        for label in range(1, count):
            blob = labels == label
            overlap = int((blob & last).sum())
            near = float(np.hypot(*(centres[label] - centre))) < _REACH * 2 * size
            # A blob much larger than the vehicle has merged with a neighbour: only the part near it is taken.
            if overlap > 0.15 * min(stats[label, cv2.CC_STAT_AREA], len(xs)) and near:
                found |= blob if stats[label, cv2.CC_STAT_AREA] < 2.5 * len(xs) else blob & _grown(last)
        self._followed = found if found.sum() > 20 else None
        return self._followed


def _part(box: Box) -> tuple[slice, slice]:
    return slice(box[1], box[3]), slice(box[0], box[2])


def _grown(mask: Mask) -> Mask:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((15, 15), np.uint8)) > 0)


def _filled(mask: Mask) -> Mask:
    """The largest outline with everything inside it: windscreens that are as grey as the road belong to it."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    filled = np.zeros(mask.shape, np.uint8)
    if outlines:
        cv2.drawContours(filled, [cv2.convexHull(max(outlines, key=cv2.contourArea))], -1, 1, cv2.FILLED)
    return filled > 0
