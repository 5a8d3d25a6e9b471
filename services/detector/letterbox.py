"""From a picture to the model's input: resized, padded; and boxes back again."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from services.detector.backends.base import Boxes, Inner
from shared.jpeg import Picture, decode_jpeg

# The grey that YOLO was trained with around pictures.
_PAD = 114


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How a picture of one size is placed in the model's input.

    Attributes (pixels of the input):
        width, height: sides of the input, multiples of the model's stride.
        inner_width, inner_height: sides of the scaled picture.
        left, top: its position.

    Example:
        >>> Letterbox.fit(1280, 720, 640)
        Letterbox(width=640, height=384, inner_width=640, inner_height=360, left=0, top=12)
    """

    width: int
    height: int
    inner_width: int
    inner_height: int
    left: int
    top: int

    @classmethod
    def fit(cls, width: int, height: int, imgsz: int, stride: int = 32) -> "Letterbox":
        """The longer side becomes `imgsz`; the shorter is padded to the next multiple of the stride.

        The input's shape depends on the picture's alone, never on the others of its batch.
        """
        scale = imgsz / max(width, height)
        inner_width, inner_height = max(1, round(width * scale)), max(1, round(height * scale))
        full_width, full_height = -(-inner_width // stride) * stride, -(-inner_height // stride) * stride
        left, top = (full_width - inner_width) // 2, (full_height - inner_height) // 2
        return cls(full_width, full_height, inner_width, inner_height, left, top)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the input."""
        return self.height, self.width

    @property
    def inner(self) -> Inner:
        """Where the picture lies in the input."""
        return self.left, self.top, self.inner_width, self.inner_height

    def place(self, picture: Picture, out: NDArray[np.uint8]) -> None:
        """Scale a picture into an input.

        Args:
            picture: (H, W, 3) uint8, of any size.
            out: (height, width, 3) uint8; fully overwritten.
        """
        if picture.shape[:2] != (self.inner_height, self.inner_width):
            shrinking = picture.shape[1] >= self.inner_width
            picture = cv2.resize(  # type: ignore[assignment]
                picture,
                (self.inner_width, self.inner_height),
                interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR,
            )
        self.inside(out)[:] = picture
        self._pad(out)

    def placed(self, picture: Picture) -> NDArray[np.uint8]:
        """(height, width, 3): an input of its own with the picture."""
        out = np.empty((*self.shape, 3), np.uint8)
        self.place(picture, out)
        return out

    def decode(self, jpeg: bytes, out: NDArray[np.uint8]) -> None:
        """Decode a JPEG into an input; straight to its place where it comes in the right size.

        Args:
            out: (height, width, 3) uint8; fully overwritten.

        Raises:
            PoisonMessageError: truncated or corrupt, or too large.
        """
        inside = self.inside(out)
        picture = decode_jpeg(jpeg, min_width=self.inner_width, min_height=self.inner_height, out=inside)
        if picture is inside:
            self._pad(out)
        else:
            self.place(picture, out)

    def inside(self, out: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture's part of an input."""
        return out[self.top : self.top + self.inner_height, self.left : self.left + self.inner_width]

    def _pad(self, out: NDArray[np.uint8]) -> None:
        bottom, right = self.top + self.inner_height, self.left + self.inner_width
        out[: self.top] = _PAD
        out[bottom:] = _PAD
        out[self.top : bottom, : self.left] = _PAD
        out[self.top : bottom, right:] = _PAD

    def normalise(self, boxes: Boxes) -> NDArray[np.float64]:
        """Boxes in pixels of the input to 0..1 of the picture, clipped to it: (K, 4)."""
        xyxy = boxes.xyxy.astype(np.float64)
        xyxy[:, 0::2] = (xyxy[:, 0::2] - self.left) / self.inner_width
        xyxy[:, 1::2] = (xyxy[:, 1::2] - self.top) / self.inner_height
        return xyxy.clip(0.0, 1.0)


def joined(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """(N, H, W, 3) of N pictures of one shape: no copy where they lie one after the other in one array."""
    first, whole = pictures[0], pictures[0].base
    if isinstance(whole, np.ndarray) and whole.shape[1:] == first.shape:
        places = [_place(picture, whole) for picture in pictures]
        if places == list(range(places[0], places[0] + len(places))):
            return whole[places[0] : places[0] + len(places)]
    return np.stack(pictures)


def _place(picture: NDArray[np.uint8], whole: NDArray[np.uint8]) -> int:
    """Which row of `whole` a picture is; -1 when it is none."""
    if picture.base is not whole:
        return -1
    return (picture.ctypes.data - whole.ctypes.data) // whole.strides[0]
