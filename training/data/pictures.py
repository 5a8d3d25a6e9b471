"""Which files of a data set are pictures, and whether they are whole."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from services.producer.pictures import exif_orientation
from shared.exceptions import PoisonMessageError
from shared.jpeg import decode_jpeg, jpeg_size

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
_JPEG = b"\xff\xd8"


def is_picture(path: Path) -> bool:
    """By its name."""
    return path.suffix.lower() in SUFFIXES


def pictures_below(folder: Path) -> Iterator[Path]:
    """All pictures in the folder and those below it, in the order of their names."""
    return (path for path in sorted(folder.rglob("*")) if is_picture(path))


def measure(path: Path) -> tuple[int, int] | str:
    """Width and height in pixels of the upright picture, or why it cannot be used.

    A JPEG is decoded at an eighth of its size, which is fast and finds one that ends too early.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if not data.startswith(_JPEG):
        try:
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
        except cv2.error:
            picture = None  # OpenCV's own bound of 2^30 pixels
        return "cannot be decoded" if picture is None else (picture.shape[1], picture.shape[0])
    try:
        width, height = jpeg_size(data)
        decode_jpeg(data, min_width=1, min_height=1)
    except PoisonMessageError as error:
        return f"cannot be decoded ({error.reason})"
    return (height, width) if exif_orientation(data) >= 5 else (width, height)
