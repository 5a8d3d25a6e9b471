"""A road that plays on a bus, and the inspector as a service beside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from services.inspector.service import serve
from shared import topics
from shared.bus.base import Bus
from shared.bus.common import partition_for
from shared.frames import Frame
from shared.inspection import Inspection, InspectionRequest
from shared.jpeg import encode_jpeg
from shared.messages import FrameRef, Incident, Tracks
from shared.settings import Settings
from shared.site import Site
from shared.store import Store
from tests.alerting import read_all
from tests.inspecting import CAMERAS, Change, frames, site
from tests.threads import serving


class Road:
    """Plays producer, detector and analyzer for both cameras: pictures and tracks of an empty lane that is known.

    Args:
        later: shifts the times of all frames by so many ns.
    """

    def __init__(self, bus: Bus, later: int = 0) -> None:
        self.later = later
        self._producer = bus.producer()
        # The only one that sends pictures, so it knows their addresses.
        self._offsets = bus.end_offsets(topics.FRAMES)
        self._jpeg = encode_jpeg(np.full((180, 320, 3), 90, np.uint8))

    def play(
        self, begin_s: float, end_s: float, change: Change = lambda tracks: tracks, run: str | None = None
    ) -> None:
        """The frames of this time, as fast as they go; each has a picture in the log."""
        streams = {camera: frames(camera, begin_s, end_s, run=run) for camera in CAMERAS}
        for pair in zip(*streams.values(), strict=True):
            for tracks in pair:
                changed = change(tracks)
                if changed is not None:
                    self._send(changed.model_copy(update={"frame": self._picture(changed)}))
        self._producer.flush()

    def tell(self, *incidents: Incident) -> None:
        for item in incidents:
            self._producer.send(topics.INCIDENTS, item.to_bytes(), key=item.incident_id, timestamp_ms=0)
        self._producer.flush()

    def ask(self, request: InspectionRequest) -> None:
        self._producer.send(topics.INSPECTION_REQUESTS, request.to_bytes(), key=request.lane, timestamp_ms=0)
        self._producer.flush()

    def _send(self, tracks: Tracks) -> None:
        at_ms = tracks.frame.captured_at // 1_000_000
        self._producer.send(topics.TRACKS, tracks.to_bytes(), key=tracks.camera, timestamp_ms=at_ms)

    def _picture(self, tracks: Tracks) -> FrameRef:
        at = tracks.frame.captured_at + self.later
        picture = Frame(tracks.camera, tracks.seq, at, 320, 180, self._jpeg, tracks.run)
        self._producer.send(
            topics.FRAMES, self._jpeg, key=tracks.camera, timestamp_ms=at // 1_000_000, headers=picture.headers()
        )
        partition = partition_for(tracks.camera, topics.PARTITIONS)
        offset, self._offsets[partition] = self._offsets[partition], self._offsets[partition] + 1
        return FrameRef(topic=topics.FRAMES, partition=partition, offset=offset, captured_at=at)


def inspections(bus: Bus) -> list[Inspection]:
    return [Inspection.from_bytes(record.value) for record in read_all(bus, topics.INSPECTIONS)]


@contextmanager
def inspector(bus: Bus, store: Store, data: Path, configured: Site | None = None) -> Iterator[None]:
    """The inspector on a thread of its own."""
    settings = Settings(data=data)
    with serving(lambda stop: serve(bus, store, configured or site(), settings, stop, whole=True)):
        yield
