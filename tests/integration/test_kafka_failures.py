"""What the Kafka bus says, and how soon, when something is wrong."""

import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from shared.bus import kafka_settings
from shared.bus.base import Producer, TopicSpec
from shared.bus.kafka import KafkaBus
from shared.embedded import kafka as embedded_kafka
from shared.embedded.kafka import LocalKafka
from shared.embedded.process import free_port
from shared.exceptions import BusError, ConfigError
from tests.contract.conftest import drain, until


def test_an_unreachable_broker_is_one_clear_line_within_ten_seconds():
    port = free_port()
    begun = time.monotonic()
    with pytest.raises(BusError) as caught:
        KafkaBus(f"127.0.0.1:{port}")
    assert time.monotonic() - begun < 10
    line = str(caught.value)
    assert f"127.0.0.1:{port}" in line
    assert "WAYSIDE_KAFKA" in line
    assert "\n" not in line


def test_a_port_that_accepts_but_is_no_kafka_is_told_within_ten_seconds():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        with pytest.raises(BusError, match=f"127.0.0.1:{silent.getsockname()[1]}.*WAYSIDE_KAFKA"):
            KafkaBus(f"127.0.0.1:{silent.getsockname()[1]}")
        assert time.monotonic() - begun < 10


@pytest.mark.parametrize("bootstrap", ["", "localhost", "host:port", "host:0", "host:99999", ":9092", "a:1,b"])
def test_a_malformed_address_is_told_at_once(bootstrap: str):
    with pytest.raises(ConfigError, match=r"HOST:PORT.*"):
        KafkaBus(bootstrap)


@pytest.mark.kafka
def test_what_a_broker_did_not_store_surfaces_in_flush_and_all_go_on_when_it_is_back(
    kafka_jars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(kafka_settings, "REQUEST_MS", 1_000)
    monkeypatch.setattr(kafka_settings, "DELIVERY_MS", 2_000)
    with LocalKafka(tmp_path) as broker:
        bus = KafkaBus(broker.bootstrap)
        bus.ensure_topics([TopicSpec("t", 1)])
        producer, consumer = bus.producer(), bus.consumer(["t"], group=None)
        producer.send("t", b"stored", key="k", timestamp_ms=0)
        producer.flush()
        assert [record.value for record in drain(consumer, 1)] == [b"stored"]
    assert consumer.poll(timeout_s=0.2) == []  # it waits for the broker
    producer.send("t", b"lost", key="k", timestamp_ms=0)
    with pytest.raises(BusError, match="not stored by Kafka: topic t") as caught:
        producer.flush()
    assert "\n" not in str(caught.value)
    producer.flush()  # told once
    ports = iter([int(broker.bootstrap.rpartition(":")[2]), free_port()])
    monkeypatch.setattr(embedded_kafka, "free_port", lambda: next(ports))
    with LocalKafka(tmp_path):
        until(lambda: _stored(producer))
        assert b"again" in {record.value for record in drain(consumer, 1)}
    bus.close()


def _stored(producer: Producer) -> bool:
    try:
        producer.send("t", b"again", key="k", timestamp_ms=0)
        producer.flush()
    except BusError:
        return False
    return True


@pytest.mark.kafka
def test_a_killed_member_is_replaced_after_its_session(kafka: str):
    topic = f"killed-{uuid.uuid4().hex[:8]}"
    bus = KafkaBus(kafka)
    bus.ensure_topics([TopicSpec(topic, 2)])
    victim = subprocess.Popen(
        [sys.executable, "-c", _MEMBER, kafka, topic], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    try:
        assert victim.stdout is not None
        assert victim.stdout.readline() == b"2\n"
    finally:
        victim.kill()
        victim.wait()
    consumer = bus.consumer([topic], group=topic)
    begun = time.monotonic()
    while len(consumer.assignment()) < 2:
        assert time.monotonic() - begun < 2 * kafka_settings.SESSION_MS / 1000
        consumer.poll(timeout_s=0.2)
    bus.close()


_MEMBER = """
import sys
from shared.bus.kafka import KafkaBus
consumer = KafkaBus(sys.argv[1]).consumer([sys.argv[2]], group=sys.argv[2])
while len(consumer.assignment()) < 2:
    consumer.poll(timeout_s=0.1)
print(2, flush=True)
while True:
    consumer.poll()
"""
