"""Frames through the detector, as `wayside run` does, for pictures that people will label."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from services.detector.found import Found
from services.detector.stage import Decoded, DetectorStage
from shared.exceptions import PoisonMessageError
from shared.frames import Frame
from training.data.problems import Problems

# What a score must reach to stand in the labels that a person corrects: deleting a box is quicker than drawing one.
LEAST = 0.25
# Batches handed out per core: one in work, one that waits.
_IN_FLIGHT = 2


def detect(
    stage: DetectorStage, frames: Iterable[Frame], batch: int, problems: Problems
) -> Iterator[tuple[Frame, Found]]:
    """Every frame with what is on it, in order; one that cannot be decoded is noted and left out."""
    with ThreadPoolExecutor(stage.backend.parallel, "infer", stage.backend.join_parallel) as workers:
        running: deque[tuple[list[Decoded], Future[list[Found]]]] = deque()
        for items in _batches(stage, frames, batch, problems):
            running.append((items, workers.submit(stage.infer, items)))
            if len(running) > _IN_FLIGHT * stage.backend.parallel:
                yield from _collect(running)
        while running:
            yield from _collect(running)


def _collect(running: deque[tuple[list[Decoded], Future[list[Found]]]]) -> Iterator[tuple[Frame, Found]]:
    items, found = running.popleft()
    yield from zip((item.frame for item in items), found.result(), strict=True)


def _batches(stage: DetectorStage, frames: Iterable[Frame], size: int, problems: Problems) -> Iterator[list[Decoded]]:
    items: list[Decoded] = []
    for frame in frames:
        try:
            items.append(stage.decode(frame))
        except PoisonMessageError as error:
            problems.add(f"{frame.camera}, frame {frame.seq}", str(error))
            continue
        if len(items) == size:
            yield items
            items = []
    if items:
        yield items
