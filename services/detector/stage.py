"""The detector as a plain object: frames in, detections out. No bus, no store."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.detector.backends.base import Backend, Inner
from services.detector.closeups import Region, plan
from services.detector.found import Found, in_region, merge
from services.detector.letterbox import Letterbox, joined
from services.detector.memory.cells import Cells, cells_of
from services.detector.memory.descriptors import LAYERS, describe_patches
from shared.condition import PictureHealth
from shared.exceptions import PoisonMessageError
from shared.frames import Frame
from shared.jpeg import decode_jpeg, jpeg_size
from shared.messages import DetectedObject, Detections, FrameRef
from shared.site import Camera
from shared.surface import Surface


@dataclass(frozen=True, slots=True)
class Decoded:
    """A frame ready for the model.

    Attributes:
        picture: (H, W, 3) uint8 RGB, letterboxed.
        closeups: parts of the picture, each in an input of the same shape.
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

    def due(self, every: int) -> bool:
        """Whether it is the first frame that is seen since the last number that is a multiple of `every`.

        By numbers alone, so that a replay, of which every frame is seen, reads the same frames each time; and if
        frames are shed, the next one makes up for a multiple among them.
        """
        seq, last = self.frame.seq, self.last
        # A producer that was started again counts from 0 again.
        before = seq - 1 if last is None or last >= seq else last
        return seq // every != before // every


Outcome = tuple[Decoded, Found] | PoisonMessageError
"""What became of a frame: it was seen, or could not be decoded."""


@dataclass(frozen=True, slots=True)
class Look:
    """What became of some frames, in their order, and the seconds that the model took for them."""

    outcomes: list[Outcome]
    seconds: float


class DetectorStage:
    """Decodes frames, runs the model once per input shape and turns boxes into detections.

    On a CPU each core takes a few frames from their JPEGs to their boxes and never waits for another; a GPU takes
    batches that several threads decode.

    Attributes:
        remembers: whether roads are described for the memory of how they look empty.

    Example:
        >>> stage = DetectorStage(backend, imgsz=640)          # doctest: +SKIP
        >>> decoded = stage.decode(frame)                      # doctest: +SKIP
        >>> stage.detect([decoded], [ref])[0].objects          # doctest: +SKIP
    """

    def __init__(
        self, backend: Backend, *, imgsz: int = 640, decode_threads: int = 2, cameras: Sequence[Camera] = (),
        heads_every_s: float = 0.0, memory_every_s: float = 0.0,
    ) -> None:  # fmt: skip
        """Pictures of `cameras` get the close-ups that their zones ask for; others are seen as a whole.

        The heads judge a frame of each of them every `heads_every_s` seconds by the camera's rate, and every frame of
        others, whose rate is not known. Likewise for the memory of their roads, `memory_every_s`; 0: never.
        """
        self.backend = backend
        self._imgsz = imgsz
        self._cameras = {camera.id: camera for camera in cameras}
        self._strides = {camera.id: max(1, round(camera.fps * heads_every_s)) for camera in cameras}
        self._readings = {camera.id: max(1, round(camera.fps * memory_every_s)) for camera in cameras}
        self.remembers = memory_every_s > 0
        self._regions: dict[tuple[str, int, int], list[Region]] = {}
        self._cells: dict[tuple[str, Letterbox], Cells | None] = {}
        # Threads are made when they are needed: on a CPU the cores that look decode as well.
        self._decoders = ThreadPoolExecutor(decode_threads, "decode")
        # On a GPU one batch is decoded while another has the model to itself.
        self._on_cpu = backend.device_name == "cpu"
        lookers = backend.parallel if self._on_cpu else 2
        self._lookers = ThreadPoolExecutor(lookers, "infer", backend.join_parallel)
        self._turn: AbstractContextManager[object] = nullcontext() if self._on_cpu else threading.Lock()

    def start(self, frames: Sequence[Frame], last: Sequence[int | None] | None = None) -> Future[Look]:
        """`look` at frames beside what the other cores do; `close` drops what has not begun."""
        return self._lookers.submit(self.look, frames, last)

    def look(self, frames: Sequence[Frame], last: Sequence[int | None] | None = None) -> Look:
        """From JPEGs to what is on them, on the calling thread; see `decode` for `last`."""
        decoded = self.decode_all(frames, last)
        with self._turn:
            start = time.perf_counter()
            found = iter(self.infer([item for item in decoded if isinstance(item, Decoded)]))
            seconds = time.perf_counter() - start
        return Look([(item, next(found)) if isinstance(item, Decoded) else item for item in decoded], seconds)

    def decode(self, frame: Frame, last: int | None = None, out: NDArray[np.uint8] | None = None) -> Decoded:
        """Decode one frame at the model's scale, or whole where there are close-ups.

        Args:
            last: number of the camera's frame before it; None: the one before it was seen as well.
            out: the picture's place, where it has the shape of its input.

        Raises:
            PoisonMessageError: no JPEG, truncated, corrupt or too large.
        """
        width, height = jpeg_size(frame.jpeg)
        letterbox = Letterbox.fit(width, height, self._imgsz, self.backend.stride)
        regions = self.regions(frame.camera, width, height)
        if out is None or out.shape[:2] != letterbox.shape:
            out = np.empty((*letterbox.shape, 3), np.uint8)
        if not regions:
            letterbox.decode(frame.jpeg, out)
            return Decoded(frame, letterbox, out, [], width, height, last)
        picture = decode_jpeg(frame.jpeg)
        letterbox.place(picture, out)
        closer = np.empty((len(regions), *out.shape), np.uint8)
        for region, place in zip(regions, closer, strict=True):
            region.cut(picture, place)
        return Decoded(frame, letterbox, out, list(zip(regions, closer, strict=True)), width, height, last)

    def regions(self, camera_id: str, width: int, height: int) -> list[Region]:
        """The close-ups of a camera's pictures of this size."""
        key = camera_id, width, height
        if key not in self._regions:
            camera = self._cameras.get(camera_id)
            letterbox = Letterbox.fit(width, height, self._imgsz, self.backend.stride)
            self._regions[key] = plan(camera.zones, width, height, letterbox, camera.closeups) if camera else []
        return self._regions[key]

    def decode_all(
        self, frames: Sequence[Frame], last: Sequence[int | None] | None = None
    ) -> list[Decoded | PoisonMessageError]:
        """Decode several frames, side by side in memory where it can be; a frame's error stands in its place."""
        each = map if self._on_cpu else self._decoders.map
        return list(each(self._decode_or_error, frames, last or [None] * len(frames), self._places(frames)))

    def _places(self, frames: Sequence[Frame]) -> Sequence[NDArray[np.uint8] | None]:
        """One array for the inputs of all, if they are as the first's; which are not get their own."""
        try:
            shape = Letterbox.fit(*jpeg_size(frames[0].jpeg), self._imgsz, self.backend.stride).shape
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

    def infer(self, decoded: Sequence[Decoded]) -> list[Found]:
        """What is on each frame, in order: `see` and `look_closer` together."""
        return self.look_closer(decoded, self.see(decoded))

    def see(self, decoded: Sequence[Decoded]) -> list[Found]:
        """What the whole pictures show and the heads say, in order: one forward pass per input shape."""
        found: dict[int, Found] = {}
        for indices in _by_shape(decoded, range(len(decoded))):
            patches = [self._patches(decoded[index]) for index in indices]
            output = self.backend.forward(
                joined([decoded[index].picture for index in indices]),
                features=LAYERS if any(cells is not None for cells in patches) else (),
                inner=[self._inner(decoded[index]) for index in indices],
            )
            for place, (index, boxes, heads) in enumerate(zip(indices, output.boxes, output.heads, strict=True)):
                placed, cells = decoded[index].letterbox.normalise(boxes), patches[place]
                road = describe_patches(output.features, place, cells) if cells is not None else None
                found[index] = Found(placed, boxes.scores, boxes.classes, heads, road)
        return [found[index] for index in range(len(decoded))]

    def _patches(self, item: Decoded) -> Cells | None:
        """The patches of the road to describe on a frame."""
        every = self._readings.get(item.frame.camera)
        return self.cells(item) if self.remembers and every and item.due(every) else None

    def cells(self, item: Decoded) -> Cells | None:
        """The patches of the road on a camera's frame; None where no zone is a road."""
        key = item.frame.camera, item.letterbox
        if key not in self._cells:
            camera = self._cameras.get(item.frame.camera)
            self._cells[key] = cells_of(camera.zones, item.letterbox) if camera else None
        return self._cells[key]

    def _inner(self, item: Decoded) -> Inner | None:
        """What the heads see of a frame."""
        return item.letterbox.inner if item.due(self._strides.get(item.frame.camera, 1)) else None

    def look_closer(self, decoded: Sequence[Decoded], seen: Sequence[Found]) -> list[Found]:
        """`seen` with what the close-ups show: one more forward pass per input shape for each frame's first, second…"""
        found = list(seen)
        for level in range(max((len(item.closeups) for item in decoded), default=0)):
            having = [index for index, item in enumerate(decoded) if len(item.closeups) > level]
            for indices in _by_shape(decoded, having):
                output = self.backend.forward(joined([decoded[index].closeups[level][1] for index in indices]))
                for index, boxes in zip(indices, output.boxes, strict=True):
                    item = decoded[index]
                    closer = in_region(boxes, item.closeups[level][0], item.letterbox.shape, item.width, item.height)
                    found[index] = merge(found[index], closer)
        return found

    def describe(
        self, item: Decoded, ref: FrameRef, found: Found, health: PictureHealth | None = None,
        surface: Surface | None = None,
    ) -> Detections:  # fmt: skip
        """The message of one frame. Coordinates keep 5 digits: a hundredth of a pixel at 1000 px."""
        frame = item.frame
        rows = np.round(found.xyxy, 5).tolist()
        scores = np.round(found.scores.astype(np.float64), 4).tolist()
        labels = self.backend.labels
        objects = [
            DetectedObject.model_construct(label=labels[index], score=score, box=tuple(row))
            for row, score, index in zip(rows, scores, found.classes.tolist(), strict=True)
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
            heads=list(found.heads),
            health=health,
            surface=surface,
            traceparent=frame.traceparent,
        )

    def detect(self, decoded: Sequence[Decoded], refs: Sequence[FrameRef]) -> list[Detections]:
        """`infer` and `describe` together."""
        found = self.infer(decoded)
        return [self.describe(*row) for row in zip(decoded, refs, found, strict=True)]

    def close(self) -> None:
        """Stop the threads."""
        self._decoders.shutdown()
        self._lookers.shutdown(cancel_futures=True)


def _by_shape(decoded: Sequence[Decoded], indices: Iterable[int]) -> list[list[int]]:
    """The frames with these indices, grouped by the shape of their input."""
    groups: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for index in indices:
        groups[decoded[index].letterbox.shape].append(index)
    return list(groups.values())
