"""Where alerts go: one file per technology, each with a `Sink` that has the same inner names."""

from collections import Counter
from collections.abc import Iterable
from typing import Protocol

from services.alerts.lifecycle import AlertEvent
from services.alerts.sinks import jsonl, webhook
from shared.site import JsonLinesSink
from shared.site import Sink as SinkConfig


class Sink(Protocol):
    """A place that alerts are delivered to. One thread delivers; `abort` may be called from another.

    Attributes:
        name: stable over restarts, without secrets; names the consumer group and the metric.
    """

    name: str

    def deliver(self, event: AlertEvent) -> None:
        """Hand over one event; returns when the sink has it.

        Raises:
            DeliveryError: it was refused, or could not be reached.
        """

    def abort(self) -> None:
        """Give up a delivery that is under way, and all later ones, within a moment."""

    def close(self) -> None:
        """Release what it holds."""


def open_sinks(configs: Iterable[SinkConfig]) -> list[tuple[SinkConfig, Sink]]:
    """The sinks that a site's entries describe; entries with one target get names of their own.

    Raises:
        ConfigError: a URL or secret that cannot be used.
    """
    opened = [(config, _open(config)) for config in configs]
    seen: Counter[str] = Counter()
    for _, sink in opened:
        seen[sink.name] += 1
        if seen[sink.name] > 1:
            sink.name = f"{sink.name}-{seen[sink.name]}"
    return opened


def _open(config: SinkConfig) -> Sink:
    if isinstance(config, JsonLinesSink):
        return jsonl.Sink(config.path)
    return webhook.Sink(config.url, config.secret.get_secret_value() if config.secret is not None else None)
