"""The analyzer's state as it is kept on the topic checkpoints."""

from typing import Literal

from pydantic import Field

from shared.clock import Ns
from shared.messages import Message


class CameraState(Message):
    """What the analyzer knows of one camera in one run."""

    camera: str
    run: str | None = None
    touched_at: Ns = Field(description="when the camera's last message was processed, by the worker's clock")
    state: str = Field(description="JSON, deflated (RFC 1950), as base64; private to the analyzer")


class Checkpoint(Message):
    """The analyzer's state of one partition, true as of one input offset: one message, so never half of it."""

    schema_: Literal["wayside.checkpoint/1"] = Field("wayside.checkpoint/1", alias="schema")
    topic: str
    partition: int
    offset: int = Field(ge=0, description="the first message of the partition that the state does not hold yet")
    last_key: str | None = Field(None, description="key of the message before it; with its time, it names the log")
    last_timestamp_ms: int | None = None
    cameras: list[CameraState] = Field(description="the camera that was quiet longest first")
