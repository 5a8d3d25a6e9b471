"""The bus over Apache Kafka, by librdkafka."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from contextlib import ExitStack
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec, TopicMetadata

from shared.bus import kafka_consumer, kafka_producer
from shared.bus.base import Partition, Record, Start, TopicSpec
from shared.bus.common import partition_for
from shared.bus.kafka_commits import Commits
from shared.bus.kafka_errors import code_of, reason
from shared.bus.kafka_reader import KafkaReader
from shared.bus.kafka_settings import (
    BOOTSTRAP_MS,
    REQUEST_MS,
    check_reachable,
    connection,
    topic_configs,
    unreachable,
)
from shared.exceptions import BusError

T = TypeVar("T")
Key = TypeVar("Key")
Part = TypeVar("Part", kafka_producer.KafkaProducer, kafka_consumer.KafkaConsumer)

_REQUEST_S = REQUEST_MS / 1000
# The answers to an administration client are handed over by a thread of its own, which runs Python. If the garbage
# collector ran there and found that very client, the process would abort. In here none is garbage.
_ADMINS: set[AdminClient] = set()
# Trying again will not help against these.
_REFUSED = {
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.INVALID_CONFIG,
    KafkaError.INVALID_PARTITIONS,
    KafkaError.INVALID_REPLICATION_FACTOR,
    KafkaError.INVALID_REQUEST,
    KafkaError.POLICY_VIOLATION,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_EXCEPTION,
    KafkaError.UNSUPPORTED_VERSION,
    KafkaError._INVALID_ARG,
}


class KafkaBus:
    """A connection to a Kafka cluster.

    Args:
        bootstrap: HOST:PORT[,HOST:PORT].

    Raises:
        ConfigError: `bootstrap` is malformed.
        BusError: no broker answers within 10 s.
    """

    def __init__(self, bootstrap: str) -> None:
        check_reachable(bootstrap)
        self._bootstrap = bootstrap
        self._lock = threading.Lock()
        self._made: list[kafka_producer.KafkaProducer | kafka_consumer.KafkaConsumer] = []
        self._compacted: set[str] = set()
        self._closed = False
        self._reader: KafkaReader | None = None
        self._commits = Commits(bootstrap)
        admin = AdminClient(connection(bootstrap))
        try:
            admin.list_topics(timeout=BOOTSTRAP_MS / 1000)
        except KafkaException as error:
            raise unreachable(bootstrap, reason(error)) from None
        self._admin: AdminClient | None = admin
        _ADMINS.add(admin)

    def ensure_topics(self, specs: Iterable[TopicSpec]) -> None:
        """Create the topics that do not exist; leave the others as they are."""
        wanted = {spec.name: spec for spec in specs}
        self._compacted |= {spec.name for spec in wanted.values() if spec.compact}
        missing = sorted(set(wanted) - set(self._topics()))
        if missing:
            self._ask("create topics", lambda admin: _create(admin, [wanted[name] for name in missing]))
        # Also those that another service has just created: they are usable once every partition has a leader.
        deadline = time.monotonic() + _REQUEST_S
        while not set(wanted) <= {name for name, topic in self._topics().items() if _led(topic)}:
            if time.monotonic() > deadline:
                raise BusError(
                    f"Kafka at {self._bootstrap} did not make the topics {', '.join(sorted(wanted))} in time"
                )
            time.sleep(0.05)

    def producer(self) -> kafka_producer.KafkaProducer:
        """A new producer."""
        self._check_open()
        return self._keep(kafka_producer.KafkaProducer(self._bootstrap))

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
        spec = OffsetSpec.earliest() if start == "earliest" else OffsetSpec.latest()
        begin = {(name, number): at for name in names for number, at in self._offsets(name, spec).items()}
        return self._keep(
            kafka_consumer.KafkaConsumer(
                self._bootstrap,
                names,
                group=group,
                start=start,
                on_revoked=on_revoked,
                begin=begin,
                compacted=self._compacted,
            )
        )

    def read(self, topic: str, partition: int, offset: int) -> Record | None:
        """One message by its address, or None when it is not there."""
        return self._reading().read(topic, partition, offset)

    def read_key(self, topic: str, key: str) -> list[Record]:
        """Every message of one key that is kept; see `shared.bus.base.Bus.read_key`."""
        first, last = self._offsets(topic, OffsetSpec.earliest()), self.end_offsets(topic)
        number = partition_for(key, len(last))
        records = self._reading().read_range(topic, number, first[number], last[number])
        return [record for record in records if record.key == key]

    def end_offsets(self, topic: str) -> dict[int, int]:
        """The offset that the next message of each partition will get."""
        return self._offsets(topic, OffsetSpec.latest())

    def lag(self, group: str, topic: str) -> int:
        """Messages of the topic (those still kept) that the group has not committed."""
        first = self._offsets(topic, OffsetSpec.earliest())
        committed = self._ask(
            "list offsets", lambda admin: self._commits.of(group, [(topic, number) for number in first])
        )
        # Commits first, end last: the lag is never too small.
        last = self.end_offsets(topic)
        return sum(max(0, last[n] - max(first[n], committed.get((topic, n), -1))) for n in first)

    def close(self) -> None:
        """Close everything made from this bus; idempotent."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            made, self._made = self._made, []
            admin, self._admin = self._admin, None
        if admin is not None:
            _ADMINS.discard(admin)
        with ExitStack() as stack:  # all are closed, also when one of them tells of messages that were not stored
            stack.callback(self._commits.close)
            if self._reader is not None:
                stack.callback(self._reader.close)
            for part in reversed(made):
                stack.callback(part.close)

    def _reading(self) -> KafkaReader:
        self._check_open()
        with self._lock:
            if self._reader is None:
                self._reader = KafkaReader(self._bootstrap)
            return self._reader

    def _topics(self) -> dict[str, TopicMetadata]:
        # Asking for all never makes a topic, as asking for a single one may.
        return self._ask("list topics", lambda admin: admin.list_topics(timeout=_REQUEST_S).topics)

    def _offsets(self, topic: str, spec: OffsetSpec) -> dict[int, int]:
        found = self._topics().get(topic)
        if found is None or not found.partitions:
            raise BusError(f"topic {topic} does not exist")
        specs = {TopicPartition(topic, number): spec for number in sorted(found.partitions)}

        def ask(admin: AdminClient) -> dict[int, int]:
            answers = _answered(admin.list_offsets(specs, request_timeout=_REQUEST_S))
            return {partition.partition: answer.result().offset for partition, answer in answers.items()}

        return self._ask("list offsets", ask)

    def _ask(self, what: str, call: Callable[[AdminClient], T]) -> T:
        """Ask the cluster; tried again for a while where trying helps, such as a coordinator that is being elected."""
        deadline = time.monotonic() + _REQUEST_S
        while True:
            admin = self._admin
            if admin is None:
                raise BusError("the bus is closed")
            try:
                return call(admin)
            except KafkaException as error:
                if code_of(error) in _REFUSED:
                    raise BusError(f"Kafka at {self._bootstrap} refused to {what}: {reason(error)}") from None
                if time.monotonic() > deadline:
                    raise unreachable(self._bootstrap, f"{what}: {reason(error)}") from None
                time.sleep(0.1)

    def _keep(self, part: Part) -> Part:
        with self._lock:
            if not self._closed:
                self._made = [*(other for other in self._made if not other.closed), part]
                return part
        part.close()
        raise BusError("the bus is closed")

    def _check_open(self) -> None:
        if self._closed:
            raise BusError("the bus is closed")


def _create(admin: AdminClient, specs: list[TopicSpec]) -> None:
    topics = [NewTopic(spec.name, num_partitions=spec.partitions, config=topic_configs(spec)) for spec in specs]
    for name, made in _answered(admin.create_topics(topics, operation_timeout=_REQUEST_S)).items():
        try:
            made.result()
        except KafkaException as error:
            if code_of(error) in _REFUSED:
                raise BusError(f"topic {name} not created: {reason(error)}") from None
            # Another service that starts at the same time may have been faster, or this one's last try.
            if code_of(error) != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def _answered(answers: Mapping[Key, Future[T]]) -> Mapping[Key, Future[T]]:
    """Once all answers are there: nothing of a request outlives who asked.

    Raises:
        KafkaException: they do not come, although the client itself gives up before.
    """
    if wait(answers.values(), timeout=2 * _REQUEST_S).not_done:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
    return answers


def _led(topic: TopicMetadata) -> bool:
    partitions = topic.partitions.values()
    return topic.error is None and bool(partitions) and all(partition.leader >= 0 for partition in partitions)
