"""The staged turnaround through the real detector: milestones and visits near the truth, the same from file and bus."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from services.analyzer.worker import Worker
from shared import topics
from shared.bus.memory import MemoryBus
from shared.clock import NS
from shared.sitefile import load_site
from shared.turnaround import Turnaround
from tests.staging import quick, wayside
from training.stand.scene import CAMERA_ID, IN_BLOCK_S, OFF_BLOCK_S, STAND_ID, StandFiles, build_stand_scene, visits

pytestmark = pytest.mark.shared

# An aircraft counts as at rest once it has less than a quarter of its size to go, and as gone when it has moved a
# quarter of its length: so in-block is early and off-block late by the seconds that it needs for that.
EARLY_S, LATE_S = 4.0, 7.0


@dataclass(frozen=True)
class Run:
    files: StandFiles
    out: Path

    @property
    def stays(self) -> list[Turnaround]:
        return [Turnaround.from_bytes(line) for line in self.lines("turnarounds.jsonl")]

    def lines(self, name: str) -> list[bytes]:
        return (self.out / name).read_bytes().splitlines()


@pytest.fixture(scope="module")
def run(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("stand")
    files = build_stand_scene(folder)
    done = wayside("run", "--site", str(files.site), "--out", str(folder / "out"), env=quick())
    assert done.returncode == 0, done.stderr
    return Run(files, folder / "out")


def at(stay: Turnaround, name: str) -> float:
    found = stay.at(name)  # type: ignore[arg-type]
    assert found is not None, f"no {name}"
    return found / NS


def test_milestones_and_visits_are_within_seconds_of_the_truth(run: Run) -> None:
    assert len({stay.turnaround_id for stay in run.stays}) == 1
    stay = run.stays[-1]
    assert (stay.camera, stay.zone, stay.status, stay.label) == (CAMERA_ID, STAND_ID, "vacated", "aircraft")
    staged = visits()
    assert IN_BLOCK_S - EARLY_S <= at(stay, "AIBT") <= IN_BLOCK_S + 1
    assert at(stay, "ACGT") == pytest.approx(min(visit.arrive for visit in staged), abs=2.5)
    assert at(stay, "AEGT") == pytest.approx(max(visit.leave for visit in staged), abs=2.5)
    assert OFF_BLOCK_S <= at(stay, "AOBT") <= OFF_BLOCK_S + LATE_S
    assert stay.turn_round_s == pytest.approx(OFF_BLOCK_S - IN_BLOCK_S, abs=EARLY_S + LATE_S)
    assert stay.ground_handling_s == pytest.approx(20.0, abs=3.0)
    # The detector finds the vehicles, but takes the bus for a truck and the pick-up for a car.
    assert [visit.label for visit in stay.vehicles] == ["truck", "car"]
    for found, visit in zip(stay.vehicles, staged, strict=True):
        assert found.arrived is not None
        assert found.left is not None
        assert found.arrived / NS == pytest.approx(visit.arrive, abs=2.5)
        assert found.left / NS == pytest.approx(visit.leave, abs=3.0)


def test_every_staged_incident_is_found_and_nothing_else(run: Run) -> None:
    alerts, truth = str(run.out / "alerts.jsonl"), str(run.files.truth)
    done = wayside("eval", "--alerts", alerts, "--truth", truth, "--json")
    assert done.returncode == 0, done.stderr
    assert '"detection_rate": 1.0' in done.stdout
    opened = sum(b'"wayside.alert.opened"' in line for line in run.lines("alerts.jsonl"))
    assert opened == 2 + len(visits())


def test_the_analyzer_on_a_bus_tells_the_same_stays(run: Run) -> None:
    bus = MemoryBus()
    bus.ensure_topics(topics.SPECS)
    worker = Worker(bus, producer := bus.producer(), load_site(run.files.site), checkpoint_s=5.0)
    for offset, line in enumerate(run.lines("detections.jsonl")):
        producer.send(topics.DETECTIONS, line, key=CAMERA_ID, timestamp_ms=offset)
    consumer = bus.consumer([topics.DETECTIONS], group=topics.ANALYZER_GROUP)
    while batch := consumer.poll(100, timeout_s=0):
        worker.process(batch, consumer)
    told = bus.consumer([topics.TURNAROUNDS], group=None).poll(1000, timeout_s=0)
    assert [record.value for record in told] == run.lines("turnarounds.jsonl")
    assert {record.key for record in told} == {CAMERA_ID}
