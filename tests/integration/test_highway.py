"""Real footage: ordinary motorway traffic gives no alert; a vehicle of it that stops gives exactly one."""

from pathlib import Path

import pytest
import yaml

from shared.clock import NS, from_rfc3339
from shared.messages import LaneStats
from tests.staging import quick, read_events, wayside
from training.scenes.freeze import Stop, freeze, write_truth

pytestmark = pytest.mark.shared

SITE = str(Path(__file__).parents[2] / "deploy" / "examples" / "highway.yaml")
# A car on lane 3 that is about to drive on; others follow it through its place every few seconds.
# Vehicles that pass the middle of each of the three lanes, counted by eye on a slit picture of that line (its row of
# pixels on every frame of the clip, one below the other). One is a motorcycle.
PASSED = 8
STOP = Stop(at_s=2.0, box=(0.513, 0.49, 0.578, 0.585))


def test_ordinary_traffic_gives_no_alert(shared_dir: Path, tmp_path: Path) -> None:
    clip = shared_dir / "clips" / "highway.mp4"
    done = wayside("run", str(clip), "--site", SITE, "--out", str(tmp_path), "--annotate")
    assert done.returncode == 0, done.stderr
    assert read_events(tmp_path / "alerts.jsonl") == []
    assert len((tmp_path / "detections.jsonl").read_text().splitlines()) == 151  # 15 s at 10 frames/s
    assert (tmp_path / "highway.mp4").stat().st_size > 100_000
    lanes = [LaneStats.from_bytes(line) for line in (tmp_path / "lane-stats.jsonl").read_bytes().splitlines()]
    assert [stats.zone for stats in lanes] == ["lane-1", "lane-2", "lane-3"]
    for stats in lanes:
        assert abs(stats.count - PASSED) <= 1
        assert stats.observed_s == pytest.approx(15.0, abs=0.1)
        assert stats.occupancy is not None
        assert 0.04 < stats.occupancy < 0.2
    # Faster from lane to lane, as everywhere; the calibration makes it a motorway's traffic.
    speeds = [stats.mean_speed_kmh or 0.0 for stats in lanes]
    assert 75 < speeds[0] < speeds[1] < speeds[2] < 125


def test_a_vehicle_that_stops_gives_one_alert_within_twelve_seconds(shared_dir: Path, tmp_path: Path) -> None:
    staged, truth = tmp_path / "staged.mp4", tmp_path / "truth.json"
    duration = freeze(shared_dir / "clips" / "highway.mp4", staged, STOP)
    write_truth(truth, "highway", "lane-3", STOP, duration)
    site = yaml.safe_load(Path(SITE).read_text())
    site["cameras"][0]["fps"] = 5  # half the frames of the test above, which are enough for this
    (tmp_path / "site.yaml").write_text(yaml.safe_dump(site))
    arguments = [str(staged), "--site", str(tmp_path / "site.yaml"), "--out", str(tmp_path / "out")]
    done = wayside("run", *arguments, env=quick())
    assert done.returncode == 0, done.stderr
    (event,) = read_events(tmp_path / "out" / "alerts.jsonl")
    data = event["data"]
    assert (data["incident"], data["zone"], event["type"]) == ("stopped-vehicle", "lane-3", "wayside.alert.opened")
    assert from_rfc3339(data["detected_at"]) / NS <= STOP.at_s + 12.0
    assert abs(from_rfc3339(data["started_at"]) / NS - STOP.at_s) <= 2.0
    judged = wayside("eval", "--alerts", str(tmp_path / "out" / "alerts.jsonl"), "--truth", str(truth), "--json")
    assert '"detection_rate": 1.0' in judged.stdout
