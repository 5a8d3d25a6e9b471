"""A bus whose operations fail at a chosen moment, as if the process had died there."""

import random
from collections.abc import Mapping
from typing import Any

from shared.bus.base import Bus, Consumer, Producer, Record

Sent = tuple[str, bytes | None, dict[str, Any]]


class CrashError(BaseException):
    """The process is dead; a BaseException, so that no handler takes it for an error of the bus."""


class Fuse:
    """Burns down with each operation on the bus and blows at the `left`-th, before or after its effect."""

    def __init__(self, chance: random.Random, left: int) -> None:
        self.chance, self.left = chance, left

    def around(self, effect: Any, *args: Any, **options: Any) -> Any:
        self.left -= 1
        if self.left == 0 and self.chance.random() < 0.5:
            raise CrashError
        result = effect(*args, **options)
        if self.left == 0:
            raise CrashError
        return result


class CrashingBus:
    """Wraps the bus for one life of a process."""

    def __init__(self, bus: Bus, fuse: Fuse) -> None:
        self._bus, self._fuse = bus, fuse

    def producer(self) -> "CrashingProducer":
        return CrashingProducer(self._bus.producer(), self._fuse)

    def consumer(self, *args: Any, **options: Any) -> "CrashingConsumer":
        return CrashingConsumer(self._bus.consumer(*args, **options), self._fuse)

    def read_key(self, topic: str, key: str) -> list[Record]:
        found: list[Record] = self._fuse.around(self._bus.read_key, topic, key)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)


class CrashingProducer:
    """Holds messages until the flush, of which a crash stores only the first few, as Kafka's client may."""

    def __init__(self, producer: Producer, fuse: Fuse) -> None:
        self._producer, self._fuse = producer, fuse
        self._held: list[Sent] = []

    def send(self, topic: str, value: bytes | None, **options: Any) -> None:
        self._held.append((topic, value, options))
        self._fuse.around(lambda: None)

    def flush(self, timeout_s: float = 30.0) -> None:
        try:
            self._fuse.around(lambda: None)
        except CrashError:
            self._deliver(self._fuse.chance.randint(0, len(self._held)))
            raise
        self._deliver(len(self._held))

    def _deliver(self, count: int) -> None:
        for topic, value, options in self._held[:count]:
            self._producer.send(topic, value, **options)
        self._held = []


class CrashingConsumer:
    """Polls, seeks and commits through the fuse."""

    def __init__(self, consumer: Consumer, fuse: Fuse) -> None:
        self._consumer, self._fuse = consumer, fuse

    def poll(self, *args: Any, **options: Any) -> list[Record]:
        records: list[Record] = self._fuse.around(self._consumer.poll, *args, **options)
        return records

    def commit(self, offsets: Mapping[tuple[str, int], int]) -> None:
        self._fuse.around(self._consumer.commit, offsets)

    def seek(self, partition: tuple[str, int], offset: int) -> None:
        self._fuse.around(self._consumer.seek, partition, offset)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)
