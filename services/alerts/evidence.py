"""The picture that an operator judges an alert by: the deciding frame with the box drawn."""

from pathlib import Path
from uuid import uuid4

import cv2

from shared.clock import to_rfc3339
from shared.jpeg import Picture, decode_jpeg, encode_jpeg
from shared.messages import Incident

_COLOURS = {"critical": (255, 45, 45), "warning": (255, 170, 0), "info": (60, 160, 255)}
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


def draw_snapshot(jpeg: bytes, incident: Incident) -> bytes:
    """The frame with the incident's box, its name and where and when it was.

    Raises:
        PoisonMessageError: the frame's JPEG cannot be decoded.
    """
    picture = decode_jpeg(jpeg)
    height, width = picture.shape[:2]
    colour = _COLOURS[incident.severity]
    line = max(2, round(height / 270))
    x1, y1, x2, y2 = incident.box
    # Around the object, but within the picture: what reaches beyond an edge is marked along the edge.
    corners = (
        (max(round(x1 * width) - line, line), max(round(y1 * height) - line, line)),
        (min(round(x2 * width) + line, width - 1 - line), min(round(y2 * height) + line, height - 1 - line)),
    )
    cv2.rectangle(picture, *corners, _BLACK, line + 2, cv2.LINE_AA)
    cv2.rectangle(picture, *corners, colour, line, cv2.LINE_AA)
    name = f"{incident.incident}: {incident.label} {incident.score:.0%}"
    _text(picture, name, (corners[0][0], corners[0][1] - 2 * line), colour)
    place = f"{incident.camera} / {incident.zone}  {to_rfc3339(incident.changed_at)[:19]}Z"
    _text(picture, place, (line, height - 2 * line), _BLACK)
    return encode_jpeg(picture)


def _text(picture: Picture, text: str, at: tuple[int, int], back: tuple[int, int, int]) -> None:
    """White text on a plate whose lower left corner is at `at`, moved into the picture where it would leave it."""
    height, width = picture.shape[:2]
    scale = max(0.4, height / 1100)
    weight = max(1, round(scale * 1.6))
    (text_width, text_height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, weight)
    x = min(max(0, at[0]), max(0, width - text_width - 8))
    y = min(max(text_height + base + 8, at[1]), height)
    cv2.rectangle(picture, (x, y - text_height - base - 8), (x + text_width + 8, y), back, cv2.FILLED)
    cv2.putText(picture, text, (x + 4, y - base - 4), cv2.FONT_HERSHEY_SIMPLEX, scale, _WHITE, weight, cv2.LINE_AA)


class EvidenceStore:
    """Evidence pictures in `<folder>/evidence/`; a picture never changes under its name, so that it can be cached."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "evidence"
        self._folder.mkdir(parents=True, exist_ok=True)

    def put(self, alert_id: str, jpeg: bytes) -> str:
        """Store an alert's picture, whole or not at all; the first is kept.

        Returns:
            its URI relative to the store's parent.

        Raises:
            OSError: it cannot be written.
        """
        picture = self._folder / f"{alert_id}.jpg"
        if not picture.exists():
            # Two instances may work on one alert for a moment during a rebalance, and in containers both are process 1.
            partial = self._folder / f".{alert_id}.{uuid4().hex}.partial"
            try:
                partial.write_bytes(jpeg)
                partial.replace(picture)
            finally:
                partial.unlink(missing_ok=True)  # half a picture would help to fill the disk
        return f"evidence/{alert_id}.jpg"
