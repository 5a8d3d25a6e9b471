"""Placing pictures in the model's input, and boxes back in the picture."""

import numpy as np
import pytest

from services.detector.backends.base import Boxes
from services.detector.letterbox import Letterbox, joined
from shared.exceptions import PoisonMessageError
from shared.jpeg import decode_jpeg, encode_jpeg, jpeg_size


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (1280, 720, (640, 384)),
        (1920, 1080, (640, 384)),
        (720, 1280, (384, 640)),
        (640, 640, (640, 640)),
        (100, 40, (640, 256)),
    ],
)
def test_the_longer_side_fills_the_input_and_both_are_multiples_of_the_stride(
    width: int, height: int, expected: tuple[int, int]
) -> None:
    box = Letterbox.fit(width, height, 640)
    assert (box.width, box.height) == expected
    assert max(box.inner_width, box.inner_height) == 640


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080), (333, 217), (720, 1280), (1000, 30)])
def test_the_corners_of_a_picture_come_back_as_the_unit_square(width: int, height: int) -> None:
    box = Letterbox.fit(width, height, 640)
    inner = [box.left, box.top, box.left + box.inner_width, box.top + box.inner_height]
    found = Boxes(np.array([inner], np.float32), np.ones(1, np.float32), np.zeros(1, np.int64))
    assert box.normalise(found)[0] == pytest.approx([0, 0, 1, 1])


def test_a_placed_picture_has_its_colours_inside_and_grey_around() -> None:
    picture = np.full((720, 1280, 3), (200, 40, 90), np.uint8)
    box = Letterbox.fit(1280, 720, 640)
    out = np.zeros((*box.shape, 3), np.uint8)
    box.place(picture, out)
    assert (out[: box.top] == 114).all()
    assert (out[box.top + box.inner_height :] == 114).all()
    assert np.abs(out[box.top + 5 : -box.top - 5].astype(int) - (200, 40, 90)).max() <= 3


def test_a_white_mark_keeps_its_place_through_scaling() -> None:
    picture = np.zeros((1080, 1920, 3), np.uint8)
    picture[540:600, 960:1080] = 255
    box = Letterbox.fit(1920, 1080, 640)
    out = np.zeros((*box.shape, 3), np.uint8)
    box.place(picture, out)
    rows, columns = np.nonzero(out[box.top : box.top + box.inner_height, :, 0] > 128)
    assert (rows.min() / 360, (rows.max() + 1) / 360) == pytest.approx((540 / 1080, 600 / 1080), abs=0.004)
    assert (columns.min() / 640, (columns.max() + 1) / 640) == pytest.approx((960 / 1920, 1080 / 1920), abs=0.004)


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("width", "height"), [(1280, 720), (1920, 1080), (640, 360), (720, 1280), (333, 217), (64, 40)]
)
def test_a_jpeg_is_decoded_to_where_its_picture_would_be_placed(width: int, height: int) -> None:
    jpeg, box = encode_jpeg(noise(width, height)), Letterbox.fit(width, height, 640)
    direct, placed = (np.full((*box.shape, 3), fill, np.uint8) for fill in (7, 9))
    box.decode(jpeg, direct)
    box.place(decode_jpeg(jpeg, min_width=box.inner_width, min_height=box.inner_height), placed)
    assert (direct == placed).all()


def test_a_jpeg_fills_the_given_place_at_every_scale_that_it_is_decoded_to() -> None:
    for width, height in ((1280, 720), (333, 217), (1000, 30), (641, 361), (8, 8)):
        jpeg = encode_jpeg(noise(width, height))
        for part in range(1, 17):
            least = {"min_width": -(-width * part // 16), "min_height": -(-height * part // 16)}
            usual = decode_jpeg(jpeg, **least)
            out = np.zeros_like(usual)
            assert decode_jpeg(jpeg, **least, out=out) is out, (width, height, part)
            assert (out == usual).all()


def test_a_place_that_does_not_fit_is_left_alone() -> None:
    jpeg, small = encode_jpeg(noise(64, 40)), np.zeros((40, 63, 3), np.uint8)
    apart = np.zeros((40, 128, 3), np.uint8)[:, ::2]  # of the right shape, with gaps
    for out in (small, apart):
        assert decode_jpeg(jpeg, out=out).shape == (40, 64, 3)
        assert not out.any()


def test_pictures_side_by_side_are_joined_without_a_copy_and_others_with_one() -> None:
    batch = np.stack([np.full((4, 6, 3), number, np.uint8) for number in range(5)])
    first, second, third = batch[1], batch[2], batch[3]
    whole = joined([first, second, third])
    assert np.shares_memory(whole, batch)
    assert (whole == batch[1:4]).all()
    for rows in ([first, third], [second, first], [first, first.copy()], [first, first], [first[:2], second[:2]]):
        apart = joined(rows)
        assert not np.shares_memory(apart, batch)
        assert (apart == np.stack(rows)).all()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not-a-jpeg"),
        (b"this is text, not a picture", "not-a-jpeg"),
        (encode_jpeg(noise(320, 240))[:4000], "truncated-jpeg"),
        (encode_jpeg(noise(320, 240))[:200], "not-a-jpeg"),
    ],
)
def test_a_broken_picture_is_poison_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(PoisonMessageError) as raised:
        decode_jpeg(data)
    assert raised.value.reason == reason


def test_a_sixty_megapixel_picture_is_refused_from_its_header_alone() -> None:
    data = encode_jpeg(np.zeros((6000, 10_000, 3), np.uint8))
    with pytest.raises(PoisonMessageError) as raised:
        jpeg_size(data)
    assert raised.value.reason == "too-large"
    assert "60 megapixels" in str(raised.value)
