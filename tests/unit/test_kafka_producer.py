"""Sending to Kafka when the client itself fails."""

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from shared.bus import kafka_producer
from shared.bus.kafka_producer import KafkaProducer
from shared.exceptions import BusError


class _Client:
    """Takes messages until it breaks; `full` stands for a queue without room."""

    made: "list[_Client]" = []  # noqa: RUF012 (reset by the fixture)

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.broken = self.full = False
        self.held: list[Any] = []
        self.made.append(self)

    def list_topics(self, timeout: float) -> SimpleNamespace:
        return SimpleNamespace(topics={"t": SimpleNamespace(error=None, partitions={0: None, 1: None})})

    def produce(self, topic: str, **arguments: Any) -> None:
        if self.broken:
            raise KafkaException(KafkaError(KafkaError._FATAL, "out of sequence", fatal=True))
        if self.full:
            raise BufferError
        self.held.append(arguments)

    def poll(self, timeout: float) -> int:
        return 0

    def purge(self) -> None:
        for arguments in self.held:
            arguments["on_delivery"](KafkaError(KafkaError._PURGE_QUEUE), None)
        self.held = []

    def flush(self, timeout: float) -> int:
        if not self.broken:
            for arguments in self.held:
                arguments["on_delivery"](None, None)
            self.held = []
        return len(self.held)


@pytest.fixture
def producer(monkeypatch: pytest.MonkeyPatch) -> KafkaProducer:
    _Client.made.clear()
    monkeypatch.setattr(kafka_producer, "Client", _Client)
    monkeypatch.setattr(kafka_producer, "SEND_S", 0.05)
    return KafkaProducer("127.0.0.1:9")


def _send(producer: KafkaProducer, key: str | None = "k", timestamp_ms: int = 5) -> None:
    producer.send("t", b"v", key=key, timestamp_ms=timestamp_ms)


def test_a_client_that_is_broken_for_good_is_replaced_and_what_it_held_is_told(producer: KafkaProducer):
    _send(producer)
    _Client.made[0].broken = True
    with pytest.raises(BusError, match="topic t: not sent: FATAL"):
        _send(producer)
    with pytest.raises(BusError, match="not stored by Kafka: topic t: PURGE_QUEUE"):
        producer.flush()
    _send(producer)
    producer.flush()
    assert len(_Client.made) == 2


def test_a_queue_that_stays_full_is_told_and_the_message_is_not_waited_for(producer: KafkaProducer):
    _Client.made[0].full = True
    with pytest.raises(BusError, match="does not keep up"):
        _send(producer)
    producer.flush(0.01)


def test_a_flush_ends_with_its_time_out(producer: KafkaProducer):
    _send(producer)
    _Client.made[0].broken = True  # it answers no more
    with pytest.raises(BusError, match=r"no answer for 1 messages within 0.1 s"):
        producer.flush(0.1)


def test_messages_without_a_key_go_round_and_time_0_goes_as_no_time(producer: KafkaProducer):
    for _ in range(3):
        _send(producer, key=None, timestamp_ms=0)
    held = _Client.made[0].held
    assert [arguments["partition"] for arguments in held] == [0, 1, 0]
    assert {arguments["timestamp"] for arguments in held} == {-1}
    _send(producer)
    assert "partition" not in held[-1]  # the client's own partitioner follows the key
    assert held[-1]["timestamp"] == 5
