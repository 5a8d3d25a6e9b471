"""A broker that does not coordinate the group that it is asked about, as each one says for a moment after its start.

Each case in a process of its own, because librdkafka died of it: confluentinc/librdkafka#5040, docs/adr/0013.
"""

import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from shared.bus.base import TopicSpec
from shared.bus.kafka import KafkaBus
from tests.moved_coordinator import OFFSET_COMMIT, OFFSET_FETCH, MovedCoordinator, moved_coordinator

pytestmark = pytest.mark.kafka

_BEGIN = """
import sys
from shared.bus.kafka import KafkaBus
bus, topic = KafkaBus(sys.argv[1]), sys.argv[2]
"""
_LAG = "print(bus.lag(topic, topic))"
_READ = """
consumer = bus.consumer([topic], group=topic)
count = 0
while count < 3:
    count += len(consumer.poll(timeout_s=0.2))
print(count)
"""
_COMMIT = """
consumer = bus.consumer([topic], group=topic)
while not consumer.poll(timeout_s=0.2):
    pass
consumer.commit({(topic, 0): 2})
print(bus.lag(topic, topic))
"""


@pytest.mark.parametrize(
    ("request_kind", "script", "told"),
    [(OFFSET_FETCH, _LAG, "3"), (OFFSET_FETCH, _READ, "3"), (OFFSET_COMMIT, _COMMIT, "1")],
    ids=["lag", "first read of a partition", "commit"],
)
def test_a_coordinator_that_is_not_ready_is_asked_again(kafka: str, request_kind: int, script: str, told: str) -> None:
    topic = f"moved-{uuid.uuid4().hex[:8]}"
    _three_messages(kafka, topic)
    with moved_coordinator(kafka) as between:
        between.refuse(request_kind, times=2)
        assert _run(between, topic, script) == told
        assert between.refused == 2


def _three_messages(kafka: str, topic: str) -> None:
    bus = KafkaBus(kafka)
    bus.ensure_topics([TopicSpec(topic, 1)])
    producer = bus.producer()
    for _ in range(3):
        producer.send(topic, b"", key="k", timestamp_ms=1)
    bus.close()


def _run(between: MovedCoordinator, topic: str, script: str) -> str:
    """What a script on the bus prints; the child is to end well."""
    code = (
        f"import sys\nfrom shared.bus.kafka import KafkaBus\nbus, topic = KafkaBus(sys.argv[1]), sys.argv[2]\n{script}"
    )
    command = [sys.executable, "-X", "faulthandler", "-c", code + "\nbus.close()", between.bootstrap, topic]
    child = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60)
    assert child.returncode == 0, child.stderr
    return child.stdout.strip()
