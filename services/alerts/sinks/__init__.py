"""Where alerts go: one file per technology, each with a `Sink` that has `name`, `deliver` and `close`."""

from typing import Protocol

from services.alerts.lifecycle import AlertEvent
from services.alerts.sinks import jsonl, webhook
from shared.site import JsonLinesSink
from shared.site import Sink as SinkConfig


class Sink(Protocol):
    """A place that alerts are delivered to.

    Attributes:
        name: stable over restarts, without secrets; names the consumer group and the metric.
    """

    name: str

    def deliver(self, event: AlertEvent) -> None:
        """Hand over one event; returns when the sink has it.

        Raises:
            DeliveryError: it was refused, or could not be reached.
        """

    def close(self) -> None:
        """Release what it holds."""


def open_sink(config: SinkConfig) -> Sink:
    """The sink that a site's entry describes."""
    if isinstance(config, JsonLinesSink):
        return jsonl.Sink(config.path)
    return webhook.Sink(config.url, config.secret.get_secret_value() if config.secret else None)
