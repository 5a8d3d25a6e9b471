"""Picture files as the JPEG that travels."""

import struct

import cv2
import numpy as np

from services.producer.encode import Encoded, encode_rgb
from shared.exceptions import PoisonMessageError
from shared.jpeg import MAX_PIXELS, Picture, decode_jpeg, jpeg_size
from shared.site import Camera

_JPEG = b"\xff\xd8"
# How numpy turns a picture upright, per Exif orientation (Exif 2.32, tag 274): quarter turns counter-clockwise,
# then mirrored left to right.
_UPRIGHT = {1: (0, False), 2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True)}
_UPRIGHT[8] = (1, False)


def load_picture(data: bytes, camera: Camera) -> Encoded:
    """A picture file as JPEG: an upright JPEG of fitting size passes as it is, anything else is encoded.

    Raises:
        PoisonMessageError: empty, too large, truncated or no picture.
    """
    if not data:
        raise PoisonMessageError("empty-file", "the file is empty")
    if not data.startswith(_JPEG):
        return encode_rgb(_fit(_decode_other(data), camera), camera)
    width, height = jpeg_size(data)
    orientation = exif_orientation(data)
    if orientation == 1 and width <= camera.max_width:
        decode_jpeg(data, min_width=1, min_height=1)  # at an eighth of its size: finds a truncated file
        return data, width, height
    turns, mirrored = _UPRIGHT[orientation]
    picture = np.rot90(decode_jpeg(data), turns)
    return encode_rgb(_fit(np.fliplr(picture) if mirrored else picture, camera), camera)


def _decode_other(data: bytes) -> Picture:
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        decoded = None  # OpenCV's own bound of 2^30 pixels
    if decoded is None:
        raise PoisonMessageError("not-a-picture", "it cannot be decoded")
    if decoded.shape[0] * decoded.shape[1] > MAX_PIXELS:
        raise PoisonMessageError("too-large", f"{decoded.shape[1]}x{decoded.shape[0]} pixels")
    return np.asarray(decoded[..., ::-1], np.uint8)


def _fit(picture: Picture, camera: Camera) -> Picture:
    height, width = picture.shape[:2]
    if width <= camera.max_width:
        return picture
    size = camera.max_width, max(1, round(height * camera.max_width / width))
    return np.asarray(cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_AREA), np.uint8)


def exif_orientation(data: bytes) -> int:
    """How a JPEG says it must be turned: 1 to 8, 1 being upright, as when it says nothing."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] not in (0xDA, 0xD9):
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            return _tiff_orientation(data[at + 10 : at + 2 + length])
        at += 2 + length
    return 1


def _tiff_orientation(tiff: bytes) -> int:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, directory)
        for index in range(count):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, directory + 2 + 12 * index)
            if (tag, kind) == (274, 3):
                return value if value in _UPRIGHT else 1
    except struct.error:
        pass  # a directory that ends early says nothing; the picture itself may be whole
    return 1
