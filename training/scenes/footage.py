"""Real clips of fixed cameras, as scenes are staged in them: their frames, the empty road, and who passes in front."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from shared.exceptions import InputError
from training.scenes.canvas import Picture

Mask = NDArray[np.bool_]

# A pixel belongs to something that is not the empty road when it differs by this much (0..255, any channel).
_DIFFERENCE = 28
# The median of this many frames, spread over the clip, is the empty road.
_SAMPLES = 75


def empty_road(clip: Path) -> Picture:
    """The median of frames spread over the clip: what stays when the traffic is gone."""
    _, count = rate_of(clip)
    step = max(1, count // _SAMPLES)
    samples = [picture for index, picture in enumerate(pictures_of(clip)) if index % step == 0]
    return np.asarray(np.median(np.stack(samples), axis=0), np.uint8)


def foreground(picture: Picture, background: Picture) -> Mask:
    """What differs from the empty road, with small holes closed and specks removed: (H, W) booleans."""
    difference = cv2.absdiff(picture, background).max(axis=2)
    mask = (difference > _DIFFERENCE).astype(np.uint8)
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)), np.uint8)
    return mask > 0


def nearer(moving: Mask, foot: float) -> Mask:
    """Moving blobs whose lower edge is below the row `foot`: they pass in front of what stands there."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(moving.astype(np.uint8))
    below = stats[:, cv2.CC_STAT_TOP] + stats[:, cv2.CC_STAT_HEIGHT] > foot + 3
    below[0] = False
    result: Mask = below[labels] if count > 1 else np.zeros_like(moving)
    return result


def rate_of(clip: Path) -> tuple[Fraction, int]:
    """Frames per second, and how many there are."""
    with _open(clip) as container:
        stream = container.streams.video[0]
        rate = stream.average_rate or Fraction(25)
        return rate, stream.frames or round(float((stream.duration or 0) * (stream.time_base or 0)) * float(rate))


def pictures_of(clip: Path) -> Iterator[Picture]:
    """A clip's frames, RGB, as they are decoded."""
    with _open(clip) as container:
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _open(clip: Path) -> InputContainer:
    try:
        container = av.open(str(clip))
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"{clip}: cannot be read as video: {error.strerror}") from None
    if not container.streams.video:
        raise InputError(f"{clip}: has no video stream")
    return container
