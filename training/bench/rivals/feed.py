"""Shows a scene's frames once to several rivals; each answers in the memory's own form, on the memory's own frames."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from services.detector.boxes import Boxes
from services.detector.found import Found
from shared.clock import NS
from shared.jpeg import jpeg_size
from shared.messages import Detections
from shared.surface import Surface, Unfamiliar
from training.bench.detections import scene_frames
from training.bench.learned_scenes import LEARN_S
from training.bench.rivals.autoencoder import Schedule
from training.bench.rivals.dual import DualBackground, DualSettings
from training.bench.rivals.ground import Ground
from training.bench.rivals.reconstruct import Limits, Reader, Reconstruction
from training.scenes.scene import FPS, Scene

IMGSZ = 640


@dataclass(slots=True)
class Told:
    """What a rival said of a scene.

    Attributes:
        surfaces: per frame; None before the end of the learning time, and where the memory was not asked.
        seconds: of CPU over all frames, without the training.
        learning_s: of CPU for the training alone.
    """

    surfaces: list[Surface | None] = field(default_factory=list)
    seconds: float = 0.0
    learning_s: float = 0.0

    def say(self, regions: Sequence[Unfamiliar] | None) -> None:
        """The answer for one more frame."""
        self.surfaces.append(None if regions is None else Surface(state="watching", zones=[], regions=list(regions)))


def show(
    scene: Scene,
    rows: Sequence[Detections],
    duals: Mapping[str, DualSettings],
    coders: Mapping[str, tuple[Schedule, Mapping[str, Limits]]],
) -> dict[str, Told]:
    """Every frame, through its JPEG.

    Args:
        rows: the detector's, of the same frames.
        duals: by name.
        coders: autoencoders; the names that count are those of their limits, which share one network.
    """
    zones, grounds = scene.place.site(scene.id, FPS).cameras[0].zones, dict[int, Ground]()
    told = {name: Told() for name in (*duals, *(name for _, limits in coders.values() for name in limits))}
    models: dict[str, DualBackground] = {}
    readers: list[tuple[Reader, dict[str, Reconstruction]]] = []
    for frame, row in zip(scene_frames(scene), rows, strict=True):
        at, asked, due = frame.captured_at, row.surface is not None, frame.captured_at >= LEARN_S * NS
        if not grounds:
            for imgsz in {IMGSZ, *(settings.imgsz for settings in duals.values())}:
                grounds[imgsz] = Ground.of(zones, *jpeg_size(frame.jpeg), imgsz)
            models = {name: DualBackground(grounds[item.imgsz], item, FPS, LEARN_S) for name, item in duals.items()}
            for schedule, limits in coders.values():
                reader = Reader(grounds[IMGSZ], LEARN_S, schedule, scene.seed)
                readers.append((reader, {name: Reconstruction(reader, item) for name, item in limits.items()}))
        pictures = {imgsz: ground.picture(frame.jpeg) for imgsz, ground in grounds.items()}
        for name, model in models.items():
            begin = time.thread_time()
            regions = model.see(pictures[duals[name].imgsz], at)
            told[name].seconds += time.thread_time() - begin
            told[name].say(regions if asked and due else None)
        for reader, watches in readers:
            begin = time.thread_time()
            if asked:
                reader.read(pictures[IMGSZ], _boxes(row), at)
            shared = time.thread_time() - begin
            for name, watch in watches.items():
                begin = time.thread_time()
                told[name].say(watch.see(at) if asked and due else None)
                told[name].seconds += shared + time.thread_time() - begin
    for reader, watches in readers:
        for name in watches:
            told[name].learning_s = reader.learning_s
            told[name].seconds -= reader.learning_s
    return told


def _boxes(row: Detections) -> NDArray[np.float64]:
    """(N, 5) without those that are the scenery itself, as for the memory."""
    table = np.array([(*item.box, item.score) for item in row.objects], np.float64).reshape(-1, 5)
    labels = [item.label for item in row.objects]
    found = Found(table[:, :4], table[:, 4].astype(np.float32), np.arange(len(labels)))
    things = Boxes.of(found, labels).things()
    return np.column_stack([things.xyxy, things.scores])
