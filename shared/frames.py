"""The frame message: a JPEG as value, everything else in headers."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.bus.base import Record
from shared.exceptions import PoisonMessageError
from shared.messages import FrameRef

SCHEMA = "wayside.frame/1"


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of one camera.

    Attributes:
        jpeg: as the camera gave it, or as the producer encoded it.
        seq: counts the camera's analysed frames since its producer started.
        captured_at: UTC ns.
        width: pixels.
        height: pixels.
        run: id of the replay or batch; None when live.
        traceparent: W3C Trace Context, level 1.
    """

    camera: str
    seq: int
    captured_at: int
    width: int
    height: int
    jpeg: bytes
    run: str | None = None
    traceparent: str | None = None

    def headers(self) -> dict[str, bytes]:
        """The message's headers, UTF-8."""
        fields = {
            "schema": SCHEMA,
            "camera": self.camera,
            "seq": str(self.seq),
            "captured_at": str(self.captured_at),
            "width": str(self.width),
            "height": str(self.height),
            "run": self.run,
            "traceparent": self.traceparent,
        }
        return {name: value.encode() for name, value in fields.items() if value is not None}

    @classmethod
    def from_record(cls, record: Record) -> "Frame":
        """Parse a message of the frames topic.

        Raises:
            PoisonMessageError: empty value, or a header that is missing or malformed.
        """
        if not record.value:
            raise PoisonMessageError("empty-message", "a frame needs a JPEG as value")
        schema = _text(record.headers, "schema")
        if schema != SCHEMA:
            raise PoisonMessageError("bad-schema", f"header schema is {schema!r}, not {SCHEMA!r}")
        return cls(
            camera=_text(record.headers, "camera"),
            seq=_number(record.headers, "seq"),
            captured_at=_number(record.headers, "captured_at"),
            width=_number(record.headers, "width"),
            height=_number(record.headers, "height"),
            jpeg=record.value,
            run=_text(record.headers, "run") if "run" in record.headers else None,
            traceparent=_text(record.headers, "traceparent") if "traceparent" in record.headers else None,
        )


def frame_ref(record: Record, captured_at: int) -> FrameRef:
    """The address of a frame in the log."""
    return FrameRef(topic=record.topic, partition=record.partition, offset=record.offset, captured_at=captured_at)


def _text(headers: Mapping[str, bytes], name: str) -> str:
    try:
        return headers[name].decode()
    except KeyError:
        raise PoisonMessageError("bad-header", f"header {name!r} is missing") from None
    except UnicodeDecodeError:
        raise PoisonMessageError("bad-header", f"header {name!r} is not UTF-8") from None


def _number(headers: Mapping[str, bytes], name: str) -> int:
    text = _text(headers, name)
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise PoisonMessageError("bad-header", f"header {name!r} is {text[:40]!r}, not a whole number")
    return int(text)
