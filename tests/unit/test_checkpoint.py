"""Checkpoints: what a new owner makes of them when the site, the library, the log or the message has changed."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analyzer import checkpoint
from services.analyzer.owned import OwnedPartition
from services.analyzer.stage import CameraAnalyzer
from services.analyzer.worker import Worker
from shared import topics
from shared.bus.base import Consumer, Record, TopicSpec
from shared.bus.memory import MemoryBus
from shared.checkpoint import CameraState, Checkpoint
from shared.clock import NS, to_ns
from shared.exceptions import OwnershipLostError
from shared.messages import Detections, Incident
from shared.site import Ground, Rule, Site
from tests.unit.analyzer_helpers import LANE, LANE_2, frame, make_site, play, still, summary, thing, travel

PARTITION = (topics.DETECTIONS, 0)
CAR = still("car", 0.35, 0.6, end=20)


def open_bus() -> MemoryBus:
    bus = MemoryBus()
    bus.ensure_topics([TopicSpec(topics.DETECTIONS, 1), *topics.SPECS])
    return bus


def send(bus: MemoryBus, items: Sequence[Detections]) -> None:
    producer = bus.producer()
    for item in items:
        producer.send(topics.DETECTIONS, item.to_bytes(), key=item.camera, timestamp_ms=item.frame.captured_at // 10**6)


def stopped(first: int, last: int, run: str | None = None) -> list[Detections]:
    """A car that stands from the start until 20 s, frame by frame."""
    items = [frame(index, [item] if (item := CAR(index / 10)) else []) for index in range(first, last)]
    return [item.model_copy(update={"run": run}) for item in items]


def owner(bus: MemoryBus, site: Site | None = None, *, now: float = 0.0, every: float = 5.0) -> tuple[Worker, Consumer]:
    worker = Worker(bus, bus.producer(), site or make_site(), every, lambda: to_ns(now) + 1)
    return worker, bus.consumer([topics.DETECTIONS], group=topics.ANALYZER_GROUP, on_revoked=worker.drop)


def work(worker: Worker, consumer: Consumer) -> None:
    while batch := consumer.poll(100, timeout_s=0):
        worker.process(batch, consumer)


def incidents(bus: MemoryBus) -> list[Incident]:
    records = bus.consumer([topics.INCIDENTS], group=None).poll(10_000, timeout_s=0)
    return [Incident.from_bytes(record.value) for record in records]


def checkpoints(bus: MemoryBus) -> list[Checkpoint]:
    return [Checkpoint.from_bytes(record.value) for record in bus.read_key(topics.CHECKPOINTS, "detections/0")]


@given(st.recursive(st.none() | st.booleans() | st.integers(0, 2**62) | st.floats() | st.text(), st.lists))
def test_a_state_comes_back_as_it_was(state: object) -> None:
    again = checkpoint.decode(checkpoint.encode(state))  # type: ignore[arg-type]
    assert json.dumps(again) == json.dumps(state)


def test_a_restart_in_the_middle_of_an_incident_closes_the_same_incident() -> None:
    bus = open_bus()
    send(bus, stopped(0, 150))
    worker, consumer = owner(bus)
    work(worker, consumer)
    worker.checkpoint(everything=True)
    consumer.close()
    (opened,) = incidents(bus)
    send(bus, stopped(150, 380))
    second, its_consumer = owner(bus)
    work(second, its_consumer)
    again, closed = incidents(bus)
    assert again == opened
    assert (closed.change, closed.incident_id, closed.revision) == ("closed", opened.incident_id, 1)


def test_a_new_owner_reads_from_the_checkpoint_though_more_was_committed() -> None:
    bus = open_bus()
    send(bus, stopped(0, 150))
    worker, consumer = owner(bus)
    work(worker, consumer)
    assert bus.lag(topics.ANALYZER_GROUP, topics.DETECTIONS) == 0
    assert [item.offset for item in checkpoints(bus)] == [0]  # the empty one of the beginning
    consumer.close()  # a crash: nothing further is stored
    send(bus, stopped(150, 380))
    second, its_consumer = owner(bus)
    work(second, its_consumer)
    changes = incidents(bus)
    assert [(item.change, item.revision) for item in changes] == [("opened", 0), ("opened", 0), ("closed", 1)]
    assert changes[0] == changes[1]


@pytest.mark.parametrize("zones", [(LANE_2,), (LANE.model_copy(update={"id": "renamed"}), LANE_2)])
@pytest.mark.parametrize("rules", [(), (Rule(incident="stopped-vehicle", enabled=False),)])
def test_an_open_incident_closes_though_its_zone_or_type_is_no_longer_watched(zones: tuple, rules: tuple) -> None:
    first = CameraAnalyzer(make_site(), make_site().cameras[0])
    assert summary(play(15, CAR, stage=first)) == [("stopped-vehicle", "opened")]
    site = make_site(zones, rules)
    second = CameraAnalyzer(site, site.cameras[0])
    assert second.restore(json.loads(json.dumps(first.state()))) == ["lanes"]
    changes = play(25, CAR, stage=second, start=150)
    assert ("stopped-vehicle", "closed") in summary(changes)


@pytest.mark.parametrize("part", ["tracker", "motion", "stopped-vehicle"])
def test_what_does_not_fit_begins_anew_and_the_rest_goes_on(part: str) -> None:
    stage = CameraAnalyzer(make_site(), make_site().cameras[0])
    play(15, CAR, stage=stage)
    state = json.loads(json.dumps(stage.state()))
    if part == "tracker":
        state["tracker"]["bytetrack"]["library"] = "trackers 1.0"
    elif part == "motion":
        state["motion"] = {"of": "another version"}
    else:
        state["rules"][part] = {"of": "another version"}
    second = CameraAnalyzer(make_site(), make_site().cameras[0])
    assert second.restore(state) == [part]
    changes = summary(play(25, CAR, stage=second, start=150))
    if part == "stopped-vehicle":
        assert changes[0] == ("stopped-vehicle", "opened")
    else:
        assert changes[-1] == ("stopped-vehicle", "closed")
        assert ("stopped-vehicle", "opened") not in changes


def test_speeds_go_on_exactly_and_only_over_the_same_ground() -> None:
    corners = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]

    def calibrated(width: float) -> CameraAnalyzer:
        ground = Ground(pixels=corners, metres=[(x * width, y * 50) for x, y in corners])
        site = make_site()
        return CameraAnalyzer(site, site.cameras[0].model_copy(update={"ground": ground}))

    frames = [frame(index, [thing("car", 0.35, 0.2 + index / 50)]) for index in range(30)]
    stage, second, elsewhere = calibrated(80), calibrated(80), calibrated(90)
    for item in frames[:20]:
        stage.step(item)
    state = json.loads(json.dumps(stage.state()))
    assert second.restore(state) == []
    assert elsewhere.restore(state) == ["speeds"]
    for item in frames[20:]:
        told, again = stage.step(item).tracks, second.step(item).tracks
        assert told is not None
        assert told == again
    assert told.objects[0].speed_kmh is not None


def test_a_gap_never_reuses_the_ids_that_an_open_incident_remembers() -> None:
    stage = CameraAnalyzer(make_site(), make_site().cameras[0])
    play(15, CAR, stage=stage)
    used = stage._following._tracker.next_id
    stage.step(frame(600, []))
    assert stage._following._tracker.next_id == used > 0


def test_a_state_that_is_none_is_dropped_and_the_camera_begins_anew() -> None:
    saved = Checkpoint(
        topic=PARTITION[0], partition=0, offset=0, cameras=[CameraState(camera="cam", touched_at=0, state="!")]
    )
    owned = OwnedPartition(make_site(), PARTITION, 0, saved, lambda: 1)
    item = frame(0, [thing("car", 0.35, 0.6)])
    result = owned.step(Record(*PARTITION, 0, 0, "cam", item.to_bytes()))
    assert result is not None
    assert result[1].tracks is not None


def test_a_late_checkpoint_of_a_former_owner_does_not_win() -> None:
    bus = open_bus()
    send(bus, stopped(0, 150))
    worker, consumer = owner(bus)
    work(worker, consumer)
    worker.checkpoint(everything=True)
    newest = checkpoints(bus)[-1]
    checkpoint.store(bus.producer(), newest.model_copy(update={"offset": 90, "cameras": []}), 0)
    assert checkpoint.load(bus, PARTITION) == (newest, True)


def test_a_topic_that_was_made_anew_is_read_from_its_beginning_and_open_incidents_live_on() -> None:
    old, bus = open_bus(), open_bus()
    send(old, stopped(0, 150))
    worker, consumer = owner(old)
    work(worker, consumer)
    worker.checkpoint(everything=True)
    for item in checkpoints(old):
        checkpoint.store(bus.producer(), item, 0)
    send(bus, stopped(150, 380))
    second, its_consumer = owner(bus)
    work(second, its_consumer)
    (closed,) = incidents(bus)
    assert (closed.change, closed.incident_id) == ("closed", incidents(old)[0].incident_id)


def test_an_unreadable_checkpoint_is_passed_over() -> None:
    bus = open_bus()
    good = Checkpoint(topic=PARTITION[0], partition=0, offset=0, cameras=[])
    checkpoint.store(bus.producer(), good, 0)
    bus.producer().send(topics.CHECKPOINTS, b'{"schema": "wayside.checkpoint/9"}', key="detections/0", timestamp_ms=0)
    assert checkpoint.load(bus, PARTITION) == (good, True)


def test_a_replay_that_has_ended_is_forgotten_and_a_quiet_camera_is_not() -> None:
    now = [1]
    owned = OwnedPartition(make_site(), PARTITION, 0, None, lambda: now[0])
    for offset, run in enumerate((None, "last-night")):
        item = frame(0, []).model_copy(update={"run": run})
        owned.step(Record(*PARTITION, offset, 0, "cam", item.to_bytes()))
    assert [item.run for item in owned.checkpoint().cameras] == [None, "last-night"]
    now[0] += 2 * topics.DAY * NS + 1
    assert [item.run for item in owned.checkpoint().cameras] == [None]


def test_a_camera_of_20_tracks_takes_less_than_20_kb() -> None:
    site = make_site()
    stage = CameraAnalyzer(site, site.cameras[0])
    cars = [travel("car", (0.1 + 0.04 * i, 0.2 + 0.03 * (i % 7)), (0.0, 0.01 * (i % 5))) for i in range(20)]
    play(8, *cars, stage=stage)
    assert len(stage._following._tracker._tracker.tracks) == 20
    assert len(checkpoint.encode(stage.state())) < 20_000


def test_of_too_much_state_the_replays_are_left_out() -> None:
    states = [
        CameraState(camera=f"c{i}", run="r" if i % 2 else None, touched_at=0, state="x" * (2 << 20)) for i in range(6)
    ]
    assert [item.camera for item in checkpoint.fitting(states)] == ["c0", "c2", "c4"]


def test_a_worker_that_lost_its_partition_begins_at_the_checkpoint_when_it_comes_back() -> None:
    bus = open_bus()
    send(bus, stopped(0, 380))
    worker, consumer = owner(bus, every=0)

    class Refusing:
        def __init__(self) -> None:
            self.calls = 0

        def commit(self, offsets: object) -> None:
            self.calls += 1
            if self.calls == 2:
                raise OwnershipLostError("rebalancing")
            consumer.commit(offsets)  # type: ignore[arg-type]

        def __getattr__(self, name: str) -> object:
            return getattr(consumer, name)

    refusing: Consumer = Refusing()  # type: ignore[assignment]
    while batch := consumer.poll(50, timeout_s=0):
        worker.process(batch, refusing)
        worker.checkpoint()
    changes = {(item.incident_id, item.revision): item.change for item in incidents(bus)}
    assert list(changes.values()) == ["opened", "closed"]
