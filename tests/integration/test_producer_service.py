"""The producer service on the embedded bus: clips read once, looped live, cameras that fail beside ones that do not."""

import functools
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.producer import read_once
from services.producer.service import MAX_BACKLOG, serve
from shared import topics
from shared.bus.base import Producer
from shared.bus.memory import MemoryBus
from shared.clock import NS
from shared.exceptions import BusError, ConfigError, InputError
from shared.frames import Frame
from shared.settings import Settings
from shared.site import Camera, Site
from shared.store import Store
from shared.telemetry import metrics
from tests import threads
from tests.media import write_clip, write_pictures

pytestmark = pytest.mark.redis


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    store = Store.connect(redis_url)
    yield store
    store.close()


def site(**sources: object) -> Site:
    cameras = [Camera(id=name, source=str(source), fps=20) for name, source in sources.items()]
    return Site(site="test", cameras=cameras)


def sent(bus: MemoryBus) -> dict[str, list[Frame]]:
    """Everything on the frames topic, per camera."""
    found: dict[str, list[Frame]] = {}
    consumer = bus.consumer([topics.FRAMES], group=None)
    while records := consumer.poll(timeout_s=0):
        for record in records:
            frame = Frame.from_record(record)
            assert record.key == frame.camera
            assert record.timestamp_ms == frame.captured_at // 1_000_000
            found.setdefault(frame.camera, []).append(frame)
    consumer.close()
    return found


@contextmanager
def serving(bus: MemoryBus, store: Store, what: Site) -> Iterator[None]:
    """The service, live, in a thread; it must end within 2 s of the stop."""
    with threads.serving(lambda stop: serve(bus, store, what, Settings(), stop), within_s=2):
        yield


def eventually(holds: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "did not come about in time"
        time.sleep(0.05)


def test_once_sends_exactly_what_read_once_gives(tmp_path: Path, store: Store) -> None:
    what = site(clip=write_clip(tmp_path / "a.mp4", 60, 20), folder=write_pictures(tmp_path / "p", 7)[0].parent)
    bus = MemoryBus()

    serve(bus, store, what, Settings(run="r7"), threading.Event(), once=True, start_ns=5 * NS)

    assert sent(bus) == {camera.id: list(read_once(camera, start_ns=5 * NS, run="r7")) for camera in what.cameras}


def test_once_waits_for_the_detectors_and_loses_nothing(tmp_path: Path, store: Store) -> None:
    what = site(cam=write_clip(tmp_path / "a.mp4", 400, 20))
    bus = MemoryBus()
    bus.ensure_topics(topics.SPECS)
    reader = threading.Thread(
        target=serve, args=(bus, store, what, Settings(run="r"), threading.Event()), kwargs={"once": True}
    )
    reader.start()
    eventually(lambda: bus.lag(topics.DETECTOR_GROUP, topics.FRAMES) > MAX_BACKLOG)
    reader.join(timeout=0.5)
    assert reader.is_alive()
    assert bus.lag(topics.DETECTOR_GROUP, topics.FRAMES) <= MAX_BACKLOG + 32

    detector = bus.consumer([topics.FRAMES], group=topics.DETECTOR_GROUP)
    taken = 0
    deadline = time.monotonic() + 20
    while taken < 400 and time.monotonic() < deadline:
        records = detector.poll(timeout_s=0.1)
        taken += len(records)
        detector.commit({(record.topic, record.partition): record.offset + 1 for record in records})
    reader.join(timeout=5)
    assert (taken, reader.is_alive()) == (400, False)


def test_once_stops_in_the_middle_when_told(tmp_path: Path, store: Store) -> None:
    what = site(cam=write_clip(tmp_path / "a.mp4", 400, 20))
    stop = threading.Event()
    bus = MemoryBus()
    reader = threading.Thread(target=serve, args=(bus, store, what, Settings(run="r"), stop), kwargs={"once": True})
    reader.start()
    eventually(lambda: bool(sent(bus)) if bus_has_topics(bus) else False)
    stop.set()
    reader.join(timeout=2)

    assert not reader.is_alive()
    assert len(sent(bus)["cam"]) < 400


def bus_has_topics(bus: MemoryBus) -> bool:
    try:
        return bool(bus.end_offsets(topics.FRAMES))
    except BusError:
        return False


def test_once_goes_on_with_the_others_when_a_clip_is_lost(tmp_path: Path, store: Store, monkeypatch) -> None:
    what = site(good=write_clip(tmp_path / "a.mp4", 20, 20), bad=write_clip(tmp_path / "b.mp4", 20, 20))
    original = read_once

    def fails_half_way(camera: Camera, **given: object) -> Iterator[Frame]:
        for frame in original(camera, **given):
            if camera.id == "bad" and frame.seq == 5:
                raise InputError("b.mp4: the disk is gone")
            yield frame

    monkeypatch.setattr("services.producer.service.read_once", fails_half_way)
    errors = metrics.ERRORS.labels("producer", "source")
    before = errors._value.get()
    bus = MemoryBus()

    serve(bus, store, what, Settings(run="r"), threading.Event(), once=True)

    assert {camera: len(found) for camera, found in sent(bus).items()} == {"good": 20, "bad": 5}
    assert errors._value.get() - before == 1


def test_once_fails_when_the_bus_does(tmp_path: Path, store: Store) -> None:
    class Full(MemoryBus):
        def producer(self) -> Producer:
            producer = super().producer()
            producer.send = refuse
            return producer

    def refuse(*args: object, **given: object) -> None:
        raise BusError("the bus is full")

    what = site(one=write_clip(tmp_path / "a.mp4", 20, 20), two=tmp_path / "a.mp4")
    with pytest.raises(BusError, match="full"):
        serve(Full(), store, what, Settings(run="r"), threading.Event(), once=True)


def test_a_live_source_cannot_be_read_once(store: Store) -> None:
    with pytest.raises(ConfigError, match=r"camera road: .* is live") as refused:
        serve(MemoryBus(), store, site(road="rtsp://u:hunter2@127.0.0.1:1/x"), Settings(), threading.Event(), once=True)

    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("decoder", ["nonesuch", "vulkan"])
def test_a_decoder_that_is_not_there_is_told_before_any_camera(tmp_path: Path, store: Store, decoder: str) -> None:
    """FFmpeg has no such device, as where a GPU is not there, or no H.264 decoder for it."""
    what = site(cam=write_clip(tmp_path / "a.mp4", 3, 20))
    settings = Settings().model_copy(update={"video_decoder": decoder})
    said = rf"WAYSIDE_VIDEO_DECODER\): {decoder} cannot decode video here .*; set it to cpu"
    with pytest.raises(ConfigError, match=said):
        serve(MemoryBus(), store, what, settings, threading.Event())


def test_a_missing_clip_or_an_unknown_camera_ends_the_start(tmp_path: Path, store: Store) -> None:
    with pytest.raises(InputError, match=r"missing\.mp4: no such file"):
        serve(MemoryBus(), store, site(a=tmp_path / "missing.mp4"), Settings(), threading.Event())
    with pytest.raises(ConfigError, match="no camera 'b'; it has a"):
        serve(MemoryBus(), store, site(a=tmp_path), Settings(cameras="b"), threading.Event())


def test_a_clip_is_looped_in_real_time_and_time_goes_on(tmp_path: Path, store: Store) -> None:
    bus = MemoryBus()
    began = time.time_ns()
    with serving(bus, store, site(cam=write_clip(tmp_path / "a.mp4", 10, 20))):
        time.sleep(2.2)
    found = sent(bus)["cam"]

    assert 35 <= len(found) <= 46  # over four rounds of half a second
    assert [frame.seq for frame in found] == list(range(len(found)))
    gaps = [later.captured_at - earlier.captured_at for earlier, later in pairwise(found)]
    assert min(gaps) >= NS // 20 - 1_000_000
    assert sorted(gaps)[len(gaps) // 2] == NS // 20
    assert began <= found[0].captured_at
    assert found[-1].captured_at <= time.time_ns()
    assert len({frame.traceparent for frame in found}) == len(found)
    assert {frame.run for frame in found} == {None}


def test_a_clip_that_is_not_looped_ends_and_the_service_stays(tmp_path: Path, store: Store) -> None:
    once = Camera(id="cam", source=str(write_clip(tmp_path / "a.mp4", 6, 20)), fps=20, loop=False)
    bus = MemoryBus()
    with serving(bus, store, Site(site="test", cameras=[once])):
        time.sleep(1.2)
        beats = [beat for beat in store.services() if beat["service"] == "producer"]

    assert len(sent(bus)["cam"]) == 6
    assert [beat["service"] for beat in beats] == ["producer"]


def test_dead_cameras_do_not_hold_up_a_good_one(tmp_path: Path, store: Store) -> None:
    silent = http.server.socket.socket()  # accepts, and never says a word
    silent.bind(("127.0.0.1", 0))
    silent.listen()
    what = site(
        good=write_clip(tmp_path / "a.mp4", 10, 20),
        mute=f"http://127.0.0.1:{silent.getsockname()[1]}/main.mp4",
        refused="rtsp://operator:hunter2@127.0.0.1:9/main",
        absent="63",
    )
    bus = MemoryBus()
    with silent, capture_logs() as logs, serving(bus, store, what):
        time.sleep(1.5)

    assert set(sent(bus)) == {"good"}
    assert len(sent(bus)["good"]) >= 22
    assert metrics.SOURCE_UP.labels("refused")._value.get() == 0
    assert {line["camera"] for line in logs if line["event"] == "source lost"} >= {"refused", "absent"}
    assert "hunter2" not in str(logs)


def test_a_recording_over_http_arrives_at_its_own_pace(tmp_path: Path, store: Store) -> None:
    write_clip(tmp_path / "a.mp4", 100, 20)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    bus = MemoryBus()
    try:
        with serving(bus, store, site(web=f"http://127.0.0.1:{server.server_address[1]}/a.mp4")):
            time.sleep(2)
            now = time.time_ns()
    finally:
        server.shutdown()
        server.server_close()
    found = sent(bus)["web"]

    assert 20 <= len(found) <= 45
    assert found[-1].captured_at <= now + NS // 2
    assert {later.captured_at - earlier.captured_at for earlier, later in pairwise(found)} == {NS // 20}


def test_a_bus_that_fails_sheds_live_frames_and_the_service_goes_on(tmp_path: Path, store: Store) -> None:
    class Flaky(MemoryBus):
        def producer(self) -> Producer:
            producer = super().producer()
            original, calls = producer.send, iter(range(10_000))

            def send(*args: object, **given: object) -> None:
                if args[0] == topics.FRAMES and next(calls) == 3:
                    raise BusError("Kafka does not keep up")
                original(*args, **given)

            producer.send = send
            return producer

    shed = [metrics.FRAMES_SHED.labels("producer", "cam", reason) for reason in ("bus-error", "bus-slow")]
    before = [counter._value.get() for counter in shed]
    bus = Flaky()
    with capture_logs() as logs, serving(bus, store, site(cam=write_clip(tmp_path / "a.mp4", 40, 20))):
        time.sleep(2)
    found = sent(bus)["cam"]
    lost = [counter._value.get() - was for counter, was in zip(shed, before, strict=True)]

    assert lost[0] == 1
    assert lost[1] >= 8  # one second's pause at 20 frames per second, of which the outbox holds 8
    missing = found[-1].seq + 1 - len(found)
    assert missing == sum(lost)
    assert found[3].seq == 3 + missing  # the oldest went, the newest came through
    assert [line["reason"] for line in logs if line["event"] == "frame not sent"] == ["Kafka does not keep up"]
