"""Clips, folders and globs, read once: which frames, when, and what is said of bad ones."""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from structlog.testing import capture_logs

from services.producer import probe, read_once
from shared.exceptions import InputError
from shared.frames import Frame
from shared.jpeg import decode_jpeg, encode_jpeg
from shared.site import Camera
from shared.telemetry import metrics
from tests.media import picture, turn_clip, write_clip, write_pictures

START = 1_700_000_000_000_000_000
NTSC = Fraction(30000, 1001)


def camera(source: object, **fields: object) -> Camera:
    return Camera.model_validate({"id": "cam", "source": str(source), **fields})


def frames(source: object, **fields: object) -> list[Frame]:
    return list(read_once(camera(source, **fields), start_ns=START, run="r1"))


def broken_pictures() -> float:
    return metrics.ERRORS.labels("producer", "broken-picture")._value.get()


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts", "clip.avi", "clip.h264"])
def test_a_clip_gives_every_frame_at_its_own_time(tmp_path: Path, name: str) -> None:
    found = frames(write_clip(tmp_path / name, 25, 25), fps=25)

    assert [frame.seq for frame in found] == list(range(25))
    # Matroska and MPEG-TS keep time to a millisecond and 1/90000 s.
    assert all(abs(frame.captured_at - START - index * 40_000_000) < 1_000_000 for index, frame in enumerate(found))
    assert found[0].captured_at == START
    assert {(frame.width, frame.height, frame.run, frame.traceparent) for frame in found} == {(160, 96, "r1", None)}


def test_the_analysed_rate_picks_frames_that_keep_their_own_time(tmp_path: Path) -> None:
    found = frames(write_clip(tmp_path / "clip.mp4", 90, NTSC), fps=10)

    indices = [(frame.captured_at - START) * NTSC / 1_000_000_000 for frame in found]
    assert all(abs(index - round(index)) < 0.001 for index in indices)
    assert [round(index) for index in indices] == list(range(0, 90, 3))


def test_frames_show_what_the_clip_shows(tmp_path: Path) -> None:
    found = frames(write_clip(tmp_path / "clip.mp4", 10))

    for index, frame in enumerate(found):
        assert abs(decode_jpeg(frame.jpeg).astype(int) - picture(index)).mean() < 6


def test_reading_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 40)

    assert frames(clip) == frames(clip)


def test_a_clip_filmed_on_edge_is_turned_upright(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 3)
    turn_clip(clip)

    found = frames(clip)

    assert {(frame.width, frame.height) for frame in found} == {(96, 160)}
    assert (probe(camera(clip)).width, probe(camera(clip)).height) == (96, 160)
    shown = decode_jpeg(found[0].jpeg)
    # The block lies at the left and above the middle; turned clockwise, at the top and right of the middle.
    assert shown[4:28, 50:70, 0].mean() > 180
    assert shown[100:, :, 0].mean() < 110


def test_a_clip_with_a_broken_tail_gives_what_can_be_decoded(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.ts", 60)
    cut = tmp_path / "cut.ts"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])

    found = frames(cut)

    assert 30 <= len(found) < 60
    assert found[:25] == frames(whole)[:25]
    assert frames(cut) == found


def test_a_damaged_middle_does_not_end_the_clip(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", 60)
    data = bytearray(clip.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = bytes(300)
    clip.write_bytes(data)

    found = frames(clip)

    assert found[-1].captured_at - START > 5_000_000_000
    assert all(later.captured_at > earlier.captured_at for earlier, later in pairwise(found))


def test_a_folder_is_read_in_order_of_names_at_the_cameras_rate(tmp_path: Path) -> None:
    paths = write_pictures(tmp_path / "pictures", 5)
    (tmp_path / "pictures" / "notes.txt").write_text("not a picture")

    found = frames(tmp_path / "pictures", fps=4)

    assert [frame.jpeg for frame in found] == [path.read_bytes() for path in paths]
    assert [frame.captured_at - START for frame in found] == [index * 250_000_000 for index in range(5)]


def test_a_glob_takes_what_it_names(tmp_path: Path) -> None:
    paths = write_pictures(tmp_path, 12)

    assert [frame.jpeg for frame in frames(tmp_path / "00[24].jpg")] == [paths[2].read_bytes(), paths[4].read_bytes()]
    assert len(frames(tmp_path / "*.jpg")) == 12


def test_broken_pictures_are_left_out_and_counted(tmp_path: Path) -> None:
    paths = write_pictures(tmp_path, 5)
    paths[1].write_bytes(paths[1].read_bytes()[:-200])
    paths[3].write_bytes(b"")
    before = broken_pictures()

    with capture_logs() as logs:
        found = frames(tmp_path, fps=10)

    assert [frame.captured_at - START for frame in found] == [0, 200_000_000, 400_000_000]
    assert [frame.seq for frame in found] == [0, 1, 2]
    assert broken_pictures() - before == 2
    said = [(line["file"], line["reason"].split(":")[0]) for line in logs if line["event"] == "picture left out"]
    assert said == [("001.jpg", "truncated-jpeg"), ("003.jpg", "empty-file")]


def test_a_60_megapixel_picture_is_left_out(tmp_path: Path) -> None:
    paths = write_pictures(tmp_path, 2)

    paths[0].write_bytes(encode_jpeg(np.zeros((10_000, 6_000, 3), np.uint8), quality=30))

    with capture_logs() as logs:
        assert len(frames(tmp_path)) == 1
    assert "60 megapixels" in logs[0]["reason"]


def text_file(folder: Path) -> Path:
    (folder / "notes.mp4").write_text("Minutes of the meeting\n" * 50)
    return folder / "notes.mp4"


def empty_folder(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def broken_folder(folder: Path) -> Path:
    (folder / "broken").mkdir()
    (folder / "broken" / "a.jpg").write_bytes(b"\xff\xd8 no")
    return folder / "broken"


def sound_only(folder: Path) -> Path:
    with av.open(str(folder / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    return folder / "sound.wav"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: folder / "missing.mp4", "missing.mp4: no such file"),
        (lambda folder: folder / "*.jpg", "*.jpg: holds no picture"),
        (text_file, "notes.mp4: not a video"),
        (sound_only, "sound.wav: not a video: it has no video stream"),
        (empty_folder, "empty: holds no picture"),
        (broken_folder, "broken: no picture can be read: a.jpg: not-a-jpeg"),
    ],
    ids=["missing", "glob of nothing", "text as mp4", "sound", "empty folder", "broken folder"],
)
def test_what_cannot_be_read_is_told_in_one_line(tmp_path: Path, make: Callable[[Path], Path], said: str) -> None:
    with pytest.raises(InputError) as refused:
        probe(camera(make(tmp_path)))

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_reading_a_live_source_once_is_refused_without_its_password() -> None:
    with pytest.raises(InputError, match="is live") as refused:
        frames("rtsp://operator:hunter2@127.0.0.1/main")

    assert "hunter2" not in str(refused.value)


def test_probe_tells_size_and_length(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 90, 30)

    at_ten, all_of_it = probe(camera(clip, fps=10)), probe(camera(clip, fps=60))

    assert (at_ten.width, at_ten.height, at_ten.frames_expected, at_ten.finite) == (160, 96, 30, True)
    assert at_ten.duration_s == pytest.approx(3.0, abs=0.05)
    assert all_of_it.frames_expected == 90
    assert not probe(camera("rtsp://127.0.0.1:1/nobody")).finite
    assert not probe(camera("0")).finite


@pytest.mark.shared
def test_the_handheld_clip_is_portrait(shared_dir: Path) -> None:
    first = next(read_once(camera(shared_dir / "clips" / "takeoff-handheld.mp4")))

    assert (first.width, first.height) == (720, 1280)


def test_while_nothing_moves_a_clip_is_read_at_the_idle_rate(tmp_path: Path) -> None:
    path = tmp_path / "night.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for index in [*range(30), *[29] * 60]:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(index, 320, 180), format="rgb24")))
        container.mux(stream.encode(None))
    idle = metrics.FRAMES_IDLE.labels("cam")
    before = idle._value.get()
    whole, needed = frames(path, fps=10), frames(path, fps=10, idle_fps=2)
    times = [(item.captured_at - START) * 10 // 1_000_000_000 for item in needed]
    assert times == [*range(60), 64, 69, 74, 79, 84, 89]  # while it moves and 3 s after it all, then two a second
    assert [item.seq for item in needed] == list(range(len(needed)))
    jpegs = {item.captured_at: item.jpeg for item in whole}
    assert all(jpegs[item.captured_at] == item.jpeg for item in needed)
    assert idle._value.get() - before == len(whole) - len(needed)
