"""Annotated video: zones, tracks and open alerts drawn on the frames, written as H.264."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from shared.frames import Frame
from shared.heads import HeadGrid
from shared.jpeg import Picture, decode_jpeg
from shared.messages import Alert, Box, Tracks
from shared.site import Camera

_ZONE = (90, 160, 220)
_TRACK = (230, 230, 230)
_ALERT = (255, 60, 60)
_DAMAGE = (255, 150, 40)
# Fine enough for any frame rate; MPEG-4's own usual choice.
_TIME_BASE = Fraction(1, 90_000)


def draw(picture: Picture, camera: Camera, tracks: Tracks, alerts: Iterable[Alert]) -> Picture:
    """Draw in place on (H, W, 3) uint8 RGB; returns the picture."""
    height, width = picture.shape[:2]
    thickness = max(1, round(height / 540))
    for zone in camera.zones:
        corners = (np.array(zone.polygon) * (width, height)).round().astype(np.int32)
        cv2.polylines(picture, [corners], isClosed=True, color=_ZONE, thickness=thickness, lineType=cv2.LINE_AA)
    alarmed = {track_id for alert in alerts for track_id in alert.track_ids}
    for item in tracks.objects:
        colour = _ALERT if item.track_id in alarmed else _TRACK
        _box(picture, item.box, f"{item.label} {item.track_id}", colour, thickness)
    for row, head in enumerate(tracks.heads):
        text = f"{head.name}: {head.label} {head.score:.0%}"
        at = (8, round((row + 1) * 20 * thickness))
        cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45 * thickness, _TRACK, thickness, cv2.LINE_AA)
        for found in head.boxes or ():
            _box(picture, found.box, f"{found.label} {found.score:.0%}", _DAMAGE, thickness)
        if head.grid is not None and head.boxes is None:
            _damage(picture, head.grid, thickness)
    return picture


def _damage(picture: Picture, grid: HeadGrid, thickness: int) -> None:
    """Outline the patches that the head calls not normal."""
    height, width = picture.shape[:2]
    called = (grid.probabilities >= grid.threshold).astype(np.uint8)
    x1, y1, x2, y2 = grid.box
    part = (slice(round(y1 * height), round(y2 * height)), slice(round(x1 * width), round(x2 * width)))
    inside = picture[part]
    mask = cv2.resize(called, (inside.shape[1], inside.shape[0]), interpolation=cv2.INTER_NEAREST)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(picture, outlines, -1, _DAMAGE, thickness, cv2.LINE_AA, offset=(part[1].start, part[0].start))


def _box(picture: Picture, box: Box, text: str, colour: tuple[int, int, int], thickness: int) -> None:
    height, width = picture.shape[:2]
    x1, y1, x2, y2 = (round(side) for side in (box[0] * width, box[1] * height, box[2] * width, box[3] * height))
    scale = 0.45 * thickness
    cv2.rectangle(picture, (x1, y1), (x2, y2), colour, thickness, cv2.LINE_AA)
    cv2.putText(picture, text, (x1, max(12, y1 - 4)), cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thickness, cv2.LINE_AA)


class AnnotatedVideo:
    """One camera's annotated frames as an .mp4, at their capture times."""

    def __init__(self, path: Path, camera: Camera) -> None:
        self._camera = camera
        self._container = av.open(str(path), "w")
        self._stream = self._container.add_stream("libx264", rate=Fraction(camera.fps).limit_denominator(1000))
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"preset": "veryfast", "crf": "23"}
        self._stream.time_base = _TIME_BASE
        self._stream.codec_context.time_base = _TIME_BASE
        self._start: int | None = None

    def write(self, frame: Frame, tracks: Tracks, alerts: Iterable[Alert]) -> None:
        """Append one frame."""
        picture = draw(decode_jpeg(frame.jpeg), self._camera, tracks, alerts)
        if self._start is None:
            self._start = frame.captured_at
            # H.264 with 4:2:0 chroma needs even sides.
            self._stream.width, self._stream.height = picture.shape[1] // 2 * 2, picture.shape[0] // 2 * 2
        even = np.ascontiguousarray(picture[: self._stream.height, : self._stream.width])
        image = av.VideoFrame.from_ndarray(even, format="rgb24")
        image.pts = round((frame.captured_at - self._start) * 90_000 / 1_000_000_000)
        image.time_base = _TIME_BASE
        self._container.mux(self._stream.encode(image))

    def close(self) -> None:
        """Finish the file."""
        if self._start is not None:
            self._container.mux(self._stream.encode())
        self._container.close()
