"""A repair of kafka-python 3.0.12: joins to a group that outlast one short poll.

A join waits for the other members, often longer than one poll may take. The client then goes wrong in two ways:

- When the reason to join was new metadata, that reason is gone once the leader has assigned the partitions. The
  next poll sees no need to join, never takes up the answer, and the member owns nothing for ever.
- When the answer comes between two polls, the next poll throws it away and joins again, which sends every other
  member into another rebalance.

tests/contract/test_groups.py shows both without this file, on a busy machine.
"""

from typing import Any

from kafka import KafkaConsumer
from kafka.coordinator.consumer import ConsumerCoordinator


class Coordinator(ConsumerCoordinator):  # type: ignore[misc]
    """Takes up the answer to a join in whichever poll comes next."""

    _answer: tuple[Any, bytes] | None = None

    def need_rejoin(self) -> bool:
        """Also true while the answer to a join is outstanding."""
        return self.rejoining or super().need_rejoin()  # type: ignore[no-any-return]

    async def _do_join_and_sync_async(self) -> bytes:
        if self._answer is not None and self._answer[0] == self._generation:
            return self._answer[1]
        answer: bytes = await super()._do_join_and_sync_async()
        self._answer = (self._generation, answer)
        return answer

    async def _on_join_complete_async(self, *args: Any) -> None:
        self._answer = None
        await super()._on_join_complete_async(*args)


def repair(client: KafkaConsumer) -> None:
    """Give a consumer that has not joined yet the coordinator above."""
    client._coordinator.__class__ = Coordinator
