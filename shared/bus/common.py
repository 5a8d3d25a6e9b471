"""What both buses do alike: the partition of a key, the limit on a message's size, the keyless rotation."""

import itertools
import struct
from collections.abc import Mapping

from shared.exceptions import BusError

# The largest message: a frame of 36 megapixels as JPEG of good quality stays below.
MAX_MESSAGE_BYTES = 8 << 20
# Batch header, record fields and length prefixes of Kafka's record format v2, rounded up.
RECORD_OVERHEAD = 128
HEADER_OVERHEAD = 10
_WORD = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The 32-bit hash of Kafka's default partitioner, 0 to 2**32 - 1.

    Austin Appleby's MurmurHash2 with Kafka's seed; org.apache.kafka.common.utils.Utils.murmur2.
    """
    mixer = 0x5BD1E995
    value = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for (word,) in struct.iter_unpack("<I", data[:whole]):
        word = (word * mixer) & _WORD
        word ^= word >> 24
        value = ((value * mixer) & _WORD) ^ ((word * mixer) & _WORD)
    if rest := data[whole:]:
        value = ((value ^ int.from_bytes(rest, "little")) * mixer) & _WORD
    value ^= value >> 13
    value = (value * mixer) & _WORD
    return value ^ (value >> 15)


def partition_for(key: str, partitions: int) -> int:
    """The partition of a key, as Kafka's default partitioner computes it.

    >>> partition_for("a2-km41", 12)
    5
    """
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions


def message_bytes(key: str | None, value: bytes | None, headers: Mapping[str, bytes]) -> int:
    """Upper bound of the bytes that a message takes on the wire and in the log."""
    size = RECORD_OVERHEAD + len(value or b"") + (len(key.encode()) if key else 0)
    return size + sum(len(name.encode()) + len(data) + HEADER_OVERHEAD for name, data in headers.items())


def check_message(topic: str, key: str | None, value: bytes | None, headers: Mapping[str, bytes]) -> int:
    """Validate a message before it is queued.

    Returns:
        Its size in bytes.

    Raises:
        BusError: too large, or neither key nor value.
    """
    if key is None and value is None:
        raise BusError(f"topic {topic}: a message needs a key or a value")
    size = message_bytes(key, value, headers)
    if size > MAX_MESSAGE_BYTES:
        raise BusError(f"topic {topic}: a message of {size} bytes is over the limit of {MAX_MESSAGE_BYTES} bytes")
    return size


class Rotation:
    """Spreads messages without a key over the partitions in turn; safe to share between threads."""

    def __init__(self) -> None:
        self._count = itertools.count()  # next() on it is atomic

    def next(self, partitions: int) -> int:
        """The partition of the next message without a key."""
        return next(self._count) % partitions
