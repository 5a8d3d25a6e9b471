"""Two analyzer processes share the cameras on real Kafka; one is killed, another joins. No incident and no lane
statistic differs."""

import os
import signal
import time
from pathlib import Path

import pytest
import yaml

from shared import topics
from shared.bus.kafka import KafkaBus
from shared.bus.memory import MemoryBus
from shared.checkpoint import Checkpoint
from shared.clock import NS
from shared.embedded.process import free_port, listens
from shared.messages import Detections
from tests import roadlife
from tests.faults.test_analyzer_crash import Results, World, contiguous, results
from tests.processes import await_true, read_all, ready, service

pytestmark = [pytest.mark.redis, pytest.mark.kafka, pytest.mark.timeout(180)]

SEEDS = 3


def test_killed_and_rebalanced_analyzers_give_the_incidents_of_the_undisturbed_run(
    tmp_path: Path, own_kafka: str, redis_url: str
) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(yaml.safe_dump(roadlife.make_site().model_dump(mode="json", exclude_none=True)))
    environment = {
        **os.environ, "WAYSIDE_KAFKA": own_kafka, "WAYSIDE_REDIS": redis_url, "WAYSIDE_SITE": str(site),
        "WAYSIDE_DATA": str(tmp_path / "data"), "WAYSIDE_CHECKPOINT_S": "0.5",
    }  # fmt: skip
    bus = KafkaBus(own_kafka)
    bus.ensure_topics(topics.SPECS)
    # The real time, since Kafka deletes what is stamped long ago; each seed is a run of its own.
    start = float(time.time_ns() // NS)
    items = [item for seed in range(SEEDS) for item in roadlife.stream(seed, start_s=start, run=f"run-{seed}")]
    third = len(items) // 3
    ports = [free_port() for _ in range(3)]
    first, second, joining = ({**environment, "WAYSIDE_METRICS_PORT": str(port)} for port in ports)
    with service("analyzer", first) as victim, service("analyzer", second):
        for port in ports[:2]:
            await_true(lambda port=port: listens(port) and ready(port), 60, "an analyzer is ready")
        send(bus, items[:third])
        await_true(lambda: states(bus) > 0, 60, "a state is checkpointed")
        send(bus, items[third : 2 * third])
        victim.send_signal(signal.SIGKILL)  # in the middle of these, without a word
        victim.wait()
        with service("analyzer", joining):  # the partitions move once more
            await_true(lambda: listens(ports[2]) and ready(ports[2]), 60, "a third analyzer is ready")
            send(bus, items[2 * third :])
            await_true(lambda: bus.lag(topics.ANALYZER_GROUP, topics.DETECTIONS) == 0, 90, "all is analysed")
    found = results(lambda topic: read_all(bus, topic))
    assert contiguous(found[0])
    assert found == undisturbed(items)
    assert found[2]
    bus.close()


def send(bus: KafkaBus | MemoryBus, items: list[Detections]) -> None:
    producer = bus.producer()
    for item in items:
        at = item.frame.captured_at // 1_000_000
        producer.send(topics.DETECTIONS, item.to_bytes(), key=item.camera, timestamp_ms=at)
    producer.close()


def states(bus: KafkaBus) -> int:
    if not sum(bus.end_offsets(topics.CHECKPOINTS).values()):
        return 0
    return sum(len(Checkpoint.from_bytes(record.value).cameras) for record in read_all(bus, topics.CHECKPOINTS))


def undisturbed(items: list[Detections]) -> Results:
    world = World(tuple(items), 0)
    worker, consumer = world.start(-1)
    while world.step(worker, consumer):
        pass
    return results(world.records)
