"""What groups have committed, asked for by whoever wants to know it: a member or not."""

import threading
import time
from collections.abc import Collection

from confluent_kafka import Consumer as Client
from confluent_kafka import KafkaException, TopicPartition

from shared.bus.base import Partition
from shared.bus.kafka_errors import PASSING, code_of
from shared.bus.kafka_settings import REQUEST_MS, connection
from shared.exceptions import BusError

_REQUEST_S = REQUEST_MS / 1000
_AGAIN_S = 0.05


class Commits:
    """The committed offsets of any group; safe to share between threads.

    By one consumer per group that never joins it, not by the administration client: that one, as of librdkafka
    2.16.0, kills the process with a segmentation fault when the broker answers that it is not the group's coordinator
    (confluentinc/librdkafka#5040). Every broker does so for a moment after its start (docs/adr/0013).
    """

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._clients: dict[str, Client] = {}
        self._lock = threading.Lock()
        self._closed = False

    def of(self, group: str, partitions: Collection[Partition]) -> dict[Partition, int]:
        """The next offset to read; partitions without a commit are left out.

        Raises:
            BusError: the bus is closed.
            KafkaException: the broker did not tell; asking again may help.
        """
        with self._lock:
            if self._closed:
                raise BusError("the bus is closed")
            client = self._clients.get(group)
            if client is None:
                client = self._clients[group] = Client(
                    connection(self._bootstrap) | {"group.id": group, "enable.auto.commit": False}
                )
            while client.poll(0) is not None:  # it has no messages; errors of a lost connection would pile up
                pass
            return committed(client, partitions)

    def close(self) -> None:
        """Release the connections; idempotent."""
        with self._lock:
            self._closed = True
            clients, self._clients = list(self._clients.values()), {}
            for client in clients:
                client.close()


def committed(client: Client, partitions: Collection[Partition]) -> dict[Partition, int]:
    """The offsets that the client's group has committed; partitions without a commit are left out.

    Raises:
        KafkaException: the broker did not tell.
    """
    if not partitions:
        return {}
    found: dict[Partition, int] = {}
    for stored in client.committed([TopicPartition(*partition) for partition in partitions], timeout=_REQUEST_S):
        if stored.error is not None:
            raise KafkaException(stored.error)
        if stored.offset >= 0:
            found[stored.topic, stored.partition] = stored.offset
    return found


def committed_at_last(client: Client, partitions: Collection[Partition]) -> dict[Partition, int]:
    """As `committed`; asks again for a while when the group's coordinator is just moving or coming up.

    Raises:
        KafkaException: the broker did not tell in time.
    """
    deadline = time.monotonic() + _REQUEST_S
    while True:
        try:
            return committed(client, partitions)
        except KafkaException as error:
            if code_of(error) not in PASSING or time.monotonic() > deadline:
                raise
            time.sleep(_AGAIN_S)
