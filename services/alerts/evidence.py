"""The picture that an operator judges an alert by: the deciding frame with the box drawn."""

import cv2

from shared.clock import to_rfc3339
from shared.evidence import BLACK, COLOURS, put_text
from shared.jpeg import decode_jpeg, encode_jpeg
from shared.messages import Incident


def draw_snapshot(jpeg: bytes, incident: Incident) -> bytes:
    """The frame with the incident's box, its name and where and when it was.

    Raises:
        PoisonMessageError: the frame's JPEG cannot be decoded.
    """
    picture = decode_jpeg(jpeg)
    height, width = picture.shape[:2]
    colour = COLOURS[incident.severity]
    line = max(2, round(height / 270))
    x1, y1, x2, y2 = incident.box
    # Around the object, but within the picture: what reaches beyond an edge is marked along the edge.
    corners = (
        (max(round(x1 * width) - line, line), max(round(y1 * height) - line, line)),
        (min(round(x2 * width) + line, width - 1 - line), min(round(y2 * height) + line, height - 1 - line)),
    )
    cv2.rectangle(picture, *corners, BLACK, line + 2, cv2.LINE_AA)
    cv2.rectangle(picture, *corners, colour, line, cv2.LINE_AA)
    name = f"{incident.incident}: {incident.label} {incident.score:.0%}"
    put_text(picture, name, (corners[0][0], corners[0][1] - 2 * line), colour)
    place = f"{incident.camera} / {incident.zone}  {to_rfc3339(incident.changed_at)[:19]}Z"
    put_text(picture, place, (line, height - 2 * line), BLACK)
    return encode_jpeg(picture)
