"""Alerts posted to a URL as structured CloudEvents, signed as Standard Webhooks 1.0 says."""

import base64
import binascii
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
from standardwebhooks import Webhook

from services.alerts.lifecycle import CONTENT_TYPE, AlertEvent
from services.alerts.sinks.base import DeliveryError, sink_name
from shared.telemetry.logs import redact

# A receiver that has not answered in 10 s is overloaded; Standard Webhooks recommends 15 to 30 s at most.
_TIMEOUT_S = 10.0
# Refusals that a later attempt may turn into an acceptance.
_RETRY_STATUS = frozenset({408, 425, 429})


class Sink:
    """Posts one event at a time; the receiver drops repeats by `webhook-id`, which is the event's id."""

    def __init__(self, url: str, secret: str | None, transport: httpx.BaseTransport | None = None) -> None:
        self.name = sink_name("webhook", url)
        self._url = url
        self._signer = Webhook(_key(secret)) if secret else None
        self._client = httpx.Client(timeout=_TIMEOUT_S, transport=transport)

    def __repr__(self) -> str:
        return f"webhook.Sink({redact(self._url)!r})"

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
            response = self._client.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise DeliveryError(f"{type(error).__name__} at {redact(self._url)}", retryable=True) from None
        if response.is_success:
            return
        status = response.status_code
        raise DeliveryError(
            f"{redact(self._url)} answered {status}",
            retryable=status in _RETRY_STATUS or status >= 500,
            retry_after_s=_retry_after(response.headers.get("retry-after"), now),
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _key(secret: str) -> bytes:
    """The signing key: `whsec_` and base64, as the scheme writes secrets, or the bytes of any other text."""
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_") + "==", validate=False)
        except binascii.Error:
            pass
    return secret.encode()


def _retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds from a Retry-After header (RFC 9110, section 10.2.3): a number or a date."""
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (TypeError, ValueError):
        return None
