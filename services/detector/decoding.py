"""From JPEGs to the model's inputs."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.detector.closeups import Region, plan
from services.detector.letterbox import Letterbox
from services.detector.overview import overview_of
from shared.exceptions import PoisonMessageError
from shared.frames import Frame
from shared.jpeg import decode_jpeg, jpeg_size
from shared.site import Camera


@dataclass(frozen=True, slots=True)
class Decoded:
    """A frame ready for the model.

    Attributes:
        picture: (H, W, 3) uint8 RGB, letterboxed.
        closeups: parts of the picture, each in an input of the same shape.
        overview: the whole of it in a smaller input.
        width: pixels of the JPEG itself, which is what the boxes refer to.
        height: likewise.
        last: number of the camera's frame that was seen before this one, where others between them may have been shed.
    """

    frame: Frame
    letterbox: Letterbox
    picture: NDArray[np.uint8]
    closeups: list[tuple[Region, NDArray[np.uint8]]]
    width: int
    height: int
    last: int | None = None
    overview: tuple[Letterbox, NDArray[np.uint8]] | None = None

    def due(self, every: int) -> bool:
        """Whether it is the first frame that is seen since the last number that is a multiple of `every`.

        By numbers alone, so that a replay, of which every frame is seen, reads the same frames each time; and if
        frames are shed, the next one makes up for a multiple among them.
        """
        seq, last = self.frame.seq, self.last
        # A producer that was started again counts from 0 again.
        before = seq - 1 if last is None or last >= seq else last
        return seq // every != before // every


class Decoder:
    """Decodes frames for one model."""

    def __init__(self, cameras: Sequence[Camera], *, imgsz: int, stride: int, threads: int) -> None:
        """Pictures of `cameras` get the close-ups and the overview that their zones ask for.

        Args:
            imgsz: longer side of the model's input, pixels.
            stride: its sides are multiples of this.
            threads: that decode several frames; 0: the calling thread alone.
        """
        self._cameras = {camera.id: camera for camera in cameras}
        self._imgsz, self._stride = imgsz, stride
        self._plans: dict[tuple[str, int, int], tuple[list[Region], Letterbox | None]] = {}
        self._pool = ThreadPoolExecutor(threads, "decode") if threads else None

    def decode(self, frame: Frame, last: int | None = None, out: NDArray[np.uint8] | None = None) -> Decoded:
        """Decode one frame at the model's scale, or whole where there are close-ups.

        Args:
            last: number of the camera's frame before it; None: the one before it was seen as well.
            out: the picture's place, where it has the shape of its input.

        Raises:
            PoisonMessageError: no JPEG, truncated, corrupt or too large.
        """
        width, height = jpeg_size(frame.jpeg)
        letterbox = Letterbox.fit(width, height, self._imgsz, self._stride)
        regions, smaller = self._plan(frame.camera, width, height, letterbox)
        if out is None or out.shape[:2] != letterbox.shape:
            out = np.empty((*letterbox.shape, 3), np.uint8)
        if not regions:
            letterbox.decode(frame.jpeg, out)
            return Decoded(frame, letterbox, out, [], width, height, last, _overview(letterbox, out, smaller))
        picture = decode_jpeg(frame.jpeg)
        letterbox.place(picture, out)
        closer = np.empty((len(regions), *out.shape), np.uint8)
        for region, place in zip(regions, closer, strict=True):
            region.cut(picture, place)
        closeups, overview = list(zip(regions, closer, strict=True)), _overview(letterbox, out, smaller)
        return Decoded(frame, letterbox, out, closeups, width, height, last, overview)

    def _plan(
        self, camera_id: str, width: int, height: int, letterbox: Letterbox
    ) -> tuple[list[Region], Letterbox | None]:
        """The close-ups of a camera's pictures of this size, and the input of their overview."""
        key = camera_id, width, height
        if key not in self._plans:
            camera = self._cameras.get(camera_id)
            closeups, overview = [], None
            if camera is not None:
                closeups = plan(camera.zones, width, height, letterbox, camera.closeups)
                if camera.overview:
                    overview = overview_of(camera.zones, width, height, letterbox, self._stride)
            self._plans[key] = closeups, overview
        return self._plans[key]

    def decode_all(
        self, frames: Sequence[Frame], last: Sequence[int | None] | None = None
    ) -> list[Decoded | PoisonMessageError]:
        """Decode several frames, side by side in memory where it can be; a frame's error stands in its place."""
        each = self._pool.map if self._pool else map
        return list(each(self._decode_or_error, frames, last or [None] * len(frames), self._places(frames)))

    def _places(self, frames: Sequence[Frame]) -> Sequence[NDArray[np.uint8] | None]:
        """One array for the inputs of all, if they are as the first's; which are not get their own."""
        try:
            shape = Letterbox.fit(*jpeg_size(frames[0].jpeg), self._imgsz, self._stride).shape
        except (IndexError, PoisonMessageError):
            return [None] * len(frames)
        return list(np.empty((len(frames), *shape, 3), np.uint8))

    def _decode_or_error(
        self, frame: Frame, last: int | None, out: NDArray[np.uint8] | None = None
    ) -> Decoded | PoisonMessageError:
        try:
            return self.decode(frame, last, out)
        except PoisonMessageError as error:
            return error

    def close(self) -> None:
        """Stop the threads."""
        if self._pool:
            self._pool.shutdown()


def _overview(
    letterbox: Letterbox, whole: NDArray[np.uint8], smaller: Letterbox | None
) -> tuple[Letterbox, NDArray[np.uint8]] | None:
    """The picture of the whole look once more, in the smaller input."""
    return None if smaller is None else (smaller, smaller.placed(letterbox.inside(whole)))
