"""What is asked of the training service, and what it tells."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from shared.clock import Ns
from shared.messages import Message

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
# Below the trainer's own folder; nothing that leads out of it.
Folder = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$")]
Start = Annotated[str, Field(pattern=r"^(models:/)?[A-Za-z0-9][A-Za-z0-9_.@-]*(/[0-9]+)?$")]


class TrainingRequest(Message):
    """One training. The same `request_id` again is the same training: what has finished is not trained twice."""

    model_config = ConfigDict(extra="forbid")

    schema_: Literal["wayside.training-request/1"] = Field("wayside.training-request/1", alias="schema")
    request_id: Name
    kind: Literal["detector", "head"]
    name: Name = Field(description="of the model; its new version becomes the candidate")
    data: list[Folder] = Field(min_length=1, description="folders below the trainer's WAYSIDE_DATASETS")
    start: Start | None = Field(None, description="weights to begin from: a name, or models:/NAME@ALIAS")
    epochs: int | None = Field(None, ge=1, le=10_000)
    lr: float | None = Field(None, gt=0, le=0.1)
    imgsz: int | None = Field(None, ge=160, le=1920)
    seed: int | None = Field(None, ge=0)


class TrainingProgress(Message):
    """How a training stands; the last one of a request stays."""

    schema_: Literal["wayside.training-progress/1"] = Field("wayside.training-progress/1", alias="schema")
    request_id: str
    status: Literal["running", "finished", "failed"]
    at: Ns = Field(description="by the trainer's clock")
    epoch: int | None = Field(None, description="that has ended")
    epochs: int | None = None
    model: str | None = Field(None, description="the version that it made, such as wayside-n@4")
    text: str = Field("", description="the training's last line; when it failed, the reason")
