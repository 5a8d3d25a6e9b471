"""What the detector sees and remembers on scenes, and on their copies with a camera fault; kept on disk, so that rules
and inspections are judged anew in seconds."""

import copy
import gzip
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from services.detector.backends.base import Backend
from services.detector.health import HealthWatch
from services.detector.memory.keeper import Memories
from services.detector.stage import DetectorStage
from shared.clock import NS
from shared.frames import Frame
from shared.jpeg import encode_jpeg
from shared.messages import Detections, FrameRef
from shared.settings import load_settings
from training.bench import learned_scenes
from training.bench.detections import code_digest, key_of, seen_by
from training.bench.learned_scenes import LEARN_S, Kind, compose
from training.day import changes
from training.faults.camera import CASES, Case, Picture, staged
from training.scenes.render import frames
from training.scenes.scene import FPS, Scene

Request = tuple[str, Kind, int]
"""split, kind, seed"""
_DAY = Path(changes.__file__).parent
# A fault comes at this time, in a copy of the scene that ends so long after it.
FAULT_AT_S, FAULT_S = 72.0, 14.0
FAULTS = tuple(
    case
    for case in CASES
    if case.name
    in {
        "frozen, clock goes on", "black, lens cap with noise", "overexposed, 6 times the light", "blurred, 10 px",
        "covered, half, grey", "moved by 8 %", "moved, turned by 5 degrees",
    }
)  # fmt: skip


class Seen(BaseModel):
    """A scene's frames through the detector.

    Attributes:
        plain: by traffic alone; the memory knows what it has seen.
        confirmed: where a person has said at the end of the learning time that every lane is empty.
        faults: `confirmed` from `FAULT_AT_S` on with a fault, by its case.
        memory_ms: the memory's own time per frame, beside other work.
    """

    plain: list[Detections]
    confirmed: list[Detections]
    faults: dict[str, list[Detections]]
    memory_ms: float


@dataclass(slots=True)
class _Eyes:
    """All that a detector keeps of a camera."""

    health: HealthWatch
    memories: Memories
    seconds: list[float] = field(default_factory=list)


def see_all(
    backend: Backend, requests: Sequence[Request], with_faults: bool = False, change: str = ""
) -> Iterator[tuple[Scene, Seen]]:
    """Each scene and what was seen of it, in order; one scene per core at a time. `change`: of training/day."""
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "wayside" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    days, changed = (sorted(_DAY.glob("*.py")), [change]) if change else ([], [])
    code, settings = code_digest(Path(__file__), Path(learned_scenes.__file__), *days), load_settings()
    size = settings.imgsz, settings.memory_every_s

    def one(request: Request) -> tuple[Scene, Seen]:
        scene, faults = compose(*request), FAULTS if with_faults else ()
        file, more = (
            folder / f"{key_of(code, *seen_by(backend), *size, count, FPS, request, *changed)}.json.gz"
            for count in (len(faults), len(FAULTS))
        )
        if more.is_file():
            file = more
        if not file.is_file():
            part = file.with_suffix(".part")
            seen = look(scene, backend, faults, change)
            part.write_bytes(gzip.compress(seen.model_dump_json(by_alias=True).encode(), 1))
            part.replace(file)  # an interrupted run leaves no half file
        return scene, Seen.model_validate_json(gzip.decompress(file.read_bytes()))

    with ThreadPoolExecutor(backend.parallel, "scene", backend.join_parallel) as pool:
        yield from pool.map(one, requests)


def look(scene: Scene, backend: Backend, faults: Sequence[Case] = (), change: str = "") -> Seen:
    """Every frame through decoder, detector, camera health and memory."""
    cameras, settings = scene.place.site(scene.id, FPS).cameras, load_settings()
    stage = DetectorStage(
        backend, imgsz=settings.imgsz, cameras=cameras, decode_threads=1, memory_every_s=settings.memory_every_s
    )
    eyes = _Eyes(HealthWatch(cameras), Memories())
    told: _Eyes | None = None
    held: tuple[int, list[Picture], _Eyes] | None = None
    seen = Seen(plain=[], confirmed=[], faults={}, memory_ms=0.0)
    pictures = changes.CHANGES[change](scene, frames(scene)) if change else frames(scene)
    for index, picture in enumerate(pictures):
        if told is None and index >= LEARN_S * FPS:
            told = copy.deepcopy(eyes)
            for zone in cameras[0].zones:
                told.memories.confirm(scene.id, None, zone.id)
        if faults and told is not None and held is None and index >= FAULT_AT_S * FPS:
            held = index, [], copy.deepcopy(told)
        if held is not None and len(held[1]) < FAULT_S * FPS:
            held[1].append(picture.copy())
        rows = _step(stage, scene, index, picture, [eyes, told] if told else [eyes])
        seen.plain.append(rows[0])
        seen.confirmed.append(rows[-1])
    for case in faults if held else ():
        begin, shown, before = held  # type: ignore[misc]
        after = copy.deepcopy(before)
        changed = staged(shown, case, FPS, 0.0, FAULT_S, scene.seed)
        seen.faults[case.name] = [_step(stage, scene, begin + n, p, [after])[0] for n, p in enumerate(changed)]
    stage.close()
    return seen.model_copy(update={"memory_ms": 1000 * float(np.mean(eyes.seconds))})


def _step(
    stage: DetectorStage, scene: Scene, index: int, picture: Picture, all_eyes: Iterable[_Eyes]
) -> list[Detections]:
    """One frame, through the JPEG that a producer would send."""
    jpeg = encode_jpeg(picture, quality=scene.conditions.quality)
    frame = Frame(scene.id, index, index * NS // FPS, picture.shape[1], picture.shape[0], jpeg)
    decoded = stage.decode(frame)
    found = stage.infer([decoded])[0]
    ref = FrameRef(topic="frames", partition=0, offset=index, captured_at=frame.captured_at)
    rows = []
    for eyes in all_eyes:
        begin = time.perf_counter()
        surface = eyes.memories.see(decoded, found, stage)
        eyes.seconds.append(time.perf_counter() - begin)
        health = eyes.health.see(decoded, found, stage.backend.labels)
        rows.append(stage.describe(decoded, ref, found, health, surface))
    return rows
