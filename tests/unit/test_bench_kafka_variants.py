"""The bus with other numbers, for the benchmark of Kafka's cost."""

import pytest

from shared.bus import kafka_settings
from shared.bus.kafka_settings import consumer_settings, producer_settings
from training.bench.kafka_variants import concerns, varied


def test_a_variant_holds_for_clients_that_are_made_within_it_and_no_longer():
    usual = kafka_settings.LINGER_MS
    with varied("LINGER_MS=77,COMPRESSION=lz4,FETCH_PARTITION_BYTES=4096"):
        assert producer_settings()["linger.ms"] == 77
        assert producer_settings()["compression.type"] == "lz4"
        assert consumer_settings()["max.partition.fetch.bytes"] == 4096
    assert producer_settings()["linger.ms"] == usual
    with varied(""):
        assert producer_settings()["linger.ms"] == usual


@pytest.mark.parametrize("variant", ["REQUEST_MS=5", "LINGER_MS", "LINGER_MS=", "LINGER_MS=soon"])
def test_what_cannot_be_varied_is_refused(variant: str):
    with pytest.raises(ValueError), varied(variant):
        pass


def test_a_variant_takes_its_turns_only_where_it_can_change_something():
    assert [concerns(variant, True) for variant in ("", "FETCH_WAIT_MS=1", "LINGER_MS=1")] == [True, True, False]
    assert [concerns(variant, False) for variant in ("", "FETCH_WAIT_MS=1", "LINGER_MS=1")] == [True, False, True]
