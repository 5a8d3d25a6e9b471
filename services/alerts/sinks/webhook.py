"""Alerts posted to a URL as structured CloudEvents, signed as Standard Webhooks 1.0 says."""

import asyncio
import base64
import binascii
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
from standardwebhooks import Webhook

from services.alerts.lifecycle import CONTENT_TYPE, AlertEvent
from services.alerts.sinks.base import DeliveryError, sink_name
from shared.exceptions import ConfigError

# One attempt as a whole. A receiver needs milliseconds to take an alert in; one that needs more than 10 s is
# overloaded, and the alerts behind this one wait meanwhile.
TIMEOUT_S = 10.0
# How soon an attempt that is under way notices `abort`.
_NOTICE_S = 0.1
# Refusals that a later attempt may turn into an acceptance.
_RETRY_STATUS = frozenset({408, 425, 429})
_PREFIX = "whsec_"
# httpx accepts larger ones, and connecting fails with an error that is not its own.
_PORTS = range(1, 65536)
_MALFORMED = "sinks: the url of a webhook is malformed; http(s)://HOST[:PORT]/PATH"


class Sink:
    """Posts one event at a time; the receiver drops repeats by `webhook-id`, which is the event's id.

    The path and query of a webhook's URL are often its password, so messages name only scheme, host and port.

    Raises:
        ConfigError: the URL is malformed, or the secret is empty, or starts with `whsec_` and is not base64.
    """

    def __init__(self, url: str, secret: str | None, *, timeout_s: float = TIMEOUT_S) -> None:
        self.name = sink_name("webhook", url)
        try:
            target = httpx.URL(url)
        except httpx.InvalidURL:
            raise ConfigError(_MALFORMED) from None
        if not target.host or (target.port is not None and target.port not in _PORTS):
            raise ConfigError(_MALFORMED)
        self._url, self._place = target, f"{target.scheme}://{target.netloc.decode()}"
        self._signer = Webhook(_key(secret, self._place)) if secret is not None else None
        self._timeout_s = timeout_s
        self._aborted = threading.Event()
        # The synchronous client bounds each read, not the whole: a receiver that drips bytes would hold it for ever.
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._client = httpx.AsyncClient(timeout=timeout_s)

    def __repr__(self) -> str:
        return f"webhook.Sink({self._place!r})"

    def deliver(self, event: AlertEvent) -> None:
        """See `Sink.deliver`."""
        body = event.to_bytes().decode()
        now = datetime.now(UTC)  # of the attempt, as the scheme wants it: receivers refuse old timestamps
        headers = {
            "content-type": CONTENT_TYPE,
            "webhook-id": event.id,
            "webhook-timestamp": str(int(now.timestamp())),
        }
        if self._signer is not None:
            headers["webhook-signature"] = self._signer.sign(event.id, now, body)
        try:
            response = self._runner.run(self._post(body, headers))
        except (httpx.HTTPError, UnicodeError) as error:  # UnicodeError: a host name that cannot be looked up
            raise DeliveryError(f"{type(error).__name__} at {self._place}", retryable=True) from None
        if response.is_success:
            return
        status = response.status_code
        raise DeliveryError(
            f"{self._place} answered {status}",
            retryable=status in _RETRY_STATUS or not response.is_client_error,
            retry_after_s=_retry_after(response.headers.get("retry-after"), now),
        )

    async def _post(self, body: str, headers: Mapping[str, str]) -> httpx.Response:
        request = asyncio.create_task(self._send(body, headers))
        deadline = time.monotonic() + self._timeout_s
        while not request.done() and not self._aborted.is_set() and time.monotonic() < deadline:
            await asyncio.wait({request}, timeout=_NOTICE_S)
        if not request.done():
            request.cancel()
            await asyncio.wait({request})
            raise DeliveryError(f"no answer from {self._place} within {self._timeout_s:.3g} s", retryable=True)
        return request.result()

    async def _send(self, body: str, headers: Mapping[str, str]) -> httpx.Response:
        async with self._client.stream("POST", self._url, content=body, headers=headers) as response:
            return response  # the status says it all; a body may be endless

    def abort(self) -> None:
        """See `Sink.abort`."""
        self._aborted.set()

    def close(self) -> None:
        """Close the connections."""
        self._runner.run(self._client.aclose())
        self._runner.close()


def _key(secret: str, place: str) -> bytes:
    """The signing key: `whsec_` and base64, as the scheme writes secrets, or the bytes of any other text."""
    if not secret:  # as an environment variable that was never filled in would have it
        raise ConfigError(f"sinks: the secret of the webhook at {place} is empty; leave it out to send unsigned")
    if not secret.startswith(_PREFIX):
        return secret.encode()
    text = secret.removeprefix(_PREFIX).rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ConfigError(f"sinks: the secret of the webhook at {place} starts with whsec_ but is not base64 after it")
    return key


def _retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds from a Retry-After header (RFC 9110, section 10.2.3): a number or a date."""
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (TypeError, ValueError, OverflowError):  # OverflowError: a number that no date holds
        return None
