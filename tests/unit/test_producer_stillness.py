"""How many frames a camera sends while nothing moves, and which."""

import numpy as np
import pytest
from av.video.frame import VideoFrame
from pydantic import ValidationError

from services.producer.stillness import HOLD_NS, FrameChooser, MotionGate, luma_of
from shared.clock import NS
from shared.site import Camera

FPS = 10
STILL_S = HOLD_NS // NS + 1
LASTS_S = 14
Grey = np.ndarray


def road(noise: float, seconds: float) -> list[Grey]:
    """(180, 320) pictures of one place, each with a noise of its own."""
    random = np.random.default_rng(1)
    plate = random.uniform(40, 200, (9, 16)).repeat(20, 0).repeat(20, 1)
    return [plate + random.normal(0, noise, plate.shape) for _ in range(round(seconds * FPS))]


def frame(picture: Grey, form: str = "yuv420p") -> VideoFrame:
    grey = VideoFrame.from_ndarray(np.clip(picture, 16, 235).astype(np.uint8), format="gray")
    return grey if form == "gray" else grey.reformat(format=form)


def sent(pictures: list[Grey], idle_fps: float | None = 2.0) -> list[int]:
    """The numbers of the pictures that are sent."""
    chooser = FrameChooser(Camera(id="km41", source="0", fps=FPS, idle_fps=idle_fps))
    return [index for index, picture in enumerate(pictures) if chooser.admits(index * NS // FPS, frame(picture))]


@pytest.mark.parametrize("noise", [0.0, 2.0, 6.0, 12.0])
def test_an_empty_road_is_looked_at_twice_a_second(noise: float) -> None:
    still = [index for index in sent(road(noise, LASTS_S)) if index >= STILL_S * FPS]
    assert 2 * (LASTS_S - STILL_S) <= len(still) <= 2.4 * (LASTS_S - STILL_S)
    assert max(np.diff(still)) <= FPS // 2  # never longer than half a second apart


def test_without_an_idle_rate_every_frame_is_sent() -> None:
    assert sent(road(2.0, 6), idle_fps=None) == list(range(60))


@pytest.mark.parametrize(("noise", "contrast"), [(2.0, 40), (2.0, -40), (4.0, 70)])
def test_a_person_of_four_by_two_pixels_is_sent_on_the_very_frame_and_followed_until_he_is_gone(
    noise: float, contrast: float
) -> None:
    pictures = road(noise, LASTS_S)
    for index in range(53, 83):
        left = 150 + (index - 53) // 2
        pictures[index][100:104, left : left + 2] += contrast
    got = sent(pictures)
    assert set(range(53, 83)) <= set(got)
    held = set(range(83, 83 + HOLD_NS * FPS // NS))
    assert held <= set(got)
    assert len([index for index in got if index > max(held) + 5]) <= 2.4 * (LASTS_S - 11.4)


def test_what_creeps_adds_up_until_it_counts() -> None:
    pictures = road(0.0, LASTS_S)
    for index, picture in enumerate(pictures):
        picture[100:116, 150 + index // 4 : 166 + index // 4] += 50  # a pixel in 0.4 s
    assert len(sent(pictures)) > LASTS_S * FPS - 10


def test_light_that_changes_at_once_is_motion_and_dusk_is_not() -> None:
    pictures = road(1.0, LASTS_S)
    dusk = [picture - index * 0.05 for index, picture in enumerate(pictures)]
    assert len([index for index in sent(dusk) if index >= STILL_S * FPS]) <= 2.4 * (LASTS_S - STILL_S)
    for picture in pictures[60:]:
        picture += 20
    assert set(range(60, 90)) <= set(sent(pictures))


def test_a_clock_that_is_set_back_and_another_size_of_picture_begin_anew() -> None:
    gate = MotionGate(FPS, 2)
    small, large = np.zeros((45, 80), np.float32), np.zeros((60, 80), np.float32)
    assert [gate.admits(at * NS // FPS, small) for at in (100, 101, 0, 1, 31, 32)] == [True] * 5 + [False]
    assert gate.admits(33 * NS // FPS, large)


@pytest.mark.parametrize("form", ["gray", "yuv420p", "nv12", "yuvj422p", "rgb24"])
def test_brightness_comes_out_of_every_kind_of_frame(form: str) -> None:
    picture = np.full((360, 640), 60.0)
    picture[:180] = 180
    blocks = luma_of(frame(picture, form))
    assert blocks.shape == (45, 80)
    assert blocks[:22].mean() > blocks[23:].mean() + 80


@pytest.mark.parametrize("size", [(97, 61), (320, 240), (1919, 1079), (64, 300)])
def test_pictures_of_any_size(size: tuple[int, int]) -> None:
    width, height = size
    assert luma_of(frame(np.zeros((height, width)), "gray")).shape[1] == 80


@pytest.mark.parametrize(
    ("fps", "idle_fps", "message"),
    [(10, 12, "2 to 10"), (10, 1, "equal to 2"), (30, 5, "a fifth of fps and fps: 6 to 30")],
)
def test_an_idle_rate_that_makes_no_sense_is_refused(fps: float, idle_fps: float, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Camera(id="km41", source="0", fps=fps, idle_fps=idle_fps)
