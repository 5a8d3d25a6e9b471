"""The bus over Apache Kafka, by kafka-python."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError, OffsetOutOfRangeError, RetriableError, TopicAlreadyExistsError, for_code

from shared.bus import kafka_consumer, kafka_producer
from shared.bus.base import Partition, Record, Start, TopicSpec
from shared.bus.common import partition_for
from shared.bus.kafka_producer import reason
from shared.bus.kafka_settings import (
    REQUEST_MS,
    check_client,
    check_reachable,
    connection,
    consumer_settings,
    topic_configs,
    unreachable,
)
from shared.exceptions import BusError

T = TypeVar("T")
Part = TypeVar("Part", kafka_producer.KafkaProducer, kafka_consumer.KafkaConsumer)

# One picture, or the next messages of a partition: a healthy broker answers within milliseconds.
_READ_S = 3.0


class KafkaBus:
    """A connection to a Kafka cluster.

    Args:
        bootstrap: HOST:PORT[,HOST:PORT].

    Raises:
        ConfigError: `bootstrap` is malformed, or the module crc32c is missing.
        BusError: no broker answers within 10 s.
    """

    def __init__(self, bootstrap: str) -> None:
        check_client()
        check_reachable(bootstrap)
        self._bootstrap = bootstrap
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._reader: KafkaConsumer | None = None
        self._made: list[kafka_producer.KafkaProducer | kafka_consumer.KafkaConsumer] = []
        self._compacted: set[str] = set()
        self._closed = False
        self._admin = self._connect(lambda: KafkaAdminClient(**connection(bootstrap)))

    def ensure_topics(self, specs: Iterable[TopicSpec]) -> None:
        """Create the topics that do not exist; leave the others as they are."""
        wanted = {spec.name: spec for spec in specs}
        self._compacted |= {spec.name for spec in wanted.values() if spec.compact}
        missing = set(wanted) - set(self._ask("list topics", lambda: self._admin.list_topics()))
        if missing:
            topics = {
                name: {"num_partitions": wanted[name].partitions, "configs": topic_configs(wanted[name])}
                for name in sorted(missing)
            }
            answer = self._ask("create topics", lambda: self._admin.create_topics(topics, raise_errors=False))
            for topic in answer["topics"]:
                error = for_code(topic["error_code"])
                # Another service that starts at the same time may have been faster.
                if topic["error_code"] and error is not TopicAlreadyExistsError:
                    raise BusError(f"topic {topic['name']} not created: {error.__name__}: {topic['error_message']}")
        # Also those that another service has just created: they are usable once every partition has a leader.
        self._ask("wait for topics", lambda: self._admin.wait_for_topics(list(wanted), timeout_ms=REQUEST_MS))

    def producer(self) -> kafka_producer.KafkaProducer:
        """A new producer."""
        return self._keep(self._connect(lambda: kafka_producer.KafkaProducer(self._bootstrap)))

    def consumer(
        self,
        topics: Iterable[str],
        *,
        group: str | None,
        start: Start = "earliest",
        on_revoked: Callable[[set[Partition]], None] | None = None,
    ) -> kafka_consumer.KafkaConsumer:
        """A new consumer; see `shared.bus.base.Bus.consumer`."""
        names = list(topics)
        spec = OffsetSpec.EARLIEST if start == "earliest" else OffsetSpec.LATEST
        begin = {(name, number): at for name in names for number, at in self._offsets(name, spec).items()}
        made = self._connect(
            lambda: kafka_consumer.KafkaConsumer(
                self._bootstrap,
                names,
                group=group,
                start=start,
                on_revoked=on_revoked,
                begin=begin,
                compacted=self._compacted,
            )
        )
        return self._keep(made)

    def read(self, topic: str, partition: int, offset: int) -> Record | None:
        """One message by its address, or None when it is not there."""
        address = TopicPartition(topic, partition)
        with self._reading:
            try:
                reader = self._reader_at(address, offset)
                # The usual case is one fetch; only an empty answer is worth asking where the end is.
                found = reader.poll(timeout_ms=300, max_records=1)
                if not found and offset < self.end_offsets(topic).get(partition, 0):
                    found = reader.poll(timeout_ms=int(_READ_S * 1000), max_records=1)
            except OffsetOutOfRangeError:
                return None
            except KafkaError as error:
                raise BusError(f"reading {topic}/{partition}@{offset} failed: {reason(error)}") from None
        messages = found.get(address, [])
        # A later one means that compaction has removed it.
        return kafka_consumer.to_record(messages[0]) if messages and messages[0].offset == offset else None

    def read_key(self, topic: str, key: str) -> list[Record]:
        """Every message of one key that is kept; see `shared.bus.base.Bus.read_key`."""
        first, last = self._offsets(topic, OffsetSpec.EARLIEST), self.end_offsets(topic)
        number = partition_for(key, len(last))
        address = TopicPartition(topic, number)
        found: list[Record] = []
        with self._reading:
            try:
                reader = self._reader_at(address, first[number])
                # The position, not the last offset, says where the end is: compaction may have removed what is there.
                while reader.position(address) < last[number]:
                    before = reader.position(address)
                    messages = reader.poll(timeout_ms=int(_READ_S * 1000)).get(address, [])
                    if reader.position(address) == before:
                        raise BusError(f"reading {topic}/{number} failed: nothing comes after offset {before}")
                    found += [record for record in map(kafka_consumer.to_record, messages) if record.key == key]
            except KafkaError as error:
                raise BusError(f"reading {topic}/{number} failed: {reason(error)}") from None
        return found

    def _reader_at(self, address: TopicPartition, offset: int) -> KafkaConsumer:
        """The one consumer without a group, at this address; call it with `_reading` held."""
        self._check_open()
        if self._reader is None:
            self._reader = self._connect(self._make_reader)
        self._reader.assign([address])
        self._reader.seek(address, offset)
        return self._reader

    def end_offsets(self, topic: str) -> dict[int, int]:
        """The offset that the next message of each partition will get."""
        return self._offsets(topic, OffsetSpec.LATEST)

    def lag(self, group: str, topic: str) -> int:
        """Messages of the topic (those still kept) that the group has not committed."""
        first = self._offsets(topic, OffsetSpec.EARLIEST)
        partitions = [TopicPartition(topic, number) for number in first]
        answer = self._ask("list offsets", lambda: self._admin.list_group_offsets({group: partitions}))
        # A partition without a commit has offset -1. Commits first, end last: the lag is never too small.
        committed = {partition.partition: stored.offset for partition, stored in answer[group].items()}
        last = self.end_offsets(topic)
        return sum(max(0, last[n] - max(first[n], committed.get(n, -1))) for n in first)

    def close(self) -> None:
        """Close everything made from this bus; idempotent."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            made, self._made = self._made, []
        try:
            for part in made:
                part.close()
        finally:
            with self._reading:
                if self._reader is not None:
                    self._reader.close(autocommit=False, timeout_ms=1_000)
            self._admin.close()

    def _make_reader(self) -> KafkaConsumer:
        settings = consumer_settings() | {"enable_incremental_fetch_sessions": False}
        return KafkaConsumer(**connection(self._bootstrap), **settings, auto_offset_reset="none")

    def _offsets(self, topic: str, spec: OffsetSpec) -> dict[int, int]:
        described = self._ask("describe topics", lambda: self._admin.describe_topics([topic]))
        numbers = [partition["partition_index"] for entry in described for partition in entry["partitions"]]
        if not numbers:
            raise BusError(f"topic {topic} does not exist")
        specs = {TopicPartition(topic, number): spec for number in sorted(numbers)}
        found = self._ask("list offsets", lambda: self._admin.list_partition_offsets(specs))
        return {partition.partition: found[partition].offset for partition in specs}

    def _ask(self, what: str, call: Callable[[], Any]) -> Any:
        """Ask the cluster; tried again for a while where trying helps, such as a coordinator that is being elected."""
        deadline = time.monotonic() + REQUEST_MS / 1000
        while True:
            self._check_open()
            try:
                return call()
            except RetriableError as error:
                if time.monotonic() > deadline:
                    raise unreachable(self._bootstrap, f"{what}: {reason(error)}") from None
                time.sleep(0.1)
            except KafkaError as error:
                raise BusError(f"Kafka at {self._bootstrap} refused to {what}: {reason(error)}") from None

    def _connect(self, make: Callable[[], T]) -> T:
        self._check_open()
        try:
            return make()
        except KafkaError as error:
            raise unreachable(self._bootstrap, reason(error)) from None

    def _keep(self, part: Part) -> Part:
        with self._lock:
            self._made = [*(other for other in self._made if not other.closed), part]
        return part

    def _check_open(self) -> None:
        if self._closed:
            raise BusError("the bus is closed")
