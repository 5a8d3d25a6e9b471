"""The detector's boxes on staged scenes, kept on disk, so that rules are judged anew in seconds."""

import ast
import gzip
import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path

from av.video.frame import VideoFrame

from services.detector.backends.base import Backend
from services.detector.health import HealthWatch
from services.detector.memory.keeper import Memories
from services.detector.stage import DetectorStage
from services.producer.stillness import MotionGate, luma_of
from shared.clock import NS
from shared.condition import PictureHealth
from shared.frames import Frame
from shared.jpeg import encode_jpeg
from shared.messages import Detections, FrameRef
from shared.settings import MEMORY_EVERY_S
from shared.site import Camera
from training.scenes.render import frames
from training.scenes.staged import FPS, Scene, compose

Request = tuple[str, str, int]
"""split, kind, seed"""

_ROOT = Path(__file__).resolve().parents[2]
_CODE = (_ROOT / "training" / "scenes", _ROOT / "training" / "faults", _ROOT / "services" / "detector")
PASS = 3
"""Frames in one forward pass."""
_ALONE = threading.Lock()


def code_digest(*more: Path) -> str:
    """Changes whenever a scene could look or be seen differently; the layout of the code does not matter.

    `more`: files beside those of scenes, faults and the detector.
    """
    digest = hashlib.sha256()
    for file in sorted([*more, *(file for folder in _CODE for file in folder.rglob("*.py"))]):
        digest.update(ast.dump(ast.parse(file.read_text(encoding="utf-8"))).encode())
    return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Look:
    """Who looks at the scenes: a model, with Wayside's close-ups and memory of the road, or at whole pictures alone."""

    backend: Backend
    closer: bool


def detect_all(
    looks: Sequence[Look], imgsz: int, requests: Sequence[Request], on_scene: Callable[[], None]
) -> dict[Request, list[list[Detections]]]:
    """Boxes of every scene as each of `looks` sees it; one scene per core at a time."""

    def one(request: Request) -> tuple[Request, list[list[Detections]]]:
        found = see_scene(looks, imgsz, request)
        on_scene()
        return request, found

    backend = looks[0].backend
    with ThreadPoolExecutor(backend.parallel, "scene", backend.join_parallel) as pool:
        return dict(pool.map(one, requests))


def see_scene(
    looks: Sequence[Look], imgsz: int, request: Request, idle_fps: float | None = None
) -> list[list[Detections]]:
    """Boxes of one scene as each of `looks` sees it, with the camera's `idle_fps` only of the frames that it sends.

    Kept per model: with another one for Wayside, the baseline's boxes need not be found again.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "wayside" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    with _ALONE:  # CPython 3.11 may fail to parse in two threads at once
        parts = [_code(), imgsz, FPS, request, *([idle_fps, _idle_code()] if idle_fps is not None else [])]
    files = [folder / f"{key_of(*parts, *seen_by(look.backend), look.closer)}.json.gz" for look in looks]
    wanting = [index for index, file in enumerate(files) if not file.is_file()]
    if wanting:
        found = _detect([looks[index] for index in wanting], composed(request), imgsz, idle_fps)
        for index, rows in zip(wanting, found, strict=True):
            _write(files[index], rows)
    return [_read(file) for file in files]


def composed(request: Request) -> Scene:
    """The scene; cut-outs and clips are built once, not by each thread."""
    with _ALONE:
        return compose(*request)


_code = cache(code_digest)


@cache
def _idle_code() -> str:
    return code_digest(_ROOT / "services" / "producer" / "stillness.py")


def seen_by(backend: Backend) -> tuple[str, str, str]:
    """What a detector's boxes depend on beside its code."""
    return backend.version, backend.name, backend.precision


def key_of(*parts: object) -> str:
    """Names what was seen by all that it depends on."""
    return hashlib.sha256(" ".join(map(str, parts)).encode()).hexdigest()[:32]


def _write(file: Path, rows: Sequence[Detections]) -> None:
    part = file.with_suffix(".part")
    text = json.dumps([item.model_dump(mode="json", by_alias=True) for item in rows])
    part.write_bytes(gzip.compress(text.encode(), 1))
    part.replace(file)  # an interrupted run leaves no half file


def _read(file: Path) -> list[Detections]:
    return [Detections.model_validate(row) for row in json.loads(gzip.decompress(file.read_bytes()))]


def scene_frames(scene: Scene, idle_fps: float | None = None) -> Iterator[Frame]:
    """A scene as frame messages, through the JPEG that a producer would send; with `idle_fps` those that it would."""
    gate = MotionGate(FPS, idle_fps) if idle_fps is not None else None
    sent = count()
    for index, picture in enumerate(frames(scene)):
        at = index * NS // FPS
        if gate is None or gate.admits(at, luma_of(VideoFrame.from_ndarray(picture, format="rgb24"))):
            jpeg = encode_jpeg(picture, quality=scene.conditions.quality)
            yield Frame(scene.id, next(sent), at, picture.shape[1], picture.shape[0], jpeg)


def _detect(looks: Sequence[Look], scene: Scene, imgsz: int, idle_fps: float | None) -> list[list[Detections]]:
    return detect(looks, scene_frames(scene, idle_fps), scene.place.site(scene.id, FPS).cameras, imgsz)


def detect(
    looks: Sequence[Look], sent: Iterator[Frame], cameras: Sequence[Camera], imgsz: int
) -> list[list[Detections]]:
    """What each of `looks` sees on the frames of one camera."""
    stages = [
        DetectorStage(look.backend, imgsz=imgsz, cameras=cameras, memory_every_s=MEMORY_EVERY_S if look.closer else 0.0)
        for look in looks
    ]
    memories = [Memories() for _ in looks]
    found: list[list[Detections]] = [[] for _ in looks]
    watch = HealthWatch(cameras)
    for group in _groups(sent):
        decoded = [stages[0].decode(frame) for frame in group]
        refs = [FrameRef(topic="frames", partition=0, offset=f.seq, captured_at=f.captured_at) for f in group]
        health: list[PictureHealth | None] = []
        for look, stage, memory, own in zip(looks, stages, memories, found, strict=True):
            seen = stage.infer(decoded) if look.closer else stage.see(decoded)
            # The first one's, for all: it is the product's own, and the baseline asks for none.
            health = health or [watch.see(*row, look.backend.labels) for row in zip(decoded, seen, strict=True)]
            roads = [memory.see(item, one, stage) for item, one in zip(decoded, seen, strict=True)]
            own += [stage.describe(*row) for row in zip(decoded, refs, seen, health, roads, strict=True)]
    for stage in stages:
        stage.close()
    return found


def _groups(items: Iterator[Frame]) -> Iterator[list[Frame]]:
    """Groups of a few frames for one forward pass."""
    group: list[Frame] = []
    for item in items:
        group.append(item)
        if len(group) == PASS:
            yield group
            group = []
    if group:
        yield group
