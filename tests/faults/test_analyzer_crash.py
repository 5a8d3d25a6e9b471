"""The analyzer crashes at any operation, again and again: incidents (those of camera-status too), alerts, lane
statistics and turnarounds are those of the undisturbed run."""

import random
from collections import defaultdict
from collections.abc import Callable
from functools import cache

import pytest

from services.alerts.lifecycle import AlertBook
from services.analyzer.inputs import INPUTS
from services.analyzer.worker import Worker
from shared import topics
from shared.bus.base import Bus, Consumer, Record, TopicSpec
from shared.bus.memory import MemoryBus
from shared.camera_status import CameraStatus
from shared.catalogue import CATALOGUE
from shared.clock import NS
from shared.messages import Detections, Incident, LaneStats
from shared.turnaround import Turnaround
from tests import roadlife
from tests.crashing import CrashError, CrashingBus, Fuse

# Two partitions for three cameras: two of them share one.
PARTITIONS = 2
STREAMS = 6
SEEDS = 200
CHUNKS = 10
Interval = tuple[str, str | None, str, int]
Revisions = dict[tuple[str, int], bytes]
Results = tuple[Revisions, dict[str, bytes], dict[Interval, bytes], Revisions]


class World:
    """The bus, its time, and the processes that come and go."""

    def __init__(self, detections: tuple[Detections, ...], seed: int, reports: tuple[CameraStatus, ...] = ()) -> None:
        self.now = 0.0
        self.bus = MemoryBus(clock=lambda: self.now)
        self.bus.ensure_topics([*(TopicSpec(topic, PARTITIONS) for topic in INPUTS), *topics.SPECS])
        self.chance = random.Random(seed)
        self.site = roadlife.make_site()
        producer = self.bus.producer()
        for item in detections:
            at = item.frame.captured_at // 1_000_000
            producer.send(topics.DETECTIONS, item.to_bytes(), key=item.camera, timestamp_ms=at)
        for report in reports:
            at = report.at // 1_000_000
            producer.send(topics.CAMERA_STATUS, report.to_bytes(), key=report.camera, timestamp_ms=at)

    @property
    def unread(self) -> int:
        """Messages that nobody has committed."""
        return sum(self.bus.lag(topics.ANALYZER_GROUP, topic) for topic in INPUTS)

    def start(self, life: int) -> tuple[Worker, Consumer]:
        """A process that dies at the `life`-th operation on the bus."""
        bus: Bus = CrashingBus(self.bus, Fuse(self.chance, life))  # type: ignore[assignment]
        worker = Worker(bus, bus.producer(), self.site, self.chance.choice([0.0, 1.0, 5.0]), lambda: int(self.now * NS))
        consumer = bus.consumer(list(INPUTS), group=topics.ANALYZER_GROUP, on_revoked=worker.drop)
        return worker, consumer

    def step(self, worker: Worker, consumer: Consumer) -> bool:
        """One turn of the service's loop; False when there was nothing to do."""
        self.now += self.chance.random()
        batch = consumer.poll(self.chance.randint(1, 60), timeout_s=0)
        worker.process(batch, consumer)
        worker.checkpoint()
        return bool(batch)

    def records(self, topic: str) -> list[Record]:
        return self.bus.consumer([topic], group=None).poll(1_000_000, timeout_s=0)


@cache
def stream(number: int) -> tuple[Detections, ...]:
    return tuple(roadlife.stream(number))


@cache
def reports(number: int) -> tuple[CameraStatus, ...]:
    return tuple(roadlife.reports(number))


@cache
def undisturbed(number: int) -> Results:
    world = World(stream(number), 0, reports(number))
    worker, consumer = world.start(-1)
    while world.step(worker, consumer):
        pass
    return results(world.records)


def results(read: Callable[[str], list[Record]]) -> Results:
    """Of all that was published on the topics: changes of incidents, events of alerts, intervals of lanes, stays."""
    return *told(read(topics.INCIDENTS)), intervals(read(topics.LANE_STATS)), stays(read(topics.TURNAROUNDS))


def stays(records: list[Record]) -> Revisions:
    """Turnarounds by id and revision."""
    found: Revisions = {}
    for record in records:
        stay = Turnaround.from_bytes(record.value)
        same = found.setdefault((stay.turnaround_id, stay.revision), record.value or b"")
        assert same == record.value, "a repeated revision differs from the first"
    return found


def intervals(records: list[Record]) -> dict[Interval, bytes]:
    """Statistics by camera, run, zone and start."""
    found: dict[Interval, bytes] = {}
    for record in records:
        stats = LaneStats.from_bytes(record.value)
        same = found.setdefault((stats.camera, stats.run, stats.zone, stats.start), record.value or b"")
        assert same == record.value, "a repeated interval differs from the first"
    return found


def told(records: list[Record]) -> tuple[Revisions, dict[str, bytes]]:
    """Changes by id and revision, and events by id as the alerts service makes them of these messages."""
    book = AlertBook()
    changes: Revisions = {}
    events: dict[str, bytes] = {}
    for record in records:
        incident = Incident.from_bytes(record.value)
        same = changes.setdefault((incident.incident_id, incident.revision), record.value or b"")
        assert same == record.value, "a repeated change differs from the first"
        event = book.apply(incident, [])
        if event is not None:
            assert event.id not in events
            events[event.id] = event.to_bytes()
    return changes, events


def contiguous(changes: Revisions) -> bool:
    revisions = defaultdict(list)
    for incident, revision in sorted(changes):
        revisions[incident].append(revision)
    return all(found == list(range(len(found))) for found in revisions.values())


def test_the_undisturbed_runs_have_incidents_of_every_type_and_state_that_spans_them() -> None:
    changes = [Incident.from_bytes(value) for number in range(STREAMS) for value in undisturbed(number)[0].values()]
    assert {item.incident for item in changes} == set(CATALOGUE)
    assert {item.change for item in changes} == {"opened", "updated", "closed"}
    told = [(item.label, item.change) for item in changes if item.incident == "camera-fault"]
    assert told.count(("lost", "opened")) == told.count(("lost", "closed")) == 2 * STREAMS
    assert told.count(("clock", "opened")) == 2 * STREAMS
    assert told.count(("clock", "closed")) == STREAMS
    lanes = [LaneStats.from_bytes(value) for number in range(STREAMS) for value in undisturbed(number)[2].values()]
    assert {item.camera for item in lanes} == {"north", "south"}
    assert {item.start // NS for item in lanes} == {0, 10}
    assert sum(item.count for item in lanes) >= STREAMS
    assert any(item.occupancy for item in lanes)
    apron = [Turnaround.from_bytes(value) for number in range(STREAMS) for value in undisturbed(number)[3].values()]
    assert {item.status for item in apron} == {"occupied", "vacated"}
    assert len([item for item in apron if item.vehicles]) >= 2 * STREAMS


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_crashes_at_any_operation_change_nothing(chunk: int) -> None:
    """One process, or two that share the partitions; each death is noticed late, so the dead are zombies too."""
    crashes = 0
    for seed in range(chunk, SEEDS, CHUNKS):
        world = World(stream(seed % STREAMS), seed, reports(seed % STREAMS))
        # Undisturbed, one life has some 300 operations: a message is a send at least.
        deaths = [world.chance.randint(1, 150) for _ in range(world.chance.randint(1, 5))]
        team = [world.start(deaths.pop())]
        if world.chance.random() < 0.4:
            team.append(world.start(deaths.pop() if deaths else -1))
        while world.unread:
            place = world.chance.randrange(len(team))
            try:
                world.step(*team[place])
            except CrashError:
                crashes += 1
                # The group puts out who does not poll: the dead one, and by this time also the one that hangs.
                world.now += 61
                team[place] = world.start(deaths.pop() if deaths else -1)
        found = results(world.records)
        assert found == undisturbed(seed % STREAMS), f"seed {seed}"
        assert contiguous(found[0])
        assert contiguous(found[3])
    assert crashes >= SEEDS // CHUNKS
