"""What is asked of the training service, and what it tells."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from shared.clock import Ns
from shared.messages import Message

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
# Below the trainer's own folder; nothing that leads out of it.
_BELOW = r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*"
Folder = Annotated[str, Field(pattern=f"^{_BELOW}$")]
Start = Annotated[str, Field(pattern=r"^(models:/)?[A-Za-z0-9][A-Za-z0-9_.@-]*(/[0-9]+)?$")]
_CANDIDATE = rf"^(head|convnet|(vgg16|resnet(18|34|50|101|152))(={_BELOW})?)$"


def _candidate(text: str) -> str:
    if not re.fullmatch(_CANDIDATE, text):
        raise ValueError(
            f"{text!r}: known are head, convnet, vgg16, resnet18, resnet34, resnet50, resnet101 and resnet152, the "
            "networks also as NAME=FILE with a file of weights below the trainer's WAYSIDE_DATASETS"
        )
    return text


Candidate = Annotated[str, AfterValidator(_candidate), Field(json_schema_extra={"pattern": _CANDIDATE})]
# What only one of the two kinds of training knows.
_OF_DETECTORS = ("staged", "patience", "freeze", "batch", "repeat", "keep", "teach")
_OF_HEADS = ("degrade", "candidates", "schedule", "balance", "licence")


class TrainingRequest(Message):
    """One training. The same `request_id` again is the same training: what has finished is not trained twice.

    What is left out is as in `wayside train detector` or `wayside train head` without that option.
    """

    model_config = ConfigDict(extra="forbid")

    schema_: Literal["wayside.training-request/1"] = Field("wayside.training-request/1", alias="schema")
    request_id: Name
    kind: Literal["detector", "head"]
    name: Name = Field(description="of the model; its new version becomes the candidate")
    data: list[Folder] = Field(
        min_length=1, description="folders below the trainer's WAYSIDE_DATASETS; with `degrade` clips too"
    )
    start: Start | None = Field(None, description="weights to begin from: a name, or models:/NAME@ALIAS")
    epochs: int | None = Field(None, ge=1, le=10_000)
    lr: float | None = Field(None, gt=0, le=0.1)
    imgsz: int | None = Field(None, ge=160, le=1920)
    seed: int | None = Field(None, ge=0)
    staged: int | None = Field(None, ge=0, le=100_000, description="of a detector: drawn road frames to add")
    patience: int | None = Field(None, ge=1, le=10_000, description="of a detector: epochs without progress")
    freeze: int | None = Field(None, ge=0, le=22, description="of a detector: first layers that stay as they are")
    batch: int | None = Field(None, ge=2, le=1024, description="of a detector: pictures in one step")
    repeat: int | None = Field(None, ge=1, le=1000, description="of a detector: times per epoch that data are shown")
    keep: float | None = Field(None, ge=0, le=0.9, description="of a detector: share of the start's weights in it")
    teach: bool | None = Field(None, description="of a detector: the start's weights teach beside the labels")
    degrade: bool | None = Field(None, description="of a head: make bad visibility from the data")
    candidates: list[Candidate] | None = Field(
        None, min_length=1, max_length=16, description="of a head: what it is compared with; `head`: nothing"
    )
    schedule: Literal["one-cycle", "cosine", "step"] | None = Field(None, description="of a head: of the learning rate")
    balance: bool | None = Field(None, description="of a head: weigh rare classes more")
    licence: str | None = Field(
        None, min_length=1, max_length=200, pattern=r"^[^\r\n]+$", description="of a head's pictures, for the card"
    )

    def to_bytes(self) -> bytes:
        """UTF-8 JSON without what is left out: an older trainer takes no field that it does not know, not even null."""
        return self.model_dump_json(by_alias=True, exclude_none=True).encode()

    @model_validator(mode="after")
    def _of_its_kind(self) -> "TrainingRequest":
        others = _OF_HEADS if self.kind == "detector" else _OF_DETECTORS
        wrong = [name for name in others if getattr(self, name) is not None]
        if wrong:
            raise ValueError(f"a {self.kind}'s training has no {', '.join(wrong)}; leave it out")
        return self


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
