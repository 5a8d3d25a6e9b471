"""Which frames a worker takes, in which order, and which it sheds, when more come than it can see."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest

from services.detector.waiting import Arrival, Waiting
from shared import topics
from shared.bus.base import Record
from shared.exceptions import PoisonMessageError
from shared.frames import Frame

EPOCH = 1_800_000_000 * 10**9


def arrival(
    camera: str, seq: int, at: float, *, run: str | None = None, late: float = 0.0, partition: int = 0
) -> Arrival:
    """A frame that comes `late` seconds after its capture."""
    frame = Frame(camera, seq, EPOCH + round((at - late) * 1e9), 640, 360, b"jpeg", run)
    return Arrival(Record(topics.FRAMES, partition, seq, 0, camera, b"jpeg"), frame, at)


def wall(now: float) -> int:
    return EPOCH + round(now * 1e9)


def frames(arrivals: Iterable[Arrival]) -> list[tuple[str, int]]:
    return [(item.content.camera, item.content.seq) for item in arrivals if isinstance(item.content, Frame)]


def shed(waiting: Waiting) -> list[tuple[str, int, str]]:
    return [(frame.camera, frame.seq, reason) for _, frame, reason in waiting.take_shed()]


class Load:
    """Cameras that send at their own rates to a worker with a capacity, in simulated time."""

    def __init__(self, rates: dict[str, float], capacity: Callable[[float], float], seconds: float, batch: int = 4):
        self.waiting = Waiting(5.0, 1.0)
        self.analysed: defaultdict[str, list[int]] = defaultdict(list)
        self.shed: Counter[tuple[str, str]] = Counter()
        self.latencies: list[tuple[float, float]] = []
        self.sent: Counter[str] = Counter()
        arrivals = sorted(
            (index / rate + 0.001 * number, camera, index)
            for number, (camera, rate) in enumerate(rates.items())
            for index in range(int(seconds * rate))
        )
        now = 0.0
        while arrivals or self.waiting.since() is not None:
            while arrivals and arrivals[0][0] <= now:
                at, camera, seq = arrivals.pop(0)
                self.waiting.add(arrival(camera, seq, at), at, wall(at))
                self.sent[camera] += 1
            taken = self.waiting.take(batch, now, wall(now))
            self.shed.update((frame.camera, reason) for _, frame, reason in self.waiting.take_shed())
            done = now + len(taken) / capacity(now)
            for camera, seq in frames(taken):
                self.analysed[camera].append(seq)
            self.latencies += [(now, done - item.at) for item in taken]
            now = done if taken else arrivals[0][0] if arrivals else now

    def latency(self, share: float, since: float = 0.0, until: float = 59.0) -> float:
        kept = sorted(seconds for at, seconds in self.latencies if since <= at <= until)
        return kept[int(share * (len(kept) - 1))]


TEN = {f"cam-{number}": 10.0 for number in range(10)}


@pytest.mark.parametrize("overload", [1.05, 1.5, 3.0, 10.0])
def test_under_overload_every_camera_is_seen_evenly_and_fresh(overload: float) -> None:
    load = Load(TEN, lambda now: 100.0 / overload, 60.0)
    counts = {camera: len(seen) for camera, seen in load.analysed.items()}
    assert max(counts.values()) - min(counts.values()) <= 0.1 * min(counts.values())
    assert sum(counts.values()) == pytest.approx(60 * 100 / overload, rel=0.1)
    for camera, seen in load.analysed.items():
        assert seen == sorted(set(seen))
        assert len(seen) + load.shed[camera, "overload"] == load.sent[camera] == 600
    # One turn of all cameras takes 0.1 s times the overload; the frame waits a fifth of a second and the batch for it.
    assert load.latency(1.0) < 1.0 + 0.1 + 0.04 * overload
    assert load.latency(0.99, since=30.0) < 0.2 + 0.1 + 0.04 * overload
    gaps = [after - seq for seen in load.analysed.values() for seq, after in pairwise(seen) if seq >= 300]
    assert max(gaps, default=1) <= overload + 2


def test_a_worker_that_keeps_up_sheds_nothing_and_a_pause_of_it_is_made_up() -> None:
    load = Load(TEN, lambda now: 1.2 if 10 < now < 10.01 else 300.0, 30.0)
    assert max(seconds for _, seconds in load.latencies) > 2.0  # one batch took that long
    assert 100 < sum(load.shed.values()) < 350  # no more than what came meanwhile
    calm = Load(TEN, lambda now: 4.5 if 10 < now < 10.01 else 300.0, 30.0)
    assert not calm.shed
    assert 0.6 < max(seconds for _, seconds in calm.latencies) < 1.1


def test_a_camera_that_floods_takes_nothing_from_the_others() -> None:
    load = Load({**{f"cam-{number}": 5.0 for number in range(4)}, "flood": 60.0}, lambda now: 30.0, 30.0)
    assert {camera for camera, _ in load.shed} == {"flood"}
    assert all(len(load.analysed[f"cam-{number}"]) == 150 for number in range(4))
    assert len(load.analysed["flood"]) == pytest.approx(10 * 30, rel=0.1)
    assert load.latency(0.99) < 1.2


def test_the_newest_frame_is_never_shed_for_waiting() -> None:
    """On a machine with one frame in 3 s, everything has waited for too long."""
    load = Load(TEN, lambda now: 1 / 3, 60.0, batch=1)
    counts = {camera: len(seen) for camera, seen in load.analysed.items()}
    assert set(counts) == set(TEN)
    assert max(counts.values()) - min(counts.values()) <= 2


def test_what_is_too_old_is_shed_as_stale_even_if_it_is_the_newest() -> None:
    waiting = Waiting(5.0, 1.0)
    waiting.add(arrival("cam", 0, 100.0, late=5.1), 100.0, wall(100.0))
    waiting.add(arrival("cam", 1, 100.0, late=4.9), 100.0, wall(100.0))
    waiting.add(arrival("other", 0, 100.0, late=4.9), 100.0, wall(100.0))
    assert shed(waiting) == [("cam", 0, "stale")]
    assert frames(waiting.take(1, 100.0, wall(100.0))) == [("cam", 1)]
    assert frames(waiting.take(4, 100.2, wall(100.2))) == []
    assert shed(waiting) == [("other", 0, "stale")]


@pytest.mark.parametrize(("max_age_s", "run"), [(None, None), (5.0, "replay")])
def test_a_replay_is_never_shed(max_age_s: float | None, run: str | None) -> None:
    waiting = Waiting(max_age_s, 1.0)
    for seq in range(50):
        waiting.add(arrival("cam", seq, seq / 10, run=run, late=1e6), seq / 10, wall(seq / 10))
    assert waiting.kept == 50
    taken = [item for _ in range(13) for item in waiting.take(4, 1000.0, wall(1000.0))]
    assert [seq for _, seq in frames(taken)] == list(range(50))
    assert waiting.take_shed() == []
    assert (waiting.kept, waiting.since()) == (0, None)


def test_cameras_take_turns_whatever_they_have_waiting() -> None:
    waiting = Waiting(5.0, 1.0)
    for camera, count in (("a", 5), ("b", 1), ("c", 2)):
        for seq in range(count):
            waiting.add(arrival(camera, seq, 0.0), 0.0, wall(0.0))
    assert frames(waiting.take(4, 0.0, wall(0.0))) == [("a", 0), ("b", 0), ("c", 0), ("a", 1)]
    waiting.add(arrival("b", 1, 0.0), 0.0, wall(0.0))
    assert frames(waiting.take(4, 0.0, wall(0.0))) == [("b", 1), ("c", 1), ("a", 2), ("a", 3)]


def test_a_batch_waits_only_for_cameras_that_are_about_to_send() -> None:
    waiting = Waiting(5.0, 1.0)
    for camera in ("a", "b"):
        waiting.add(arrival(camera, 0, 0.0), 0.0, wall(0.0))
    assert waiting.fills(4, 0.0)
    waiting.take(4, 0.0, wall(0.0))
    waiting.add(arrival("a", 1, 0.1), 0.1, wall(0.1))
    assert not waiting.fills(4, 0.1)
    assert waiting.fills(1, 0.1)
    assert waiting.fills(4, 3.0)  # b has fallen silent


def test_frames_of_a_lost_partition_are_dropped_and_what_is_no_frame_comes_first() -> None:
    waiting = Waiting(5.0, 1.0)
    poison = PoisonMessageError("bad-header", "header 'seq' is missing")
    for partition in (1, 2):
        waiting.add(arrival("live", partition, 0.0, partition=partition), 0.0, wall(0.0))
        waiting.add(arrival("replay", partition, 0.0, partition=partition, run="r"), 0.0, wall(0.0))
        record = Record(topics.FRAMES, partition, 9, 0, None, b"", {})
        waiting.add(Arrival(record, poison, 0.0), 0.0, wall(0.0))
    waiting.drop({(topics.FRAMES, 1)})
    assert waiting.kept == 1
    batch = waiting.take(4, 0.0, wall(0.0))
    assert [item.record.partition for item in batch] == [2, 2, 2]
    assert batch[0].content is poison
    assert waiting.take_shed() == []


def test_at_random_nothing_is_lost_doubled_or_out_of_order() -> None:
    chance = random.Random(6)
    waiting, now = Waiting(5.0, 1.0), 0.0
    sent: Counter[str] = Counter()
    seen: defaultdict[str, list[int]] = defaultdict(list)
    for _ in range(5000):
        now += chance.expovariate(100)
        camera = chance.choice("abcdef")
        waiting.add(arrival(camera, sent[camera], now, late=chance.choice([0, 0.1, 4.9])), now, wall(now))
        sent[camera] += 1
        if chance.random() < 0.1:
            for name, seq in frames(waiting.take(chance.randint(1, 6), now, wall(now))):
                seen[name].append(seq)
    for name, seq in frames(waiting.take(10_000, now, wall(now))):
        seen[name].append(seq)
    gone = shed(waiting)
    for camera, count in sent.items():
        assert seen[camera] == sorted(seen[camera])
        assert sorted(seen[camera] + [seq for name, seq, _ in gone if name == camera]) == list(range(count))
    assert {reason for *_, reason in gone} == {"stale", "overload"}
