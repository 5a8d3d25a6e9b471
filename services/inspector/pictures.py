"""The picture that an inspection is judged by: the frame with the lane's outline and what was found on it."""

import cv2
import numpy as np

from shared.clock import to_rfc3339
from shared.evidence import BLACK, COLOURS, WHITE, put_text
from shared.inspection import CameraInspection, Inspection, Verdict
from shared.jpeg import decode_jpeg, encode_jpeg
from shared.site import Zone

_COLOUR: dict[Verdict, tuple[int, int, int]] = {
    "clear": (40, 170, 90),
    "not-clear": COLOURS["critical"],
    "cannot-tell": COLOURS["warning"],
}


def picture_name(inspection: Inspection, camera: str) -> str:
    """The picture's name without its ending, for an `EvidenceStore`."""
    return f"{inspection.inspection_id}.{camera}"


def draw(jpeg: bytes, inspection: Inspection, word: CameraInspection, zone: Zone) -> bytes:
    """The frame with the lane in the colour of the camera's verdict, and a box around each finding.

    Raises:
        PoisonMessageError: the frame's JPEG cannot be decoded.
    """
    picture = decode_jpeg(jpeg)
    height, width = picture.shape[:2]
    line = max(2, round(height / 270))
    outline = np.rint(np.array(zone.polygon) * (width, height)).astype(np.int32)
    for colour, weight in ((BLACK, line + 2), (_COLOUR[word.verdict], line)):
        cv2.polylines(picture, [outline], True, colour, weight, cv2.LINE_AA)
    for reason in word.reasons:
        if reason.box is None:
            continue
        x1, y1, x2, y2 = reason.box
        first = (max(round(x1 * width) - line, 0), max(round(y1 * height) - line, 0))
        second = (min(round(x2 * width) + line, width - 1), min(round(y2 * height) + line, height - 1))
        cv2.rectangle(picture, first, second, BLACK, line + 2, cv2.LINE_AA)
        cv2.rectangle(picture, first, second, WHITE, line, cv2.LINE_AA)
        put_text(picture, reason.code, (first[0], first[1] - 2 * line), _COLOUR[reason.verdict])
    put_text(picture, f"{inspection.lane}: {word.verdict}", (line, 0), _COLOUR[word.verdict])
    at = word.frame.captured_at if word.frame else inspection.judged_at
    put_text(picture, f"{word.camera}  {to_rfc3339(at)[:19]}Z", (line, height - 2 * line), BLACK)
    return encode_jpeg(picture)
