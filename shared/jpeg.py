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


def decode_jpeg(data: bytes, *, min_width: int = 0, min_height: int = 0, out: Picture | None = None) -> Picture:
    """Decode to RGB, at the smallest DCT scale (n/8) that is no smaller than the given size.

    Args:
        out: filled and returned, where its pixels are contiguous and the decoded picture has just its shape.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        PoisonMessageError: no JPEG, truncated or corrupt, or too large.
    """
    width, height = jpeg_size(data)
    into = out is not None and out.flags.c_contiguous and _scaled(width, height, min_width, min_height) == out.shape[:2]
    try:
        picture: Picture = simplejpeg.decode_jpeg(
            data, "RGB", min_width=min_width, min_height=min_height, strict=True, buffer=out if into else None
        )
    except ValueError as error:
        reason = "truncated-jpeg" if "premature end" in str(error).lower() else "corrupt-jpeg"
        raise PoisonMessageError(reason, str(error)) from None
    return out if into and out is not None else picture


def _scaled(width: int, height: int, min_width: int, min_height: int) -> tuple[int, int]:
    """(height, width) that a picture is decoded to: libjpeg rounds up, and enlarges nothing here."""
    if min_width <= 0 and min_height <= 0:
        return height, width
    sizes = [(-(-height * eighths // 8), -(-width * eighths // 8)) for eighths in range(1, 8)]
    return next((size for size in sizes if size[0] >= min_height and size[1] >= min_width), (height, width))


def encode_jpeg(picture: Picture, *, quality: int = 85) -> bytes:
    """Encode (H, W, 3) uint8 RGB with 4:2:0 chroma."""
    data: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(picture), quality=quality, colorspace="RGB", colorsubsampling="420"
    )
    return data
