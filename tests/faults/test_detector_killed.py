"""Two detector processes share three cameras; one is killed mid-run. Nothing is missing, nothing is doubled."""

import json
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared import topics
from shared.bus.kafka import KafkaBus
from shared.clock import NS, to_rfc3339
from shared.embedded.process import free_port, listens
from shared.messages import Detections
from tests.processes import await_true, read_all, ready, service
from tests.staging import Staged, essence, quick, read_events, stage_scene, wayside

pytestmark = [pytest.mark.shared, pytest.mark.redis, pytest.mark.kafka, pytest.mark.timeout(420)]

CAMERAS = 3
# Enough for the kill to fall into the middle, for a person who comes and goes and a ball that stays.
SECONDS = 16.0
RUN = "killed"
# The real time: Kafka deletes what is stamped long ago.
START = to_rfc3339(time.time_ns() // NS * NS)


@pytest.fixture
def staged(tmp_path: Path, shared_dir: Path) -> Staged:
    # The whole picture alone: what is told near by needs no closer look, and it is half the time.
    return stage_scene(tmp_path, cameras=CAMERAS, seconds=SECONDS, closeups=0)


def test_a_killed_detector_loses_no_frame_and_changes_no_alert(
    staged: Staged, tmp_path: Path, own_kafka: str, redis_url: str
) -> None:
    out = tmp_path / "undisturbed"
    arguments = ["--site", str(staged.site), "--out", str(out), "--run", RUN, "--start", START]
    done = wayside("run", *arguments, env=quick())
    assert done.returncode == 0, done.stderr

    environment = {
        **quick(), "WAYSIDE_KAFKA": own_kafka, "WAYSIDE_REDIS": redis_url, "WAYSIDE_SITE": str(staged.site),
        "WAYSIDE_DATA": str(tmp_path / "data"), "WAYSIDE_BATCH": "4", "WAYSIDE_THREADS": "1",
    }  # fmt: skip
    bus = KafkaBus(own_kafka)
    bus.ensure_topics(topics.SPECS)
    ports = [free_port(), free_port()]
    workers = [{**environment, "WAYSIDE_METRICS_PORT": str(port)} for port in ports]
    with (
        service("detector", workers[0]) as victim,
        service("detector", workers[1]),
        service("analyzer", environment),
        service("alerts", environment),
        service("inspector", environment),
    ):
        for port in ports:
            await_true(lambda port=port: listens(port) and ready(port), 60, "a detector is ready")
        with service("producer", environment, "--once", "--run", RUN, "--start", START) as producer:
            for port in ports:
                await_true(lambda port=port: frames_out(port) >= 12, 60, "both detectors have had work")
            victim.send_signal(signal.SIGKILL)
            assert producer.wait(180) == 0
        for group, topic in topics.STAGES:
            await_true(lambda group=group, topic=topic: bus.lag(group, topic) == 0, 120, f"{group} keeps up")

    expected = {(line["camera"], line["seq"]) for line in lines(out / "detections.jsonl")}
    detections = [Detections.from_bytes(record.value) for record in read_all(bus, topics.DETECTIONS)]
    seen = Counter((item.camera, item.seq) for item in detections)
    assert set(seen) == expected
    assert len({camera for camera, _ in seen}) == CAMERAS
    events = [json.loads(record.value) for record in read_all(bus, topics.ALERTS) if record.value]
    assert Counter(event["id"] for event in events).most_common(1)[0][1] == 1
    undisturbed = read_events(out / "alerts.jsonl")
    told = Counter(event["type"].rsplit(".", 1)[1] for event in undisturbed)
    assert told == {"opened": 2 * CAMERAS, "closed": CAMERAS}
    assert essence(events) == essence(undisturbed)
    bus.close()


def frames_out(port: int) -> float:
    text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    rows = [line for line in text.splitlines() if line.startswith("wayside_frames_out_total{") and "detector" in line]
    return sum(float(row.rsplit(" ", 1)[1]) for row in rows)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
