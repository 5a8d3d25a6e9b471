"""The loop of one live camera, without a network: retries, shedding, identities."""

import re
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.producer.camera import LiveCamera, new_traceparent
from services.producer.outbox import Outbox
from services.producer.vitals import Vitals
from shared.clock import NS, to_ns
from shared.frames import Frame
from shared.site import Camera
from shared.telemetry import metrics
from tests.media import write_pictures


class PatientStop(threading.Event):
    """A stop event whose waits pass at once, are noted, and that sets itself after some of them."""

    def __init__(self, rounds: int) -> None:
        super().__init__()
        self.waits: list[float] = []
        self.now = 0.0
        self._rounds = rounds

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        self.now += timeout or 0.0
        if len(self.waits) >= self._rounds:
            self.set()
        return self.is_set()


def test_a_source_that_fails_is_tried_for_ever_with_growing_waits() -> None:
    stop = PatientStop(rounds=12)
    failed = metrics.SOURCE_CONNECTS.labels("gone", "failed")
    before = failed._value.get()
    camera = Camera(id="gone", source="/nowhere/clip.mp4")

    with capture_logs() as logs:
        LiveCamera(camera, lambda frame: None, stop, monotonic=lambda: stop.now).serve()

    assert failed._value.get() - before == 12
    assert len([line for line in logs if line["event"] == "source lost"]) == 12
    for index, wait_s in enumerate(stop.waits):
        most = min(0.5 * 2**index, 30.0)
        assert most / 2 <= wait_s <= most
    assert metrics.SOURCE_UP.labels("gone")._value.get() == 0


def test_the_waits_begin_small_again_after_a_connection_that_held() -> None:
    stop = PatientStop(rounds=8)
    camera = Camera(id="gone", source="/nowhere/clip.mp4")
    ticks = iter([0, 1, 0, 1, 0, 1, 0, 1, 0, 61, 0, 1, 0, 1, 0, 1])  # the fifth attempt lasted over a minute

    LiveCamera(camera, lambda frame: None, stop, monotonic=lambda: float(next(ticks))).serve()

    assert stop.waits[3] >= 2.0
    assert stop.waits[4] <= 0.5
    assert stop.waits[5] <= 1.0


def test_a_file_without_a_readable_frame_is_no_busy_loop(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8 no picture")
    stop = PatientStop(rounds=5)

    with capture_logs() as logs:
        LiveCamera(Camera(id="c", source=str(tmp_path)), lambda frame: None, stop).serve()

    assert [line["reason"].endswith("no frame of it can be read") for line in logs if "retry_in_s" in line] == [
        True
    ] * 5


def test_cameras_share_encoders_and_a_broken_picture_still_costs_only_itself(tmp_path: Path) -> None:
    write_pictures(tmp_path, 3)
    names = sorted(path.name for path in tmp_path.iterdir())
    (tmp_path / names[1]).write_bytes(b"\xff\xd8 no picture")
    frames: list[Frame] = []
    with ThreadPoolExecutor(1) as encoders:
        asked = _Counted(encoders)
        camera = Camera(id="c", source=str(tmp_path), fps=60, loop=False)
        LiveCamera(camera, frames.append, threading.Event(), encoders=asked).serve()
    assert asked.count == 3
    assert [frame.seq for frame in frames] == [0, 1]


class _Counted(Executor):
    """Hands on to another, and counts."""

    def __init__(self, other: Executor) -> None:
        self._other, self.count = other, 0

    def submit(self, *work: Any, **options: Any) -> Future[Any]:  # type: ignore[override]
        self.count += 1
        return self._other.submit(*work, **options)


def test_a_trace_context_is_well_formed_and_unique() -> None:
    made = {new_traceparent() for _ in range(100)}

    assert len(made) == 100
    assert all(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", text) for text in made)


def frame(seq: int) -> Frame:
    return Frame("shed", seq, seq, 1, 1, b"jpeg")


def test_the_oldest_frames_are_shed_and_counted_when_the_bus_is_slow() -> None:
    shed = metrics.FRAMES_SHED.labels("producer", "shed", "bus-slow")
    before = shed._value.get()
    outbox = Outbox("shed", size=3)
    for seq in range(10):
        outbox.put(frame(seq))

    assert [taken.seq for _ in range(3) if (taken := outbox.take(0))] == [7, 8, 9]
    assert outbox.take(0) is None
    assert shed._value.get() - before == 7


def test_a_closed_outbox_still_gives_what_waits() -> None:
    outbox = Outbox("shed")
    outbox.put(frame(0))
    outbox.close()

    assert not outbox.finished
    assert outbox.take(10) == frame(0)
    assert outbox.finished
    assert outbox.take(10) is None  # at once


@pytest.mark.parametrize("step_s", [-3600, -5, 5, 3600])
def test_a_clip_plays_on_when_the_clock_is_set_and_is_captured_by_the_new_time(tmp_path: Path, step_s: int) -> None:
    write_pictures(tmp_path / "p", 7)
    stop = PatientStop(rounds=80)
    start, frames = 1_700_000_000 * NS, list[Frame]()

    def wall() -> int:
        return start + to_ns(stop.now) + (step_s * NS if stop.now > 4.05 else 0)

    camera = Camera(id="clip", source=str(tmp_path / "p"), fps=10)
    vitals = Vitals(camera, clock=wall, monotonic=lambda: stop.now)
    LiveCamera(camera, frames.append, stop, vitals=vitals, clock=wall, monotonic=lambda: stop.now).serve()

    times = [frame.captured_at for frame in frames]
    steps = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) == 80
    assert max(stop.waits) <= 0.11
    assert [step for step in steps if abs(step - NS // 10) > NS // 100] == [NS // 10 + step_s * NS]
    assert abs(times[-1] - wall()) <= NS // 10
    assert vitals.report().captured_at == times[-1]
