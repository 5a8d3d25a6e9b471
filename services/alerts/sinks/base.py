"""What all sinks share."""

import hashlib


class DeliveryError(Exception):
    """A delivery failed.

    Attributes:
        retryable: whether a later attempt may succeed.
        retry_after_s: how long the sink asked to wait, if it did.
    """

    def __init__(self, reason: str, *, retryable: bool, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retryable = retryable
        self.retry_after_s = retry_after_s


def sink_name(kind: str, target: str) -> str:
    """`webhook-1a2b3c4d`: stable for the same target and without what the target's address may hide."""
    return f"{kind}-{hashlib.sha256(target.encode()).hexdigest()[:8]}"
