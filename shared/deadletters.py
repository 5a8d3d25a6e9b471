"""Messages that can never be processed: kept with their reason, counted, never retried."""

import base64

from shared.bus.base import Producer, Record
from shared.exceptions import PoisonMessageError
from shared.messages import DeadLetter
from shared.telemetry import metrics
from shared.telemetry.logs import logger
from shared.topics import DEAD_LETTERS

# Enough of the value to see what it was; a 60-megapixel picture itself helps nobody in a log.
_KEEP_BYTES = 64 * 1024


def bury(producer: Producer, service: str, record: Record, error: PoisonMessageError) -> None:
    """Send a message to the dead-letter topic; the caller goes on and commits past it."""
    value = record.value or b""
    letter = DeadLetter(
        service=service,
        reason=error.reason,
        detail=error.detail,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        headers={name: data.decode(errors="replace") for name, data in record.headers.items()},
        size=len(value),
        value_base64=base64.b64encode(value[:_KEEP_BYTES]).decode(),
    )
    producer.send(DEAD_LETTERS, letter.to_bytes(), key=record.key, timestamp_ms=record.timestamp_ms)
    metrics.DEAD_LETTERS.labels(service, error.reason).inc()
    logger(service).warning(
        "dead letter", reason=error.reason, detail=error.detail, topic=record.topic,
        partition=record.partition, offset=record.offset,
    )  # fmt: skip
