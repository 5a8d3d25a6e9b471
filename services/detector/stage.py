"""The detector as a plain object: frames in, detections out. No bus, no store."""

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.detector.backends.base import Backend, Boxes
from services.detector.letterbox import Letterbox
from shared.exceptions import PoisonMessageError
from shared.frames import Frame
from shared.jpeg import jpeg_size
from shared.messages import DetectedObject, Detections, FrameRef


@dataclass(frozen=True, slots=True)
class Decoded:
    """A frame ready for the model.

    Attributes:
        picture: (H, W, 3) uint8 RGB, letterboxed.
        width: pixels of the JPEG itself, which is what the boxes refer to.
        height: likewise.
    """

    frame: Frame
    letterbox: Letterbox
    picture: NDArray[np.uint8]
    width: int
    height: int


class DetectorStage:
    """Decodes frames, runs the model once per input shape and turns boxes into detections.

    Example:
        >>> stage = DetectorStage(backend, imgsz=640)          # doctest: +SKIP
        >>> decoded = stage.decode(frame)                      # doctest: +SKIP
        >>> stage.detect([decoded], [ref])[0].objects          # doctest: +SKIP
    """

    def __init__(self, backend: Backend, *, imgsz: int = 640, decode_threads: int = 2) -> None:
        self.backend = backend
        self._imgsz = imgsz
        self._pool = ThreadPoolExecutor(decode_threads, thread_name_prefix="decode")

    def decode(self, frame: Frame) -> Decoded:
        """Decode one frame at the model's scale.

        Raises:
            PoisonMessageError: no JPEG, truncated, corrupt or too large.
        """
        width, height = jpeg_size(frame.jpeg)
        letterbox = Letterbox.fit(width, height, self._imgsz, self.backend.stride)
        picture = np.empty((*letterbox.shape, 3), np.uint8)
        letterbox.place(frame.jpeg, picture)
        return Decoded(frame, letterbox, picture, width, height)

    def decode_all(self, frames: Sequence[Frame]) -> list[Decoded | PoisonMessageError]:
        """Decode several frames on the stage's threads; a frame's error stands in its place."""
        return list(self._pool.map(self._decode_or_error, frames))

    def _decode_or_error(self, frame: Frame) -> Decoded | PoisonMessageError:
        try:
            return self.decode(frame)
        except PoisonMessageError as error:
            return error

    def infer(self, decoded: Sequence[Decoded]) -> list[Boxes]:
        """Boxes per frame, in order, in pixels of the input: one forward pass per input shape."""
        by_shape: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        for index, item in enumerate(decoded):
            by_shape[item.letterbox.shape].append(index)
        boxes: dict[int, Boxes] = {}
        for indices in by_shape.values():
            output = self.backend.forward(np.stack([decoded[index].picture for index in indices]))
            boxes.update(zip(indices, output.boxes, strict=True))
        return [boxes[index] for index in range(len(decoded))]

    def describe(self, item: Decoded, ref: FrameRef, boxes: Boxes) -> Detections:
        """The message of one frame. Coordinates keep 5 digits: a hundredth of a pixel at 1000 px."""
        frame = item.frame
        rows = np.round(item.letterbox.normalise(boxes), 5).tolist()
        scores = np.round(boxes.scores.astype(np.float64), 4).tolist()
        labels = self.backend.labels
        objects = [
            DetectedObject.model_construct(label=labels[index], score=score, box=tuple(row))
            for row, score, index in zip(rows, scores, boxes.classes.tolist(), strict=True)
            if row[2] > row[0] and row[3] > row[1]
        ]
        return Detections.model_construct(
            schema_="wayside.detections/1",
            camera=frame.camera,
            seq=frame.seq,
            run=frame.run,
            frame=ref,
            width=item.width,
            height=item.height,
            model=self.backend.version,
            objects=objects,
            traceparent=frame.traceparent,
        )

    def detect(self, decoded: Sequence[Decoded], refs: Sequence[FrameRef]) -> list[Detections]:
        """`infer` and `describe` together."""
        found = self.infer(decoded)
        return [self.describe(*row) for row in zip(decoded, refs, found, strict=True)]

    def close(self) -> None:
        """Stop the decoding threads."""
        self._pool.shutdown()
