"""Frames of the highway clip through a detector stage, for tests of what it says of them."""

from collections.abc import Sequence
from pathlib import Path

from services.detector.stage import Decoded, DetectorStage
from services.producer.reader import read_once
from shared.messages import Detections, FrameRef
from shared.site import Camera


def decoded_highway(stage: DetectorStage, shared_dir: Path, count: int) -> list[Decoded]:
    """The clip's first frames, one a second."""
    camera = Camera(id="highway", source=str(shared_dir / "clips" / "highway.mp4"), fps=1)
    return [stage.decode(frame) for frame in read_once(camera)][:count]


def detect(stage: DetectorStage, items: Sequence[Decoded]) -> list[Detections]:
    """What the stage finds, all frames in one batch."""
    refs = [
        FrameRef(topic="frames", partition=0, offset=item.frame.seq, captured_at=item.frame.captured_at)
        for item in items
    ]
    return stage.detect(items, refs)
