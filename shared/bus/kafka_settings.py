"""How Wayside talks to Kafka: every size and time-out in one place, each with its reason."""

import socket
import time
from typing import Any

from shared.bus.base import TopicSpec
from shared.bus.common import MAX_MESSAGE_BYTES
from shared.exceptions import BusError, ConfigError

# Connecting takes milliseconds; 4 s of refused connections cover a broker that is just coming up. Together with
# the 4 s for the first answer an unreachable broker is told within 10 s.
CONNECT_S = 4.0
BOOTSTRAP_MS = 4_000
# One request. A broker that does not answer for 10 s is as good as down; Kafka's 30 s would stall a live picture.
REQUEST_MS = 10_000
# All retries of one message together. Flush waits as long by default, so it ends with an answer, not a time-out.
DELIVERY_MS = 25_000
# How long `send` may wait for room in the queue or for a topic's metadata.
SEND_S = 10.0
# Bytes sent and not yet acknowledged, per producer: 600 frames of 100 KB.
QUEUE_BYTES = 64 << 20
# Wait for more small messages to fill a request. 5 ms is invisible beside 100 ms between frames; a flush ends it.
LINGER_MS = 5
BATCH_BYTES = 64 << 10
# JPEG does not compress, and JSON is small beside it.
COMPRESSION = "none"

# A member that dies without a word (SIGKILL, power) is replaced after this long. Brokers allow 6 s at least
# (group.min.session.timeout.ms); 10 s leave room for a pause of the machine.
SESSION_MS = 10_000
# Also how fast the others notice that a member joins or leaves. Kafka asks for a third of the session or less.
HEARTBEAT_MS = 1_000
# A member that lives but has not polled for this long hangs; the same as the health check's patience.
MAX_POLL_MS = 60_000
# How long an empty fetch waits at the broker. While it waits, partitions that have just run dry here are not asked
# for, so this adds to their latency: 50 ms, against Kafka's 500.
FETCH_WAIT_MS = 50
# 512 KiB are 2 to 5 frames of a camera; more takes as much CPU per MB (docs/benchmarks.md). 16 MiB in all bound what a
# worker holds that another might do instead. A single message that is larger still comes through.
FETCH_PARTITION_BYTES = 512 << 10
FETCH_BYTES = 16 << 20
# How soon to ask again once the service has taken something of a full prefetch; librdkafka waits a second.
FETCH_BACKOFF_MS = 10

# What the broker accepts as one batch: the largest message and the batch around it.
BATCH_LIMIT_BYTES = MAX_MESSAGE_BYTES + (64 << 10)
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_FOR_EVER = -1


def connection(bootstrap: str) -> dict[str, Any]:
    """What every kind of client is made with."""
    return {
        "bootstrap.servers": bootstrap,
        "client.id": "wayside",
        "socket.timeout.ms": REQUEST_MS,
        "socket.nagle.disable": True,
        # Back-off after failed connections: at most a second, so that work goes on as soon as the broker is back.
        "reconnect.backoff.max.ms": 1_000,
        "enable.metrics.push": False,
        # Every failure that matters comes back as an exception and is told once; the client logs it at each retry.
        "log_level": 0,
    }


def producer_settings() -> dict[str, Any]:
    """Nothing acknowledged is lost, nothing is doubled by a retry, and order is kept."""
    return {
        "acks": "all",
        "enable.idempotence": True,  # implies endless retries within DELIVERY_MS, and order per partition
        "partitioner": "murmur2_random",  # as Java's clients: a camera stays in its partition whoever sends it
        "compression.type": COMPRESSION,
        "message.max.bytes": BATCH_LIMIT_BYTES,
        "batch.size": BATCH_BYTES,
        "linger.ms": LINGER_MS,
        "request.timeout.ms": REQUEST_MS,
        "delivery.timeout.ms": DELIVERY_MS,
        "queue.buffering.max.kbytes": QUEUE_BYTES >> 10,
    }


def consumer_settings() -> dict[str, Any]:
    """Manual commit, low latency, bounded prefetch."""
    return {
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "fetch.wait.max.ms": FETCH_WAIT_MS,
        "max.partition.fetch.bytes": FETCH_PARTITION_BYTES,
        "fetch.max.bytes": FETCH_BYTES,
        "queued.max.messages.kbytes": FETCH_BYTES >> 10,
        "fetch.queue.backoff.ms": FETCH_BACKOFF_MS,
        "check.crcs": True,
        "session.timeout.ms": SESSION_MS,
        "heartbeat.interval.ms": HEARTBEAT_MS,
        "max.poll.interval.ms": MAX_POLL_MS,
        "partition.assignment.strategy": "range",
        # Nobody writes transactions here (repeats are harmless by their ids), so there is nothing to hold back.
        "isolation.level": "read_uncommitted",
        "allow.auto.create.topics": False,
    }


def topic_configs(spec: TopicSpec) -> dict[str, str]:
    """The topic's configuration at the broker.

    Kafka deletes whole segments, so segments are an eighth of what is kept: retention then bites in steps.
    """
    configs: dict[str, int | float | str] = {
        "max.message.bytes": BATCH_LIMIT_BYTES,
        "message.timestamp.type": "CreateTime",
        # A camera whose clock runs ahead must not stop the pipeline: Kafka would refuse more than an hour.
        "message.timestamp.after.max.ms": 2**63 - 1,
    }
    if spec.compact and spec.latest_only:
        configs |= {
            "cleanup.policy": "compact",
            # Whoever reads such a topic reads it whole before it can work. Kafka never compacts the segment that it
            # writes, so a segment is as small as the largest batch allows and is closed after an hour at the latest.
            "segment.bytes": 2 * BATCH_LIMIT_BYTES,
            "segment.ms": _HOUR_MS,
            "min.cleanable.dirty.ratio": 0.2,
        }
    elif spec.compact:
        configs |= {
            "cleanup.policy": "compact",
            # A sink that is down for a day still gets each change, and not only the last.
            "min.compaction.lag.ms": _DAY_MS,
            "delete.retention.ms": _DAY_MS,
            "segment.ms": _DAY_MS,
            "segment.bytes": 64 << 20,
        }
    else:
        kept_ms = _FOR_EVER if spec.retention_s is None else spec.retention_s * 1000
        kept_bytes = _FOR_EVER if spec.retention_bytes is None else spec.retention_bytes
        configs |= {
            "cleanup.policy": "delete",
            "retention.ms": kept_ms,
            "retention.bytes": kept_bytes,
            "segment.ms": 7 * _DAY_MS if spec.retention_s is None else max(60_000, kept_ms // 8),
            "segment.bytes": 256 << 20
            if spec.retention_bytes is None
            else min(256 << 20, max(2 * BATCH_LIMIT_BYTES, kept_bytes // 8)),
        }
    return {name: str(value) for name, value in configs.items()}


def check_reachable(bootstrap: str, patience_s: float = CONNECT_S) -> None:
    """Wait until one of the brokers accepts a connection.

    Raises:
        ConfigError: not HOST:PORT[,HOST:PORT].
        BusError: none does in time.
    """
    addresses = [_address(bootstrap, part) for part in bootstrap.split(",")]
    deadline = time.monotonic() + patience_s
    reason = ""
    while True:
        for host, port in addresses:
            try:
                left = max(0.1, deadline - time.monotonic())
                socket.create_connection((host, port), timeout=left / len(addresses)).close()
                return
            except OSError as error:
                reason = error.strerror or str(error)
        if time.monotonic() + 0.2 >= deadline:
            raise unreachable(bootstrap, reason)
        time.sleep(0.2)


def unreachable(bootstrap: str, reason: str) -> BusError:
    """The one line for a broker that does not answer."""
    return BusError(f"Kafka does not answer at {bootstrap}: {reason}; is it running? (setting kafka, WAYSIDE_KAFKA)")


def _address(bootstrap: str, text: str) -> tuple[str, int]:
    host, colon, port = text.strip().rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigError(f"setting kafka (WAYSIDE_KAFKA): {bootstrap!r} is not HOST:PORT[,HOST:PORT]")
    return host.strip("[]"), int(port)
