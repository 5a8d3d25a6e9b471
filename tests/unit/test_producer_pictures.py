"""From decoded frames and picture files to the JPEG that travels."""

import struct

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import Colorspace

from services.producer.encode import encode_frame
from services.producer.pictures import exif_orientation, load_picture
from shared.exceptions import PoisonMessageError
from shared.jpeg import decode_jpeg, encode_jpeg, jpeg_size
from shared.site import Camera
from tests.media import Picture, picture

CAMERA = Camera(id="cam", source="x.mp4", jpeg_quality=95)
NARROW = Camera(id="cam", source="x.mp4", max_width=160, jpeg_quality=95)


def patches(width: int = 640, height: int = 384) -> Picture:
    """Patches of primary colours, greys and mixtures, 64 pixels each."""
    colours = np.random.default_rng(7).integers(16, 240, (height // 64, width // 64, 3), np.uint8)
    return np.kron(colours, np.ones((64, 64, 1), np.uint8))


def error(jpeg: bytes, wanted: Picture) -> float:
    return float(np.abs(decode_jpeg(jpeg).astype(int) - wanted).mean())


@pytest.mark.parametrize("matrix", [Colorspace.ITU601, Colorspace.ITU709])
def test_colours_survive_whatever_matrix_the_camera_uses(matrix: Colorspace) -> None:
    image = patches()
    frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p", dst_colorspace=matrix)
    frame.colorspace = matrix

    jpeg, width, height = encode_frame(frame, CAMERA)

    assert (width, height) == (640, 384)
    bgr = frame.to_ndarray(format="bgr24")
    assert error(jpeg, bgr[..., ::-1]) < 1.5
    assert error(jpeg, image) < 4  # limited range and subsampled edges cost a little


def test_a_wide_frame_is_scaled_down_in_proportion() -> None:
    frame = av.VideoFrame.from_ndarray(patches(), format="rgb24").reformat(format="yuv420p")

    jpeg, width, height = encode_frame(frame, NARROW)

    assert (width, height) == (160, 96) == jpeg_size(jpeg)
    assert error(jpeg, cv2.resize(patches(), (160, 96), interpolation=cv2.INTER_AREA)) < 6


def test_lines_padded_in_memory_do_not_shear_the_picture() -> None:
    image = patches()[:, :630]  # 630 is no multiple of the decoder's alignment
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24").reformat(format="yuv420p")
    assert frame.planes[0].line_size != 630

    assert error(encode_frame(frame, CAMERA)[0], image) < 4


def test_a_fitting_jpeg_passes_byte_for_byte() -> None:
    data = encode_jpeg(picture(3))

    assert load_picture(data, CAMERA) == (data, 160, 96)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp"])
def test_other_pictures_become_jpeg_in_the_same_colours(suffix: str) -> None:
    data = cv2.imencode(suffix, patches()[..., ::-1])[1].tobytes()

    jpeg, width, height = load_picture(data, CAMERA)

    assert (width, height) == (640, 384)
    assert error(jpeg, patches()) < 4


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_picture_wider_than_the_limit_is_scaled(suffix: str) -> None:
    jpeg, width, height = load_picture(cv2.imencode(suffix, patches())[1].tobytes(), NARROW)

    assert (width, height) == (160, 96) == jpeg_size(jpeg)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty-file"),
        (b"a letter", "not-a-picture"),
        (b"\xff\xd8\xff\xe0 and no more", "not-a-jpeg"),
        (encode_jpeg(patches())[:4000], "truncated-jpeg"),
        (encode_jpeg(np.zeros((10_000, 6_000, 3), np.uint8), quality=30), "too-large"),
    ],
    ids=["empty", "text", "a header", "truncated", "60 megapixels"],
)
@pytest.mark.parametrize("camera", [CAMERA, NARROW], ids=["as is", "scaled"])
def test_broken_pictures_are_refused_with_their_reason(data: bytes, reason: str, camera: Camera) -> None:
    with pytest.raises(PoisonMessageError) as refused:
        load_picture(data, camera)

    assert refused.value.reason == reason


def with_orientation(jpeg: bytes, value: int, order: str) -> bytes:
    mark = {"<": b"II", ">": b"MM"}[order]
    tiff = mark + struct.pack(order + "HIHHHIHHI", 42, 8, 1, 274, 3, 1, value, 0, 0)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(tiff) + 8) + b"Exif\0\0" + tiff + jpeg[2:]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("value", range(1, 9))
def test_a_phones_picture_is_turned_upright(value: int, order: str) -> None:
    data = with_orientation(encode_jpeg(patches(), quality=95), value, order)
    assert exif_orientation(data) == value

    jpeg, width, height = load_picture(data, CAMERA)

    upright = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]  # OpenCV minds Exif
    assert (height, width) == upright.shape[:2]
    if value == 1:
        assert jpeg == data
    else:
        assert error(jpeg, upright) < 4


@pytest.mark.parametrize("cut", range(2, 32, 3))
def test_cut_exif_never_raises(cut: int) -> None:
    data = with_orientation(encode_jpeg(picture(0)), 6, "<")

    assert exif_orientation(data[:cut]) == 1
