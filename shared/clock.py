"""Event time and deterministic ids.

Time inside Wayside is an integer count of nanoseconds since 1970-01-01T00:00:00Z (UTC), taken from the
capture time of the frame, never from the wall clock.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field

NS = 1_000_000_000
# UTC ns. 19 digits reach to the year 2286; larger numbers are no time and would overflow the calendar.
Ns = Annotated[int, Field(ge=0, lt=10**19)]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ns(seconds: float) -> int:
    """Seconds to nanoseconds, rounded to the nearest.

    >>> to_ns(1.5)
    1500000000
    """
    return round(seconds * NS)


def to_rfc3339(ns: int) -> str:
    """UTC nanoseconds as RFC 3339 with microseconds.

    >>> to_rfc3339(1_500_000_000)
    '1970-01-01T00:00:01.500000Z'
    """
    stamp = _EPOCH + timedelta(microseconds=ns // 1000)
    return stamp.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"


def from_rfc3339(text: str) -> int:
    """RFC 3339 (or a date-time that `datetime.fromisoformat` reads) as UTC nanoseconds; without zone means UTC.

    Raises:
        ValueError: the text is no date-time.
    """
    stamp = datetime.fromisoformat(text)
    if stamp.tzinfo is None:
        stamp = stamp.replace(tzinfo=UTC)
    return (stamp - _EPOCH) // timedelta(microseconds=1) * 1000


def in_words(ns: int) -> str:
    """A length of time for a person.

    >>> in_words(2_500_000_000), in_words(240 * NS), in_words(9000 * NS)
    ('2.5 s', '4 min', '2 h 30 min')
    """
    seconds = ns / NS
    if seconds < 120:
        return f"{seconds:.1f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def incident_id(
    run: str | None, site: str, camera: str, zone: str, incident: str, started_at: int, ordinal: int = 0
) -> str:
    """The same cause gives the same id in every run of the same stream, so a consumer can drop repeats.

    Args:
        run: replay or batch id; None when live.
        started_at: UTC ns at which the cause began.
        ordinal: tells apart two objects of one zone that began on the same frame.

    Returns:
        20 hexadecimal digits (80 bits of SHA-256).
    """
    parts = [run or "", site, camera, zone, incident, str(started_at)]
    if ordinal:
        parts.append(str(ordinal))
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:20]
