"""What a member of a group knows of its partitions, rebalance by rebalance."""

import sys

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from shared.bus.base import Partition
from shared.bus.kafka_ownership import Ownership

A, B, C = ("t", 0), ("t", 1), ("t", 2)


class _Client:
    """A client in one generation of its group; remembers where it was told to read."""

    def __init__(self) -> None:
        self.generation = 0
        self.metadata = b"CGMDv2:"
        self.begins: dict[Partition, int] = {}
        self.stored = {C: 30}
        self.refusals: list[int] = []

    def consumer_group_metadata(self) -> bytes:
        return self.metadata + self.generation.to_bytes(4, sys.byteorder, signed=True) + b"group\0member\0"

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        if self.refusals:
            raise KafkaException(KafkaError(self.refusals.pop()))
        return [
            TopicPartition(at.topic, at.partition, self.stored.get((at.topic, at.partition), -1001))
            for at in partitions
        ]

    def assign(self, partitions: list[TopicPartition]) -> None:
        self.begins = {(at.topic, at.partition): at.offset for at in partitions}

    def unassign(self) -> None:
        self.begins = {}


def _rebalance(ownership: Ownership, client: _Client, gets: set[Partition], generation: int) -> None:
    ownership.on_revoke(client, [TopicPartition(*at) for at in ownership.owned])
    assert ownership.owned == set()
    client.generation = generation
    ownership.on_assign(client, [TopicPartition(*at) for at in gets])
    assert ownership.owned == gets


def _member() -> tuple[Ownership, _Client]:
    """Owns A and B since generation 4, and has read A up to 7."""
    ownership, client = Ownership("earliest"), _Client()
    _rebalance(ownership, client, {A, B}, 4)
    ownership.positions[A] = 7
    return ownership, client


def test_what_comes_straight_back_keeps_its_position_and_the_rest_is_lost():
    ownership, client = _member()
    _rebalance(ownership, client, {A, C}, 5)
    assert ownership.take_lost() == {B}
    assert ownership.take_lost() == set()
    assert client.begins == {A: 7, C: 30}  # C from its committed offset


def test_with_a_generation_in_between_what_comes_back_was_lost():
    ownership, client = _member()
    _rebalance(ownership, client, {A, B}, 6)
    assert ownership.take_lost() == {A, B}
    assert client.begins == {A: -2, B: -2}  # nothing is committed: from the start


def test_a_generation_that_cannot_be_told_counts_as_one_in_between():
    ownership, client = _member()
    client.metadata = b"CGMDv3:"
    _rebalance(ownership, client, {A, B}, 5)
    assert ownership.take_lost() == {A, B}


def test_a_member_that_was_put_out_has_lost_all_even_if_it_comes_back():
    ownership, client = _member()
    ownership.on_lost(client, [TopicPartition(*A), TopicPartition(*B)])
    assert ownership.owned == set()
    client.generation = 5
    ownership.on_assign(client, [TopicPartition(*A), TopicPartition(*B)])
    assert ownership.take_lost() == {A, B}
    assert client.begins == {A: -2, B: -2}  # nothing is committed: from the start


def test_what_a_refused_commit_forgot_begins_at_the_committed_offset():
    ownership, client = _member()
    ownership.on_revoke(client, [TopicPartition(*A), TopicPartition(*B)])
    ownership.forget([A])
    client.stored[A] = 5
    client.generation = 5
    ownership.on_assign(client, [TopicPartition(*A), TopicPartition(*B)])
    assert client.begins[A] == 5


def test_a_coordinator_that_moves_is_asked_again_so_that_no_partition_is_left_unread():
    ownership, client = Ownership("latest"), _Client()
    client.refusals = [KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS]
    _rebalance(ownership, client, {A, C}, 1)
    assert client.begins == {A: -1, C: 30}  # A has no commit, so it begins at the end


def test_without_an_answer_for_good_nothing_is_owned():
    ownership, client = Ownership("earliest"), _Client()
    client.refusals = [KafkaError.GROUP_AUTHORIZATION_FAILED]
    with pytest.raises(KafkaException):
        ownership.on_assign(client, [TopicPartition(*A)])
    assert ownership.owned == set()
    assert client.begins == {}


def test_a_client_that_is_being_closed_takes_nothing_more_and_asks_for_nothing():
    ownership, client = _member()
    ownership.closing = True
    ownership.on_revoke(client, [TopicPartition(*at) for at in ownership.owned])
    client.refusals = [KafkaError._DESTROY]
    ownership.on_assign(client, [TopicPartition(*A)])
    assert ownership.owned == set()
    assert client.begins == {}
    assert client.refusals == [KafkaError._DESTROY]
