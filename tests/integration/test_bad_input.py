"""What users and cameras get wrong: one clear line and exit code 2, or a dead letter; the rest goes on."""

import base64
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from services.detector.service import serve
from shared import topics
from shared.bus.base import Record
from shared.bus.memory import MemoryBus
from shared.frames import Frame
from shared.jpeg import encode_jpeg
from shared.messages import DeadLetter, Detections
from shared.settings import load_settings
from shared.store import Store
from tests.staging import wayside

ZONE = {"id": "lane-1", "kind": "lane", "polygon": [[0, 0], [1, 0], [1, 1]]}


def site_file(folder: Path, **camera: object) -> Path:
    entry = {"id": "cam", "source": "clip.mp4", "zones": [ZONE], **camera}
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump({"site": "test", "cameras": [entry]}))
    return path


def the_line(done: object) -> str:
    """The one line that a refused command prints."""
    assert done.returncode == 2, done  # type: ignore[attr-defined]
    lines = done.stderr.strip().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 1, lines
    return str(lines[0])


@pytest.mark.parametrize(
    ("camera", "message"),
    [
        ({"colour": "red"}, "cameras[0].colour: unknown key"),
        ({"zones": [{**ZONE, "polygon": [[0, 0], [1, 1]]}]}, "polygon: a polygon needs at least 3 points, got 2"),
        ({"zones": [{**ZONE, "polygon": [[0, 0], [2, 0], [1, 1]]}]}, "polygon[1][0]: Input should be less than"),
        ({}, "clip.mp4: no such file or folder"),
    ],
)
def test_a_wrong_site_is_refused_with_one_line(tmp_path: Path, camera: dict[str, object], message: str) -> None:
    done = wayside("run", "--site", str(site_file(tmp_path, **camera)), "--out", str(tmp_path / "out"))
    assert message in the_line(done)
    assert not (tmp_path / "out").exists()


def test_a_duplicate_camera_id_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    cameras = [{"id": "cam", "source": "a.mp4"}, {"id": "cam", "source": "b.mp4"}]
    path.write_text(yaml.safe_dump({"site": "test", "cameras": cameras}))
    assert "camera id 'cam' is used twice" in the_line(wayside("check", str(path)))


def test_a_text_file_named_mp4_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_text("this is no video\n" * 100)
    done = wayside("run", "--site", str(site_file(tmp_path)), "--out", str(tmp_path / "out"))
    assert "clip.mp4: not a video" in the_line(done)


@pytest.mark.redis
def test_an_unreachable_broker_is_one_line(redis_url: str) -> None:
    began = time.monotonic()
    done = wayside("detector", "--kafka", "127.0.0.1:9", "--redis", redis_url)
    line = the_line(done)
    assert "127.0.0.1:9" in line
    assert "WAYSIDE_KAFKA" in line
    assert time.monotonic() - began < 30


def test_an_unreachable_redis_is_one_line() -> None:
    assert "Redis" in the_line(wayside("detector", "--redis", "redis://127.0.0.1:9/0"))


def test_missing_weights_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "clip.jpg").write_bytes(encode_jpeg(np.zeros((90, 160, 3), np.uint8)))
    path = site_file(tmp_path, source="clip.jpg")
    done = wayside("run", "--site", str(path), "--model", "/nowhere/road.pt", "--out", str(tmp_path / "out"))
    assert "/nowhere/road.pt: no such weights file" in the_line(done)


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)


@pytest.mark.shared
@pytest.mark.redis
def test_poison_frames_become_dead_letters_and_the_detector_goes_on(
    redis_url: str, shared_dir: Path, tmp_path: Path
) -> None:
    bus = MemoryBus()
    bus.ensure_topics(topics.SPECS)
    producer = bus.producer()

    def send(value: bytes | None, headers: dict[str, bytes]) -> None:
        producer.send(topics.FRAMES, value, key="cam", timestamp_ms=1, headers=headers)

    def frame(seq: int, jpeg: bytes) -> None:
        send(jpeg, Frame("cam", seq, seq * 100_000_000 + 1, 640, 360, jpeg, run="poison").headers())

    good = encode_jpeg(noise(640, 360))
    frame(0, good)
    frame(1, good[: len(good) // 2])
    send(b"", Frame("cam", 2, 2, 640, 360, b"", run="poison").headers())
    send(None, {})
    frame(4, encode_jpeg(np.zeros((6000, 10_000, 3), np.uint8)))
    frame(5, b"a text instead of a picture")
    send(good, {"schema": b"wayside.frame/9"})
    send(good, {"schema": b"wayside.frame/1", "camera": b"cam", "seq": b"seven"})
    frame(8, good)

    stop = threading.Event()
    store = Store.connect(redis_url)
    settings = load_settings(data=tmp_path)
    worker = threading.Thread(target=serve, args=(bus, store, settings, stop))
    worker.start()
    letters = [DeadLetter.from_bytes(record.value) for record in take(bus, topics.DEAD_LETTERS, 7)]
    found = [Detections.from_bytes(record.value) for record in take(bus, topics.DETECTIONS, 2)]
    stop.set()
    worker.join(timeout=20)
    assert not worker.is_alive()
    assert [item.seq for item in found] == [0, 8]
    assert sorted(letter.reason for letter in letters) == sorted(
        ["truncated-jpeg", "empty-message", "empty-message", "too-large", "not-a-jpeg", "bad-schema", "bad-header"]
    )
    truncated = next(letter for letter in letters if letter.reason == "truncated-jpeg")
    assert (truncated.topic, truncated.offset, truncated.key) == (topics.FRAMES, 1, "cam")
    assert truncated.headers["seq"] == "1"
    assert good.startswith(base64.b64decode(truncated.value_base64))
    assert bus.lag(topics.DETECTOR_GROUP, topics.FRAMES) == 0
    store.close()


def take(bus: MemoryBus, topic: str, count: int) -> list[Record]:
    consumer = bus.consumer([topic], group=None)
    records: list[Record] = []
    deadline = time.monotonic() + 60
    while len(records) < count and time.monotonic() < deadline:
        records += consumer.poll(timeout_s=0.5)
    consumer.close()
    return records
