"""Asking the training service, and following what it tells."""

import time
from collections.abc import Iterator, Mapping
from uuid import uuid4

from pydantic import ValidationError
from rich.console import Console

from shared import topics
from shared.bus.base import Bus
from shared.bus.kafka import KafkaBus
from shared.exceptions import ConfigError
from shared.training import TrainingProgress, TrainingRequest


def ask(bus: Bus, request: TrainingRequest) -> None:
    """Send a request.

    Raises:
        BusError: it was not stored.
    """
    bus.ensure_topics(topics.SPECS)
    producer = bus.producer()
    now_ms = time.time_ns() // 1_000_000
    producer.send(topics.TRAINING_REQUESTS, request.to_bytes(), key=request.request_id, timestamp_ms=now_ms)
    producer.close()


def follow(bus: Bus, request_id: str, since_ns: int = 0) -> Iterator[TrainingProgress]:
    """What is told of one request from a time on (UTC ns), until it has ended."""
    consumer = bus.consumer([topics.TRAINING_PROGRESS], group=None)
    try:
        while True:
            for record in consumer.poll(500, timeout_s=0.5):
                if record.key != request_id:
                    continue
                progress = TrainingProgress.from_bytes(record.value)
                if progress.at < since_ns:
                    continue
                yield progress
                if progress.status != "running":
                    return
    finally:
        consumer.close()


def run_request(kafka: str, values: Mapping[str, object], *, follow_it: bool) -> bool:
    """`wayside train request`; False when the training that was followed has failed.

    Raises:
        ConfigError: a value that does not fit.
    """
    given = {key: value for key, value in values.items() if value is not None}
    try:
        request = TrainingRequest.model_validate({"request_id": f"{given['name']}-{uuid4().hex[:8]}", **given})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "request"
        raise ConfigError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None
    console, since = Console(), time.time_ns()
    bus = KafkaBus(kafka)
    try:
        ask(bus, request)
        console.print(request.request_id, highlight=False)
        last = None
        for last in follow(bus, request.request_id, since) if follow_it else ():
            told = [last.status, last.model or "", f"epoch {last.epoch} of {last.epochs}" if last.epoch else last.text]
            console.print(": ".join(part for part in told if part), highlight=False, soft_wrap=True)
        return last is None or last.status != "failed"
    finally:
        bus.close()
