"""JPEG in and out by libjpeg-turbo, with limits that keep a hostile picture from harming a worker."""

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from shared.exceptions import PoisonMessageError

Picture = NDArray[np.uint8]

# 8K UHD is 33 megapixels; nothing that watches a road is larger. A 60-megapixel picture would take 180 MB.
MAX_PIXELS = 36_000_000


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels, from the header alone.

    Raises:
        PoisonMessageError: no JPEG, or more than `MAX_PIXELS`.
    """
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError as error:
        raise PoisonMessageError("not-a-jpeg", str(error)) from None
    if width * height > MAX_PIXELS:
        raise PoisonMessageError(
            "too-large",
            f"{width}x{height} is {width * height / 1e6:.0f} megapixels, limit {MAX_PIXELS / 1e6:.0f}",
        )
    return width, height


def decode_jpeg(data: bytes, *, min_width: int = 0, min_height: int = 0) -> Picture:
    """Decode to RGB, at the smallest DCT scale (n/8) that is no smaller than the given size.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        PoisonMessageError: no JPEG, truncated or corrupt, or too large.
    """
    jpeg_size(data)
    try:
        picture: Picture = simplejpeg.decode_jpeg(data, "RGB", min_width=min_width, min_height=min_height, strict=True)
    except ValueError as error:
        reason = "truncated-jpeg" if "premature end" in str(error).lower() else "corrupt-jpeg"
        raise PoisonMessageError(reason, str(error)) from None
    return picture


def encode_jpeg(picture: Picture, *, quality: int = 85) -> bytes:
    """Encode (H, W, 3) uint8 RGB with 4:2:0 chroma."""
    data: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(picture), quality=quality, colorspace="RGB", colorsubsampling="420"
    )
    return data
