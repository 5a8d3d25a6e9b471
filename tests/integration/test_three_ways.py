"""The same clip through `wayside run`, `wayside up` on the embedded bus and on Apache Kafka gives the same alerts; lane
statistics are the same from a file and from the bus."""

from pathlib import Path

import pytest

from services.analyzer.worker import Worker
from shared import topics
from shared.bus.memory import MemoryBus
from shared.sitefile import load_site
from tests.staging import Staged, essence, quick, read_events, wayside

pytestmark = [pytest.mark.shared, pytest.mark.redis]


@pytest.fixture(scope="module")
def from_run(first_run: Path) -> list[tuple[object, ...]]:
    events = read_events(first_run / "alerts.jsonl")
    for event in events:
        for item in event["data"]["evidence"]:
            assert (first_run / item["uri"]).is_file()
    return essence(events)


def test_wayside_run_finds_every_staged_incident_and_nothing_else(
    staged: Staged, first_run: Path, from_run: object
) -> None:
    done = wayside("eval", "--alerts", str(first_run / "alerts.jsonl"), "--truth", str(staged.truth))
    assert done.returncode == 0, done.stderr
    opened = [row for row in from_run if str(row[1]).endswith("opened")]  # type: ignore[attr-defined]
    assert sorted(str(row[3]) for row in opened) == ["obstacle-on-lane", "person-on-lane", "stopped-vehicle"]


def test_a_second_run_gives_the_same_bytes(staged: Staged, first_run: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    done = wayside("run", "--site", str(staged.site), "--out", str(again), env=quick())
    assert done.returncode == 0, done.stderr
    for name in ("alerts.jsonl", "tracks.jsonl", "detections.jsonl", "lane-stats.jsonl"):
        assert (again / name).read_bytes() == (first_run / name).read_bytes(), name


def test_the_analyzer_on_a_bus_gives_the_same_lane_statistics(staged: Staged, first_run: Path) -> None:
    lines = (first_run / "lane-stats.jsonl").read_bytes().splitlines()
    bus = MemoryBus()
    bus.ensure_topics(topics.SPECS)
    worker = Worker(bus, producer := bus.producer(), load_site(staged.site), checkpoint_s=5.0)
    for offset, line in enumerate((first_run / "detections.jsonl").read_bytes().splitlines()):
        producer.send(topics.DETECTIONS, line, key="road-0", timestamp_ms=offset)
    consumer = bus.consumer([topics.DETECTIONS], group=topics.ANALYZER_GROUP)
    while batch := consumer.poll(100, timeout_s=0):
        worker.process(batch, consumer)
    told = [record.value for record in bus.consumer([topics.LANE_STATS], group=None).poll(1000, timeout_s=0)]
    # A stream on a bus has no end, so it does not tell the interval that had not ended.
    lanes = len(load_site(staged.site).cameras[0].zones)
    assert told == lines[:-lanes]
    assert len(told) == 4 * lanes


def test_up_on_the_embedded_bus_gives_the_same_alerts(staged: Staged, from_run: object, tmp_path: Path) -> None:
    assert through_up(staged, tmp_path) == from_run


@pytest.mark.kafka
def test_up_on_apache_kafka_gives_the_same_alerts(
    staged: Staged, from_run: object, tmp_path: Path, kafka_jars: Path
) -> None:
    assert through_up(staged, tmp_path, "--kafka", "local") == from_run


def through_up(staged: Staged, data: Path, *more: str) -> list[tuple[object, ...]]:
    staged.alerts.unlink(missing_ok=True)
    arguments = ["--once", "--site", str(staged.site), "--data", str(data), "--port", "0", *more]
    done = wayside("up", *arguments, env=quick())
    assert done.returncode == 0, done.stderr
    return essence(read_events(staged.alerts))
