"""What goes from the console to the bus: questions and words of operators, which are few."""

import threading
from collections.abc import Sequence

from shared.bus.base import Bus, Producer

# An operator waits for it.
_FLUSH_S = 5.0


class Sender:
    """A producer that is made when it is needed first; from any thread."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._producer: Producer | None = None
        self._lock = threading.Lock()

    def send(self, topic: str, messages: Sequence[tuple[str, int, bytes]]) -> None:
        """Send messages, each with its key and time (UTC ns); the bus has stored them when this returns.

        Raises:
            BusError: it has not.
        """
        with self._lock:
            if self._producer is None:
                self._producer = self._bus.producer()
            for key, at, value in messages:
                self._producer.send(topic, value, key=key, timestamp_ms=at // 1_000_000)
            self._producer.flush(timeout_s=_FLUSH_S)

    def close(self) -> None:
        """Release the connection."""
        with self._lock:
            if self._producer is not None:
                self._producer.close()
                self._producer = None
