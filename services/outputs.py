"""What `wayside run` writes: detections, tracks, alerts, lanes, turnarounds, inspections as JSON lines; pictures and
videos."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from services.alerts.evidence import draw_snapshot
from services.alerts.lifecycle import AlertBook
from services.annotate import AnnotatedVideo
from shared.evidence import EvidenceStore
from shared.exceptions import InputError
from shared.frames import Frame
from shared.inspection import Inspection
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
            (folder / "inspections.jsonl").unlink(missing_ok=True)
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
            opened += self._tell(incident, frame.jpeg)
        if self._annotate:
            self._video(frame.camera).write(frame, tracks, self._book.open_alerts(frame.camera))
        return opened

    def _tell(self, incident: Incident, jpeg: bytes | None) -> bool:
        """Write the alert of one change, with a picture where it opens; returns whether it does."""
        evidence = []
        if incident.change == "opened" and jpeg is not None:
            uri = self._evidence.put(incident.incident_id, draw_snapshot(jpeg, incident))
            evidence.append(Evidence(kind="snapshot", uri=uri))
        event = self._book.apply(incident, evidence)
        if event is not None:
            self._alerts.write(event.to_bytes().decode() + "\n")
            self._alerts.flush()
        return incident.change == "opened"

    def write_inspection(self, inspection: Inspection, pictures: Mapping[str, bytes], jpeg: bytes | None) -> int:
        """Write an inspection with the alerts that it causes; returns how many opened.

        Args:
            pictures: JPEGs by the names that the inspection gives them.
            jpeg: the frame of the incidents.
        """
        for name, picture in pictures.items():
            self._evidence.put(name, picture)
        with (self._folder / "inspections.jsonl").open("a", encoding="utf-8") as file:
            file.write(inspection.to_bytes().decode() + "\n")
        return sum(self._tell(incident, jpeg) for incident in inspection.incidents)

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
