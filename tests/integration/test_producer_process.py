"""The `wayside producer` process on real Kafka."""

import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from shared import topics
from shared.bus.kafka import KafkaBus
from shared.frames import Frame
from tests.media import write_clip

pytestmark = [pytest.mark.kafka, pytest.mark.redis]


def command(tmp_path: Path, kafka: str, redis_url: str, source: str) -> "subprocess.Popen[str]":
    site = tmp_path / "site.yaml"
    site.write_text(f"site: test\ncameras:\n  - {{ id: cam-{tmp_path.name}, source: '{source}', fps: 20 }}\n")
    arguments = ["producer", "--site", str(site), "--kafka", kafka, "--redis", redis_url]
    return subprocess.Popen(
        [sys.executable, "-c", "from services.cli import main; main()", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"WAYSIDE_METRICS_PORT": "0"},
    )


def test_sigterm_ends_it_cleanly_and_soon(tmp_path: Path, kafka: str, redis_url: str) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 40, 20)
    bus = KafkaBus(kafka)
    bus.ensure_topics(topics.SPECS)
    consumer = bus.consumer([topics.FRAMES], group=None, start="latest")
    consumer.poll(timeout_s=0.5)
    process = command(tmp_path, kafka, redis_url, str(clip))
    frames: list[Frame] = []
    deadline = time.monotonic() + 30
    while len(frames) < 20 and time.monotonic() < deadline:
        records = consumer.poll(timeout_s=0.5)
        frames += [frame for record in records if (frame := Frame.from_record(record)).camera == f"cam-{tmp_path.name}"]
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    try:
        assert process.wait(timeout=10) == 0
        assert time.monotonic() - began < 3
    finally:
        process.kill()
        assert process.stderr is not None
        process.stderr.close()
        bus.close()

    assert [frame.seq for frame in frames[:20]] == list(range(20))
    assert all(later.captured_at > earlier.captured_at for earlier, later in pairwise(frames))


def test_a_text_file_named_mp4_is_told_in_one_line_with_exit_code_2(tmp_path: Path, kafka: str, redis_url: str) -> None:
    (tmp_path / "notes.mp4").write_text("Minutes of the meeting\n" * 50)

    process = command(tmp_path, kafka, redis_url, "notes.mp4")
    _, said = process.communicate(timeout=30)

    assert process.returncode == 2
    assert "notes.mp4: not a video: " in said
    assert len(said.strip().splitlines()) == 1
