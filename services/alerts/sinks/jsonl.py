"""Alerts appended to a file, one CloudEvent per line."""

import os
from pathlib import Path

from services.alerts.lifecycle import AlertEvent
from services.alerts.sinks.base import DeliveryError, sink_name


class Sink:
    """Appends one whole line at a time.

    It does not look for repeats: after a crash between line and commit the last line stands twice, with the same
    `id`. A line torn by a full disk or a power cut stays behind as it is, and the next one starts on a line of its own.
    """

    def __init__(self, path: Path) -> None:
        self.name = sink_name("jsonl", str(path))
        self._path = path

    def deliver(self, event: AlertEvent) -> None:
        """See `Sink.deliver`."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab+", buffering=0) as file:
                torn = file.tell() > 0 and file.seek(-1, os.SEEK_END) >= 0 and file.read(1) != b"\n"
                line = b"\n" * torn + event.to_bytes() + b"\n"
                if file.write(line) != len(line):
                    raise DeliveryError(f"{self._path}: the disk is full", retryable=True)
        except OSError as error:
            raise DeliveryError(f"{self._path}: {error.strerror or error}", retryable=True) from None

    def abort(self) -> None:
        """Appending takes no time."""

    def close(self) -> None:
        """Nothing is held open."""
