"""The health of every camera that this worker sees."""

import hashlib
import json
from collections.abc import Sequence

from services.detector.boxes import Boxes
from services.detector.found import Found
from services.detector.health.meter import HealthMeter
from services.detector.snapshots import Key, Snapshots
from services.detector.stage import Decoded
from shared.condition import PictureHealth
from shared.site import Camera
from shared.store import Store

# Runs of all cameras that are followed at a time; the one that was quiet longest is forgotten beyond that.
_RUNS = 256


class HealthWatch:
    """Keeps a `HealthMeter` per camera and run. Frames of one camera come in order of capture.

    Example:
        >>> watch = HealthWatch(site.cameras)                              # doctest: +SKIP
        >>> health = watch.see(item, found, backend.labels)                # doctest: +SKIP
    """

    def __init__(self, cameras: Sequence[Camera] = (), store: Store | None = None) -> None:
        """The zones of `cameras` name their reference views, which `store` keeps over a restart."""
        self._views = {camera.id: view_of(camera) for camera in cameras}
        self._snapshots = Snapshots(store, "view")
        self._meters: dict[Key, HealthMeter] = {}

    def see(self, decoded: Decoded, found: Found, labels: Sequence[str]) -> PictureHealth | None:
        """The picture's condition; None where this frame is not measured. `found`: on it, classes in `labels`."""
        frame, box = decoded.frame, decoded.letterbox
        key = frame.camera, frame.run
        meter = self._meters.pop(key, None) or self._begin(key)
        self._meters[key] = meter  # at the end: dicts keep the order, so the first is the longest quiet
        if len(self._meters) > _RUNS:
            del self._meters[next(iter(self._meters))]
        if not meter.measures(frame.captured_at):
            return None
        inner = decoded.picture[box.top : box.top + box.inner_height, box.left : box.left + box.inner_width]
        things = Boxes.of(found, labels).things()
        health = meter.step(inner, frame.captured_at, things.xyxy[~things.fixed])
        if self._snapshots.due(key, frame.captured_at):
            self._save(key, meter)
        return health

    def save(self) -> None:
        """Keep the reference views: the worker stops."""
        for key, meter in self._meters.items():
            self._save(key, meter)

    def _begin(self, key: Key) -> HealthMeter:
        view = self._views.get(key[0], "")
        meter, value = HealthMeter(view), self._snapshots.load(key)
        try:
            if value:
                meter.restore(json.loads(value))
        except ValueError as error:
            self._snapshots.refused(key, error)
            return HealthMeter(view)  # the other may be half restored
        return meter

    def _save(self, key: Key, meter: HealthMeter) -> None:
        state = meter.state()
        if state is not None:
            self._snapshots.save(key, json.dumps(state).encode())


def view_of(camera: Camera) -> str:
    """Names the view that a camera's zones were drawn on."""
    zones = "\n".join(zone.model_dump_json(include={"id", "polygon"}) for zone in camera.zones)
    return hashlib.sha256(zones.encode()).hexdigest()[:16]
