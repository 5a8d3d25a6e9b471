"""Cameras over RTSP, against a real server: capture times, loss and return, credentials."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.producer import camera as live
from services.producer.camera import LiveCamera
from services.producer.pacing import Backoff
from shared.clock import NS
from shared.frames import Frame
from shared.site import Camera
from shared.telemetry import metrics
from tests import rtsp
from tests.media import write_clip

pytestmark = [pytest.mark.rtsp, pytest.mark.timeout(90)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute at 25 frames per second."""
    return write_clip(tmp_path_factory.mktemp("rtsp") / "clip.mp4", 1500, 25)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts follow each other within a quarter of a second."""
    monkeypatch.setattr(live, "Backoff", lambda: Backoff(first_s=0.1, most_s=0.25))


class Watched:
    """A live camera in a thread, with what it gave."""

    def __init__(self, source: str, fps: float = 10, decoder: str = "cpu") -> None:
        self.frames: list[Frame] = []
        self.stop = threading.Event()
        camera = Camera(id=f"cam-{id(self)}", source=source, fps=fps)
        self.camera = LiveCamera(camera, self.frames.append, self.stop, decoder=decoder)
        self.thread = threading.Thread(target=self.camera.serve, daemon=True)

    def __enter__(self) -> "Watched":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(timeout=12)
        assert not self.thread.is_alive()

    def wait_for(self, count: int, seconds: float = 20) -> None:
        eventually(lambda: len(self.frames) >= count, seconds)


def eventually(holds: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "did not come about in time"
        time.sleep(0.02)


def grows(frames: list[Frame]) -> bool:
    return all(later.captured_at > earlier.captured_at for earlier, later in pairwise(frames))


def test_a_stream_gives_frames_at_the_analysed_rate_stamped_with_the_wall_clock(clip: Path) -> None:
    with rtsp.server(clip) as url, Watched(url) as watched:
        watched.wait_for(30)
        now = time.time_ns()
    frames = watched.frames

    assert grows(frames)
    assert [frame.seq for frame in frames] == list(range(len(frames)))
    steady = [frame.captured_at for frame in frames[10:30]]
    assert 9 <= 19 * NS / (steady[-1] - steady[0]) <= 11
    assert all(gap % (NS // 25) < 2_000_000 or NS // 25 - gap % (NS // 25) < 2_000_000 for gap in gaps(steady))
    assert -2 * NS < frames[29].captured_at - now < NS // 10
    assert frames[0].traceparent is not None


def test_what_a_device_cannot_decode_the_cpu_does(clip: Path) -> None:
    """FFmpeg knows this kind of device, and no H.264 decoder for it."""
    with rtsp.server(clip) as url, Watched(url, decoder="drm") as watched:
        watched.wait_for(5)
    assert grows(watched.frames)


def gaps(stamps: list[int]) -> list[int]:
    return [later - earlier for earlier, later in pairwise(stamps)]


@pytest.mark.usefixtures("quick")
def test_a_killed_server_comes_back_and_time_goes_on_while_another_camera_is_undisturbed(clip: Path) -> None:
    port = rtsp.free_port()
    with rtsp.server(clip) as other_url, Watched(other_url) as other:
        with rtsp.server(clip, port) as url:
            watched = Watched(url)
            watched.__enter__()
            watched.wait_for(10)
            other.wait_for(10)
        lost = time.time_ns()
        eventually(lambda: not watched.camera.up)
        before = len(watched.frames)
        other.wait_for(len(other.frames) + 10)
        assert len(watched.frames) == before
        with rtsp.server(clip, port), watched_until_end(watched):
            watched.wait_for(before + 10)

    assert grows(watched.frames)
    assert grows(other.frames)
    assert watched.frames[before].captured_at > lost
    assert [frame.seq for frame in watched.frames] == list(range(len(watched.frames)))
    assert max(gaps([frame.captured_at for frame in other.frames[5:]])) < NS // 2
    assert metrics.SOURCE_CONNECTS.labels(watched.frames[0].camera, "connected")._value.get() == 2


@contextmanager
def watched_until_end(watched: Watched) -> Iterator[None]:
    try:
        yield
    finally:
        watched.__exit__()


@pytest.mark.usefixtures("quick")
def test_credentials_open_the_stream_and_appear_nowhere(clip: Path, capfd: pytest.CaptureFixture[str]) -> None:
    secret = "hunter2"
    with capture_logs() as logs:
        with rtsp.server(clip, user="operator", password=secret) as url:
            with Watched(url.replace("rtsp://", f"rtsp://operator:{secret}@")) as watched:
                watched.wait_for(3)
            with Watched(url.replace("rtsp://", f"rtsp://operator:{secret}-wrong@")) as refused:
                eventually(lambda: sum(line["event"] == "source lost" for line in logs) >= 2)
        with Watched(url.replace("rtsp://", f"rtsp://operator:{secret}@")):  # the server is gone
            eventually(lambda: sum("refused" in line.get("reason", "") for line in logs) >= 2)
    printed = capfd.readouterr()

    assert not refused.frames
    assert any("401" in line.get("reason", "") for line in logs)
    assert any(line["event"] == "source connected" and "***@127.0.0.1" in line["source"] for line in logs)
    assert secret not in str(logs) + printed.out + printed.err


@pytest.mark.usefixtures("quick")
def test_a_server_that_falls_silent_is_given_up(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.producer.video._READ_S", 1.0)
    with rtsp.running(clip, rtsp.free_port()) as (process, url), Watched(url) as watched:
        watched.wait_for(5)
        process.send_signal(rtsp.PAUSE)
        eventually(lambda: not watched.camera.up, 10)
        process.send_signal(rtsp.RESUME)
        count = len(watched.frames)
        watched.wait_for(count + 5)

    assert grows(watched.frames)
