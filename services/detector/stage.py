"""The detector as a plain object: frames in, detections out. No bus, no store."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from services.detector.backends.base import Backend, Inner
from services.detector.decoding import Decoded, Decoder
from services.detector.found import Found, in_region, merge
from services.detector.letterbox import Letterbox, joined
from services.detector.memory.cells import Cells, cells_of
from services.detector.memory.descriptors import LAYERS, describe_patches
from services.detector.overview import in_overview
from shared.condition import PictureHealth
from shared.exceptions import PoisonMessageError
from shared.frames import Frame
from shared.messages import DetectedObject, Detections, FrameRef
from shared.site import Camera
from shared.surface import Surface

__all__ = ["CPU_BATCH", "Decoded", "DetectorStage", "Look", "Outcome"]

# Of one core. PyTorch takes a sixth less for each of two pictures than for one alone, and hardly less for more; others
# take the same. Larger batches come later.
CPU_BATCH = 2

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
        """Pictures of `cameras` get the close-ups and overviews that their zones ask for; others are seen as a whole.

        The heads judge a frame of each of them every `heads_every_s` seconds by the camera's rate, and every frame of
        others, whose rate is not known. Likewise for the memory of their roads, `memory_every_s`; 0: never.
        `decode_threads` decode for a GPU; on a CPU the cores that look decode as well.
        """
        self.backend = backend
        self._cameras = {camera.id: camera for camera in cameras}
        self._strides = {camera.id: max(1, round(camera.fps * heads_every_s)) for camera in cameras}
        self._readings = {camera.id: max(1, round(camera.fps * memory_every_s)) for camera in cameras}
        self.remembers = memory_every_s > 0
        self._cells: dict[tuple[str, Letterbox], Cells | None] = {}
        threads = 0 if backend.device_name == "cpu" else decode_threads
        self._decoder = Decoder(cameras, imgsz=imgsz, stride=backend.stride, threads=threads)
        self._lookers = ThreadPoolExecutor(backend.parallel, "infer", backend.join_parallel)

    def together(self, most: int) -> int:
        """Frames that are looked at together: up to `most`, on a CPU few."""
        return min(most, CPU_BATCH) if self.backend.device_name == "cpu" else most

    def start(self, frames: Sequence[Frame], last: Sequence[int | None] | None = None) -> Future[Look]:
        """`look` at frames beside what the other cores do; `close` drops what has not begun."""
        return self._lookers.submit(self.look, frames, last)

    def look(self, frames: Sequence[Frame], last: Sequence[int | None] | None = None) -> Look:
        """From JPEGs to what is on them, on the calling thread; see `decode` for `last`."""
        decoded = self.decode_all(frames, last)
        start = time.perf_counter()
        found = iter(self.infer([item for item in decoded if isinstance(item, Decoded)]))
        seconds = time.perf_counter() - start
        return Look([(item, next(found)) if isinstance(item, Decoded) else item for item in decoded], seconds)

    def decode(self, frame: Frame, last: int | None = None) -> Decoded:
        """See `Decoder.decode`.

        Raises:
            PoisonMessageError: no JPEG, truncated, corrupt or too large.
        """
        return self._decoder.decode(frame, last)

    def decode_all(
        self, frames: Sequence[Frame], last: Sequence[int | None] | None = None
    ) -> list[Decoded | PoisonMessageError]:
        """See `Decoder.decode_all`."""
        return self._decoder.decode_all(frames, last)

    def infer(self, decoded: Sequence[Decoded]) -> list[Found]:
        """What is on each frame, in order: `see`, `look_closer` and `step_back` together."""
        return self.step_back(decoded, self.look_closer(decoded, self.see(decoded)))

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
            # Of two threads that come here together the first wins: a memory is of one `Cells` alone.
            self._cells.setdefault(key, cells_of(camera.zones, item.letterbox) if camera else None)
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

    def step_back(self, decoded: Sequence[Decoded], seen: Sequence[Found]) -> list[Found]:
        """`seen` with what the overviews show: one more, smaller forward pass per input shape."""
        found = list(seen)
        overviews = {index: item.overview for index, item in enumerate(decoded) if item.overview is not None}
        for indices in _groups({index: letterbox.shape for index, (letterbox, _) in overviews.items()}):
            output = self.backend.forward(joined([overviews[index][1] for index in indices]))
            for index, boxes in zip(indices, output.boxes, strict=True):
                found[index] = merge(found[index], in_overview(boxes, overviews[index][0]), favour=1.0)
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
        objects = [  # the validating constructor is compiled; `model_construct` is Python and slower
            DetectedObject(label=labels[index], score=score, box=tuple(row))
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
        self._decoder.close()
        self._lookers.shutdown(cancel_futures=True)


def _by_shape(decoded: Sequence[Decoded], indices: Iterable[int]) -> list[list[int]]:
    """The frames with these indices, grouped by the shape of their input."""
    return _groups({index: decoded[index].letterbox.shape for index in indices})


def _groups(shapes: Mapping[int, tuple[int, int]]) -> list[list[int]]:
    groups: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for index, shape in shapes.items():
        groups[shape].append(index)
    return list(groups.values())
