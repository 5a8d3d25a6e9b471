"""A head as a file: safetensors, with its description as JSON in the metadata. Nothing in it is ever executed."""

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors import SafetensorError

from services.detector.heads.net import HeadKind, HeadNet, HeadShape
from services.detector.safe_file import KEY, read_safe, tensors_digest, write_safe
from services.detector.weights import version_of
from shared.exceptions import ModelError

# What a head may be called.
NAME = r"[a-z0-9][a-z0-9-]*"


class DataCard(BaseModel):
    """What a head was trained on.

    Attributes:
        source: the data in words.
        licence: under which it may be used, and so the head.
        counts: examples per split and class, such as `train/intact`.
        notes: what was left out, made or corrected.
    """

    model_config = ConfigDict(extra="forbid")

    source: str
    licence: str
    counts: dict[str, int] = {}
    notes: list[str] = []


class HeadSpec(BaseModel):
    """Everything about a head but its weights.

    Attributes:
        name: under which it appears in detections.
        kind: `patch` gives a heat map, `image` one answer per picture.
        classes: by index; the first is the normal state.
        layers: of the backbone, finest first, whose outputs it takes.
        channels, hidden, window, step, boxes: see `HeadShape`.
        temperature: see `HeadNet`.
        threshold: probability of all classes but the first together, from which the state counts as not normal.
        backbone: `backbone_digest` of the model whose features it was trained on.
        stride: of the coarsest layer, pixels of the input per cell.
        imgsz: longer side of the inputs in training, pixels.
        scale: pixels of the input per pixel of the training pictures.
        metrics: on the test split, with the decision threshold.
        created_by: the command that made it.
        tensors_sha256: `tensors_digest` of its weights; None in files made before it was kept.
    """

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    schema_: Literal["wayside.head/1"] = Field("wayside.head/1", alias="schema")
    name: str = Field(pattern=f"^{NAME}$")
    kind: HeadKind
    classes: list[str] = Field(min_length=2)
    layers: list[int] = Field(min_length=1)
    channels: list[int] = Field(min_length=1)
    hidden: int = Field(gt=0)
    window: int = Field(4, gt=0)
    step: int = Field(2, gt=0)
    boxes: bool = False
    temperature: float = Field(1.0, gt=0)
    threshold: float = Field(0.5, gt=0, lt=1)
    backbone: str = Field(pattern=r"^[0-9a-f]{64}$")
    stride: int = Field(gt=0)
    imgsz: int = Field(gt=0)
    scale: float = Field(1.0, gt=0)
    metrics: dict[str, float] = {}
    data: DataCard
    created_by: str
    tensors_sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _fits(self) -> "HeadSpec":
        if len(self.layers) != len(self.channels):
            raise ValueError("layers and channels must be equally many")
        if (self.window - self.step) % 2 or self.window < self.step:
            raise ValueError("window - step must be even and not negative")
        if self.boxes and self.kind != "patch":
            raise ValueError("only a head of kind patch has boxes")
        return self

    @property
    def shape(self) -> HeadShape:
        """What the network is built from."""
        return HeadShape(
            self.kind, len(self.classes), tuple(self.channels), self.hidden, self.window, self.step, self.boxes
        )


def save_head(path: Path, net: HeadNet, spec: HeadSpec) -> str:
    """Write a head; an interrupted write leaves the old file. Returns its version, such as `pavement@1a2b3c4d`.

    Raises:
        ModelError: it cannot be written.
    """
    tensors = {name: tensor.detach().cpu().float() for name, tensor in net.state_dict().items()}
    whole = spec.model_copy(update={"temperature": net.temperature, "tensors_sha256": tensors_digest(tensors)})
    # Readers of before heads had boxes refuse what they do not know.
    unknown = None if spec.boxes else {"boxes"}
    try:
        write_safe(path, tensors, whole.model_dump_json(by_alias=True, exclude=unknown))
    except OSError as error:
        raise ModelError(f"{path}: cannot be written: {error.strerror or error}") from None
    return version_of(path)


def load_head(path: Path) -> tuple[HeadNet, HeadSpec]:
    """Read a head, ready for inference on the CPU in float32.

    Its weights are checked against the checksum in its description; a file without one, made before it was kept, is
    read unchecked.

    Raises:
        ModelError: missing, corrupt, or not a head; names the file and what is wrong.
    """
    try:
        text, state = read_safe(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: cannot be read as a head: {str(error).splitlines()[0]}") from None
    if text is None:
        raise ModelError(f"{path}: is no head: it holds no {KEY!r} metadata; train one with `wayside train head`")
    try:
        spec = HeadSpec.model_validate(json.loads(text))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "description"
        raise ModelError(f"{path}: is no head of this version: {where}: {first['msg']}") from None
    except ValueError as error:
        raise ModelError(f"{path}: its description is no JSON: {error}") from None
    if spec.tensors_sha256 is not None and tensors_digest(state) != spec.tensors_sha256:
        raise ModelError(f"{path}: the numbers do not match their checksum; copy the file anew")
    net = HeadNet(spec.shape, temperature=spec.temperature)
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"{path}: its weights do not fit its description: {reason}") from None
    return net.requires_grad_(False).eval(), spec
