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
from pathlib import Path

from services.detector.backends.base import Backend
from services.detector.stage import DetectorStage
from shared.clock import NS
from shared.frames import Frame
from shared.jpeg import encode_jpeg
from shared.messages import Detections, FrameRef
from training.scenes.render import frames
from training.scenes.staged import FPS, Scene, compose

Request = tuple[str, str, int]
"""split, kind, seed"""

_ROOT = Path(__file__).resolve().parents[2]
_CODE = (_ROOT / "training" / "scenes", _ROOT / "services" / "detector")
_BATCH = 3


def code_digest() -> str:
    """Changes whenever a scene could look or be seen differently; the layout of the code does not matter."""
    digest = hashlib.sha256()
    for file in sorted(file for folder in _CODE for file in folder.rglob("*.py")):
        digest.update(ast.dump(ast.parse(file.read_text(encoding="utf-8"))).encode())
    return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Seen:
    """A scene's detections per frame: Wayside's, close-ups included, and the baseline's of the whole pictures."""

    wayside: list[Detections]
    baseline: list[Detections]


def detect_all(
    backend: Backend, plain: Backend, imgsz: int, requests: Sequence[Request], on_scene: Callable[[], None]
) -> dict[Request, Seen]:
    """Boxes of every scene, by Wayside's model and by the baseline's; one scene per core at a time."""
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "wayside" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    version = f"{code_digest()} {backend.version} {plain.version} {imgsz} {FPS}"
    lock = threading.Lock()

    def one(request: Request) -> tuple[Request, Seen]:
        key = hashlib.sha256(f"{version} {request}".encode()).hexdigest()[:32]
        file = folder / f"{key}.json.gz"
        if not file.is_file():
            with lock:  # cut-outs and clips are built once, not by each thread
                scene = compose(*request)
            site = scene.place.site(scene.id, FPS)
            stage = DetectorStage(backend, imgsz=imgsz, cameras=site.cameras)
            other = DetectorStage(plain, imgsz=imgsz)
            found = [
                [item.model_dump(mode="json", by_alias=True) for item in pair]
                for pair in _detect(stage, other, scene_frames(scene))
            ]
            stage.close()
            other.close()
            part = file.with_suffix(".part")
            part.write_bytes(gzip.compress(json.dumps(found).encode(), 1))
            part.replace(file)  # an interrupted run leaves no half file
        rows = json.loads(gzip.decompress(file.read_bytes()))
        on_scene()
        ours, theirs = ([Detections.model_validate(pair[side]) for pair in rows] for side in (0, 1))
        return request, Seen(ours, theirs)

    with ThreadPoolExecutor(backend.parallel, "scene", backend.join_parallel) as pool:
        return dict(pool.map(one, requests))


def scene_frames(scene: Scene) -> Iterator[Frame]:
    """A scene as frame messages, through the JPEG that a producer would send."""
    for index, picture in enumerate(frames(scene)):
        jpeg = encode_jpeg(picture, quality=scene.conditions.quality)
        yield Frame(scene.id, index, index * NS // FPS, picture.shape[1], picture.shape[0], jpeg)


def _detect(
    stage: DetectorStage, other: DetectorStage, items: Iterator[Frame]
) -> Iterator[tuple[Detections, Detections]]:
    for group in _groups(items):
        decoded = [stage.decode(frame) for frame in group]
        for item, found, plain in zip(decoded, stage.infer(decoded), other.see(decoded), strict=True):
            ref = FrameRef(topic="frames", partition=0, offset=item.frame.seq, captured_at=item.frame.captured_at)
            yield stage.describe(item, ref, found), other.describe(item, ref, plain)


def _groups(items: Iterator[Frame]) -> Iterator[list[Frame]]:
    """Groups of a few frames for one forward pass."""
    group: list[Frame] = []
    for item in items:
        group.append(item)
        if len(group) == _BATCH:
            yield group
            group = []
    if group:
        yield group
