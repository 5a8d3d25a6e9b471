"""Which sink is told, and that names and errors give no secret away."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from services.alerts.delivery import PATIENCE_S
from services.alerts.lifecycle import AlertBook
from services.alerts.routing import concerns
from services.alerts.sinks import open_sinks
from services.alerts.sinks.webhook import TIMEOUT_S, Sink
from shared.bus.kafka_settings import MAX_POLL_MS
from shared.bus.memory_state import MAX_POLL_S
from shared.catalogue import SEVERITIES
from shared.exceptions import ConfigError
from shared.site import JsonLinesSink, WebhookSink
from tests.alerting import event, life, verdict

HOOK = "https://user:hunter2@hooks.example/services/T0KEN?key=T0KEN"


def _told(sink: JsonLinesSink | WebhookSink, **changes: object) -> bool:
    return concerns(sink, event(**changes))


def test_a_sink_is_told_from_its_severity_on() -> None:
    sinks = {least: JsonLinesSink(type="jsonl", path=Path("a"), min_severity=least) for least in SEVERITIES}
    told = {
        least: [severity for severity in SEVERITIES if _told(sink, severity=severity)] for least, sink in sinks.items()
    }
    assert told == {
        "info": ["info", "warning", "critical"],
        "warning": ["warning", "critical"],
        "critical": ["critical"],
    }


@pytest.mark.parametrize("sink", [JsonLinesSink(type="jsonl", path=Path("a")), WebhookSink(type="webhook", url=HOOK)])
def test_a_replay_reaches_no_sink_of_a_site(sink: JsonLinesSink | WebhookSink) -> None:
    assert _told(sink)
    assert not _told(sink, run="last-night")


def test_of_a_dismissed_alert_a_sink_hears_that_it_was_and_no_more_until_that_is_taken_back() -> None:
    sink, book = JsonLinesSink(type="jsonl", path=Path("a"), min_severity="warning"), AlertBook()
    opening, update, closing = life("a1")
    made = [
        book.apply(opening, []), book.judge(verdict("a1", "dismissed")), book.apply(update, []),
        book.judge(verdict("a1", "acknowledged")), book.judge(verdict("a1", "dismissed")), book.apply(closing, []),
    ]  # fmt: skip
    told = [(item.change, item.alert.status) for item in made if item is not None and concerns(sink, item)]
    assert told == [
        ("opened", "open"), ("dismissed", "dismissed"), ("acknowledged", "acknowledged"), ("dismissed", "dismissed"),
    ]  # fmt: skip


def test_names_are_stable_distinct_and_without_secrets() -> None:
    configs = [
        WebhookSink(type="webhook", url=HOOK, secret=SecretStr("s3cret")),
        WebhookSink(type="webhook", url=HOOK, min_severity="critical"),
        JsonLinesSink(type="jsonl", path=Path("a.jsonl")),
        JsonLinesSink(type="jsonl", path=Path("b.jsonl")),
    ]
    names = [sink.name for _, sink in open_sinks(configs)]
    assert names == [sink.name for _, sink in open_sinks(configs)]
    assert len(set(names)) == 4
    assert [name.split("-")[0] for name in names] == ["webhook", "webhook", "jsonl", "jsonl"]
    assert not any(
        word in text for text in (*names, repr(Sink(HOOK, "s3cret"))) for word in ("hunter2", "T0KEN", "s3cret")
    )


@pytest.mark.parametrize(
    ("url", "secret"),
    [("http://[::1", None), ("http://", None), ("http:///hook", None), ("http://hooks.example:0/", None),
     ("http://user:hunter2@hooks.example:65536/T0KEN", None),
     (HOOK, ""), (HOOK, "whsec_"), (HOOK, "whsec_s3cret!"), (HOOK, "whsec_ünï")],
)  # fmt: skip
def test_a_sink_that_cannot_work_says_so_at_once_and_in_one_line(url: str, secret: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        Sink(url, secret)
    text = str(caught.value)
    assert "\n" not in text
    assert not any(word in text for word in ("hunter2", "T0KEN", "s3cret"))


def test_a_secret_that_is_empty_is_refused_where_the_site_has_it() -> None:
    """Else an environment variable that was never filled in would switch the signature off."""
    with pytest.raises(ConfigError, match="is empty"):
        open_sinks([WebhookSink(type="webhook", url=HOOK, secret=SecretStr(""))])


def test_a_delivery_ends_before_the_group_gives_the_alert_to_another_instance() -> None:
    """Else the one that takes over starts all over again, and so on without end."""
    assert min(MAX_POLL_MS / 1000, MAX_POLL_S) > PATIENCE_S + TIMEOUT_S
