"""The memories of all cameras that this worker sees, and their snapshots in the store.

A partition of frames has one worker at a time, so a camera's frames come here in order until its partition moves on;
who takes over loads the snapshot. Losing it costs learning anew, never a wrong answer: then nothing is known.
"""

import io
import json
import zipfile

import cv2
import numpy as np

from services.detector.boxes import Boxes
from services.detector.found import Found
from services.detector.memory.cells import Cells
from services.detector.memory.road import EmptyRoad
from services.detector.memory.watch import RoadWatch
from services.detector.snapshots import Key, Snapshots
from services.detector.stage import Decoded, DetectorStage
from shared.clock import NS
from shared.store import Store
from shared.surface import Surface

# Runs and cameras that are remembered at a time, some 15 MB each; a replay ends without saying so, and the longest
# quiet goes first.
_MOST = 256
# A camera that was away for longer may have been with another worker: its snapshot is looked for again.
_AWAY_NS = 30 * NS


class Memories:
    """One memory per camera and run.

    `store`: None: nothing is kept, as for a run over files.
    """

    def __init__(self, store: Store | None = None) -> None:
        self._snapshots = Snapshots(store, "memory")
        self._model = ""
        self._watches: dict[Key, RoadWatch] = {}
        self._seen: dict[Key, int] = {}

    def see(self, item: Decoded, found: Found, stage: DetectorStage) -> Surface | None:
        """Take a frame, in the order of capture; an answer where the stage has described its road."""
        if not stage.remembers or (cells := stage.cells(item)) is None:
            return None
        if stage.backend.version != self._model:  # looks of another network cannot be compared
            self._watches.clear()
            self._model = stage.backend.version
        at, key = item.frame.captured_at, (item.frame.camera, item.frame.run)
        watch = self._watch(key, cells, at)
        self._seen[key] = at
        boxes = Boxes.of(found, stage.backend.labels).things()
        watch.follow(boxes, at)
        if found.road is None:
            return None
        luma = np.asarray(cv2.cvtColor(item.picture, cv2.COLOR_RGB2GRAY), np.uint8)
        surface = watch.read(found.road, boxes, at, luma)
        if self._snapshots.due(key, at):
            self._save(key, watch)
        return surface

    def confirm(self, camera: str, run: str | None, zone: str) -> None:
        """A person has looked: nothing is on this zone now. What looks familiar there counts as proven."""
        watch = self._watches.get((camera, run))
        if watch is not None:
            watch.confirm(zone)

    def save(self) -> None:
        """Keep what was learned: the worker stops."""
        for key, watch in self._watches.items():
            self._save(key, watch)

    def _watch(self, key: Key, cells: Cells, at: int) -> RoadWatch:
        last = self._seen.pop(key, None)
        watch = self._watches.get(key)
        if watch is not None and watch.cells is cells and last is not None and 0 <= at - last <= _AWAY_NS:
            return watch
        same = watch if watch is not None and watch.cells is cells and last is not None and at >= last else None
        loaded = self._load(key, cells)
        # One's own is as good as the snapshot unless another worker has gone on with it.
        if loaded is not None and (same is None or last is None or loaded[1] > last):
            same = loaded[0]
        self._watches[key] = same or RoadWatch(cells)
        while len(self._watches) > _MOST:
            oldest = next((other for other in self._seen if other in self._watches), key)
            self._watches.pop(oldest, None)
            self._seen.pop(oldest, None)
        return self._watches[key]

    def _save(self, key: Key, watch: RoadWatch) -> None:
        if watch.road is not None:
            self._snapshots.save(key, pack(watch, watch.road, self._model, self._seen[key]))

    def _load(self, key: Key, cells: Cells) -> tuple[RoadWatch, int] | None:
        value = self._snapshots.load(key)
        try:
            return unpack(value, cells, self._model) if value else None
        except ValueError as error:
            self._snapshots.refused(key, error)
            return None


def pack(watch: RoadWatch, road: EmptyRoad, model: str, at: int) -> bytes:
    """A snapshot: the road's looks, what was proven, what the light alone has changed, and what it belongs to."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("about.json", json.dumps({"model": model, "cells": watch.cells.digest, "at": at}))
        archive.writestr("passes", watch.passes.astype("<i8").tobytes())
        archive.writestr("lit", np.packbits(watch.lit).tobytes())
        archive.writestr("road.npz", road.to_bytes())
    return buffer.getvalue()


def unpack(value: bytes, cells: Cells, model: str) -> tuple[RoadWatch, int]:
    """From `pack`: the watch, and the capture time of its last frame (UTC ns).

    Raises:
        ValueError: no snapshot, or one of another model or other zones.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(value)) as archive:
            about = json.loads(archive.read("about.json"))
            passes = np.frombuffer(archive.read("passes"), "<i8").astype(np.int64)
            # Snapshots of older versions know nothing of the light.
            lit = np.frombuffer(archive.read("lit"), np.uint8) if "lit" in archive.namelist() else None
            road = archive.read("road.npz")
    except (zipfile.BadZipFile, KeyError) as error:
        raise ValueError(f"not a snapshot: {error}") from None
    if (about["model"], about["cells"]) != (model, cells.digest):
        raise ValueError("it is of another model or other zones")
    if passes.shape != (len(cells),):
        raise ValueError("its patches are not those of the zones")
    mask = None if lit is None else np.unpackbits(lit, count=len(cells)).astype(np.bool_)
    return RoadWatch(cells, EmptyRoad.from_bytes(road, len(cells)), passes, mask), int(about["at"])
