"""Checkpoints: the analyzer's state of one partition of one input together with the offset that it is true for.

Order of a batch:       publish tracks, incidents, lane statistics, turnarounds → flush → commit the offset
Order of a checkpoint:  (all of the above for every message before its offset) → store the checkpoint → flush

A new owner goes on at the checkpoint's offset, not at the committed one: the commit says what has been published,
the checkpoint what the state holds. It is at most `checkpoint_s` behind; what is done again gives the same messages
with the same ids and revisions, and readers drop them. Before a partition's first message is processed it has a
checkpoint, if only an empty one, so there is never a commit without one.

A worker that lost its partition without noticing may store a checkpoint late. It has a lower offset than the new
owner's, so the highest offset wins; and should compaction leave only the late one, it is an older but true state,
and reading goes on from its own offset.
"""

import base64
import binascii
import zlib
from collections.abc import Iterable

from pydantic import JsonValue
from pydantic_core import from_json, to_json

from shared import topics
from shared.bus.base import Bus, Partition, Producer, Record
from shared.checkpoint import CameraState, Checkpoint
from shared.exceptions import PoisonMessageError
from shared.telemetry import metrics
from shared.telemetry.logs import logger

_SERVICE = "analyzer"
# The quickest: most of a state are zeros and repeated names, which any level takes out.
_LEVEL = 1
# The bus takes 8 MiB; 50 cameras of 20 tracks, as many as one worker can follow, have less than 1 MiB.
_MOST_BYTES = 7 << 20


def encode(state: JsonValue) -> str:
    """A state as it stands in the message; floats come back as the same numbers."""
    return base64.b64encode(zlib.compress(to_json(state, inf_nan_mode="constants"), _LEVEL)).decode()


def decode(text: str) -> JsonValue:
    """The way back.

    Raises:
        ValueError: the text is no encoded state.
    """
    try:
        state: JsonValue = from_json(zlib.decompress(base64.b64decode(text, validate=True)))
    except (zlib.error, binascii.Error) as error:
        raise ValueError(f"not an encoded state: {error}") from None
    return state


def store(producer: Producer, checkpoint: Checkpoint, now_ms: int) -> None:
    """Store a checkpoint; the outputs of every message before its offset must be flushed already.

    Args:
        now_ms: the wall clock's time: a checkpoint is no event, and belongs to cameras of any event time.

    Raises:
        BusError: it was not stored.
    """
    value = checkpoint.to_bytes()
    producer.send(topics.CHECKPOINTS, value, key=_key((checkpoint.topic, checkpoint.partition)), timestamp_ms=now_ms)
    producer.flush()
    metrics.CHECKPOINT_BYTES.observe(len(value))


def load(bus: Bus, partition: Partition) -> tuple[Checkpoint | None, bool]:
    """The newest checkpoint of a partition, and whether its offset is one of the log that is there now.

    The offset is none when the topic was deleted and made anew: then the cameras' states still live on, in event
    time, but where to read is up to the group's commit.
    """
    found = list(_parse(bus.read_key(topics.CHECKPOINTS, _key(partition))))
    end = bus.end_offsets(partition[0]).get(partition[1], 0)
    for checkpoint in sorted(found, key=lambda item: item.offset, reverse=True):
        # An empty one of a log's beginning names no message: it counts only while it is the last word.
        known = checkpoint.last_timestamp_ms is not None or checkpoint is found[-1]
        if known and _same_log(bus, checkpoint, end):
            return checkpoint, True
    return (found[-1], False) if found else (None, False)


def fitting(states: Iterable[CameraState]) -> list[CameraState]:
    """What one message can hold, in order; live cameras come before replays when room is short."""
    states = list(states)
    room, kept = _MOST_BYTES, set()
    for item in sorted(states, key=lambda item: item.run is not None):
        room -= len(item.state) + 500
        if room < 0:
            metrics.CHECKPOINT_STATES.labels("dropped", "too-large").inc()
            logger(_SERVICE).error("state does not fit into the checkpoint", camera=item.camera, run=item.run)
        else:
            kept.add((item.camera, item.run))
    return [item for item in states if (item.camera, item.run) in kept]


def _key(partition: Partition) -> str:
    return f"{partition[0]}/{partition[1]}"


def _parse(records: Iterable[Record]) -> Iterable[Checkpoint]:
    for record in records:
        try:
            yield Checkpoint.from_bytes(record.value)
        except PoisonMessageError as error:
            metrics.CHECKPOINT_STATES.labels("dropped", "checkpoint").inc()
            logger(_SERVICE).warning("checkpoint not readable", offset=record.offset, reason=str(error))


def _same_log(bus: Bus, checkpoint: Checkpoint, end: int) -> bool:
    if checkpoint.offset > end:
        return False
    before = bus.read(checkpoint.topic, checkpoint.partition, checkpoint.offset - 1) if checkpoint.offset else None
    if before is None or checkpoint.last_timestamp_ms is None:
        return True  # retention has removed it: nothing before the offset is left that could be read again
    return (before.key, before.timestamp_ms) == (checkpoint.last_key, checkpoint.last_timestamp_ms)
