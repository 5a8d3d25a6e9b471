"""Redis: the latest result per camera, the alert view and the services' heartbeats. A cache, never the truth.

Keys:
    wayside:latest:<camera>      JSON of the camera's latest `Detections`, with expiry
    wayside:alerts               hash alert id → JSON of `Alert`
    wayside:alerts:rebuilt       mark that the view is whole; gone after a flush, so it is rebuilt
    wayside:memory:<camera>      snapshot of how the camera's road looks empty, a few MB, with expiry
    wayside:view:<camera>        snapshot of the camera's reference view, some tens of KB, with expiry
    wayside:service:<name>:<id>  JSON heartbeat of one process, with expiry
"""

import json
import time
from collections.abc import Iterable
from typing import Any, Literal, Self

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from shared.exceptions import ConfigError, StoreError
from shared.messages import Alert, Detections
from shared.telemetry.health import Health
from shared.telemetry.logs import redact

ALERTS = "wayside:alerts"
REBUILT = "wayside:alerts:rebuilt"
SnapshotKind = Literal["memory", "view"]
# What nobody looked at for longer is learned anew: lines are painted and cameras cleaned.
_SNAPSHOT_EXPIRY_S = 14 * 86400
# Three missed beats of 3 s: the console then shows the service as gone.
HEARTBEAT_EXPIRY_S = 10


class Store:
    """Typed access to Redis.

    Raises (every method): StoreError when Redis does not answer.
    """

    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client

    @classmethod
    def connect(cls, url: str) -> Self:
        """Connect and check that Redis answers.

        Raises:
            ConfigError: not a Redis URL.
            StoreError: nothing answers there.
        """
        try:
            client = redis.Redis.from_url(
                url,
                socket_timeout=5,  # a cache that takes longer is as good as down
                socket_connect_timeout=5,
                retry=Retry(ExponentialBackoff(cap=1, base=0.1), 2),
            )
        except ValueError as error:
            raise ConfigError(f"setting redis (WAYSIDE_REDIS): {redact(url)}: {error}") from None
        store = cls(client)
        store.ping()
        return store

    def ping(self) -> None:
        """Check that Redis answers."""
        self._do("ping")

    def _do(self, command: str, *args: Any, **options: Any) -> Any:
        try:
            return getattr(self._redis, command)(*args, **options)
        except redis.RedisError as error:
            raise StoreError(f"Redis does not answer: {redact(str(error))}; is it running at WAYSIDE_REDIS?") from None

    def put_latest(self, results: Iterable[Detections], expiry_s: int) -> None:
        """Keep each camera's latest detections, in one round trip."""
        pipeline = self._redis.pipeline(transaction=False)
        for result in results:
            pipeline.set(f"wayside:latest:{result.camera}", result.to_bytes(), ex=expiry_s)
        try:
            pipeline.execute()
        except redis.RedisError as error:
            raise StoreError(f"Redis does not answer: {redact(str(error))}") from None

    def latest(self, cameras: list[str]) -> dict[str, Detections]:
        """The latest detections of the cameras that have some."""
        if not cameras:
            return {}
        values = self._do("mget", [f"wayside:latest:{camera}" for camera in cameras])
        return {c: Detections.from_bytes(v) for c, v in zip(cameras, values, strict=True) if v}

    def put_snapshot(self, kind: SnapshotKind, camera: str, snapshot: bytes) -> None:
        """Keep what a detector has learned of a camera."""
        self._do("set", f"wayside:{kind}:{camera}", snapshot, ex=_SNAPSHOT_EXPIRY_S)

    def snapshot(self, kind: SnapshotKind, camera: str) -> bytes | None:
        """What was learned of a camera; None where there is nothing."""
        value: bytes | None = self._do("get", f"wayside:{kind}:{camera}")
        return value

    def put_alert(self, alert: Alert) -> None:
        """Insert or replace one alert of the view."""
        self._do("hset", ALERTS, alert.alert_id, alert.to_bytes())

    def rebuild_alerts(self, alerts: Iterable[Alert]) -> None:
        """Replace the whole view in one transaction, and mark it whole."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.delete(ALERTS)
        for alert in alerts:
            pipeline.hset(ALERTS, alert.alert_id, alert.to_bytes())
        pipeline.set(REBUILT, "1")
        try:
            pipeline.execute()
        except redis.RedisError as error:
            raise StoreError(f"Redis does not answer: {redact(str(error))}") from None

    def alerts_whole(self) -> bool:
        """False after a flush, until the view is rebuilt."""
        return bool(self._do("exists", REBUILT))

    def alerts(self) -> list[Alert]:
        """All alerts of the view, newest detection first."""
        found = [Alert.from_bytes(value) for value in self._do("hvals", ALERTS)]
        return sorted(found, key=lambda alert: (alert.detected_at, alert.alert_id), reverse=True)

    def alert(self, alert_id: str) -> Alert | None:
        """One alert of the view."""
        value = self._do("hget", ALERTS, alert_id)
        return Alert.from_bytes(value) if value else None

    def beat(self, health: Health, instance: str) -> None:
        """Publish a service's state for the console."""
        body = {
            "service": health.service,
            "instance": instance,
            "state": health.state if health.live() else "hung",
            "detail": health.detail,
        }
        body["at"] = str(time.time_ns())
        self._do("set", f"wayside:service:{health.service}:{instance}", json.dumps(body), ex=HEARTBEAT_EXPIRY_S)

    def services(self) -> list[dict[str, str]]:
        """The heartbeats that have not expired, by service and instance."""
        try:  # scan_iter is lazy: it fails while it is iterated, outside _do
            keys = sorted(self._redis.scan_iter(match="wayside:service:*", count=200))
        except redis.RedisError as error:
            raise StoreError(f"Redis does not answer: {redact(str(error))}") from None
        values = self._do("mget", keys) if keys else []
        return [json.loads(value) for value in values if value]

    def close(self) -> None:
        """Release the connections."""
        self._redis.close()
