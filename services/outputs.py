"""What `wayside run` writes: detections, tracks, alerts, lanes, turnarounds as JSON lines, evidence pictures, annotated
video."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from services.alerts.evidence import EvidenceStore, draw_snapshot
from services.alerts.lifecycle import AlertBook
from services.annotate import AnnotatedVideo
from shared.exceptions import InputError
from shared.frames import Frame
from shared.messages import Detections, Evidence, Incident, LaneStats, Tracks
from shared.site import Site
from shared.turnaround import Turnaround


class RunOutputs:
    """The files of one run in its folder; what lies there of an earlier run is replaced.

    Raises:
        InputError: the folder cannot be written.
    """

    def __init__(self, site: Site, folder: Path, *, annotate: bool = False) -> None:
        self._site, self._folder, self._annotate = site, folder, annotate
        self._book = AlertBook()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for old in (folder / "evidence").glob("*.jpg"):
                old.unlink()
            self._evidence = EvidenceStore(folder)
            self._alerts = _lines(folder / "alerts.jsonl")
            self._detections = _lines(folder / "detections.jsonl")
            self._tracks = _lines(folder / "tracks.jsonl")
            self._lane_stats = _lines(folder / "lane-stats.jsonl")
            self._turnarounds = _lines(folder / "turnarounds.jsonl")
        except OSError as error:
            raise InputError(f"{folder}: cannot be written: {error.strerror}") from None
        self._videos: dict[str, AnnotatedVideo] = {}

    def write(self, frame: Frame, detections: Detections, tracks: Tracks | None, incidents: Sequence[Incident]) -> int:
        """Write one frame's results; returns how many alerts opened on it."""
        self._detections.write(detections.to_bytes().decode() + "\n")
        if tracks is None:
            return 0
        self._tracks.write(tracks.to_bytes().decode() + "\n")
        opened = 0
        for incident in incidents:
            evidence = []
            if incident.change == "opened":
                opened += 1
                uri = self._evidence.put(incident.incident_id, draw_snapshot(frame.jpeg, incident))
                evidence.append(Evidence(kind="snapshot", uri=uri))
            event = self._book.apply(incident, evidence)
            if event is not None:
                self._alerts.write(event.to_bytes().decode() + "\n")
                self._alerts.flush()
        if self._annotate:
            self._video(frame.camera).write(frame, tracks, self._book.open_alerts(frame.camera))
        return opened

    def write_lanes(self, stats: Sequence[LaneStats]) -> None:
        """Write the intervals of lanes that have ended."""
        for item in stats:
            self._lane_stats.write(item.to_bytes().decode() + "\n")

    def write_turnarounds(self, stays: Sequence[Turnaround]) -> None:
        """Write the revisions of stays at stands."""
        for item in stays:
            self._turnarounds.write(item.to_bytes().decode() + "\n")

    def _video(self, camera_id: str) -> AnnotatedVideo:
        if camera_id not in self._videos:
            camera = self._site.camera(camera_id)
            assert camera is not None  # `run_pipeline` reads only cameras of the site
            self._videos[camera_id] = AnnotatedVideo(self._folder / f"{camera_id}.mp4", camera)
        return self._videos[camera_id]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in (self._alerts, self._detections, self._tracks, self._lane_stats, self._turnarounds):
            file.close()
        for video in self._videos.values():
            video.close()


def _lines(path: Path) -> TextIO:
    return path.open("w", encoding="utf-8")
