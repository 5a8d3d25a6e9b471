"""Alerts appended to a file, one CloudEvent per line."""

from pathlib import Path

from services.alerts.lifecycle import AlertEvent
from services.alerts.sinks.base import DeliveryError, sink_name


class Sink:
    """Appends and flushes. After a crash the last line may stand twice, with the same `id`."""

    def __init__(self, path: Path) -> None:
        self.name = sink_name("jsonl", str(path))
        self._path = path

    def deliver(self, event: AlertEvent) -> None:
        """See `Sink.deliver`."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                file.write(event.to_bytes() + b"\n")
        except OSError as error:
            raise DeliveryError(f"{self._path}: {error.strerror}", retryable=True) from None

    def close(self) -> None:
        """Nothing is held open."""
