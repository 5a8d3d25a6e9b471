"""Detector weights in a file that holds numbers and text only (safetensors), and YOLO's pickles without their code."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from torch import Tensor, nn
from ultralytics.nn.tasks import DetectionModel

from services.detector.safe_file import KEY, read_safe, tensors_digest, write_safe
from shared.exceptions import ModelError


class ModelSpec(BaseModel):
    """What stands beside the numbers: enough to build the network again and to know where it comes from."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    schema_: Literal["wayside.model/1"] = Field("wayside.model/1", alias="schema")
    name: str
    architecture: dict[str, Any] = Field(description="Ultralytics's description of the layers")
    rows: list[str] = Field(description="what each row of the last layer was trained on, such as sheep")
    classes: list[str] = Field(description="what each row is published as, such as animal")
    start: str = Field(description="weights that training began from, with digest")
    command: str = Field(description="what made this file")
    tensors_sha256: str


def with_rows(network: Any, names: Sequence[str]) -> None:
    """Give the network fresh last rows with these names; its layers keep the width that the old number of rows gave."""
    head: Any = network.model[-1]
    for branch in head.cv3:
        old = branch[-1]
        branch[-1] = nn.Conv2d(old.in_channels, len(names), 1)
    head.nc, head.no = len(names), len(names) + 4 * head.reg_max
    network.nc = len(names)
    network.names = dict(enumerate(names))


def save_model(
    path: Path, tensors: Mapping[str, Tensor], architecture: Mapping[str, Any], *, name: str, rows: Sequence[str],
    classes: Sequence[str],
    start: str, command: str,
) -> ModelSpec:  # fmt: skip
    """Write weights in half precision with their spec.

    Args:
        tensors: the unfused network's state.
        architecture: `network.yaml` of the network that `with_rows` was given.
    """
    kept = {key: _compact(value) for key, value in tensors.items()}
    described = {key: value for key, value in architecture.items() if key != "yaml_file"}
    spec = ModelSpec(
        name=name, architecture=described, rows=list(rows), classes=list(classes), start=start, command=command,
        tensors_sha256=tensors_digest(kept),
    )  # fmt: skip
    write_safe(path, kept, spec.model_dump_json(by_alias=True))
    return spec


def read_spec(path: Path) -> ModelSpec:
    """The spec of a file that `save_model` wrote.

    Raises:
        ModelError: no such file, or not one of ours.
    """
    return _read(path)[0]


def _read(path: Path) -> tuple[ModelSpec, dict[str, Tensor]]:
    try:
        text, tensors = read_safe(path)
        if text is None:
            raise ModelError(
                f"{path}: no model of Wayside: its metadata have no {KEY!r}; `wayside train detector` makes one"
            )
        return ModelSpec.model_validate_json(text), tensors
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: cannot be read as safetensors: {error}; copy the file anew") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelError(f"{path}: metadata {where}: {first['msg']}; was it made by a newer Wayside?") from None


def load_model(path: Path) -> DetectionModel:
    """The unfused network in float32, in evaluation mode.

    Raises:
        ModelError: damaged, or the numbers do not fit the architecture.
    """
    spec, tensors = _read(path)
    if tensors_digest(tensors) != spec.tensors_sha256:
        raise ModelError(f"{path}: the numbers do not match their checksum; copy the file anew")
    try:
        network = DetectionModel(dict(spec.architecture), verbose=False)  # type: ignore[no-untyped-call]
        with_rows(network, spec.rows)
        setattr(network, "published", list(spec.classes))  # noqa: B010 (its type knows layers only)
        network.load_state_dict(
            {key: value.float() if value.is_floating_point() else value for key, value in tensors.items()}
        )
    except (RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: does not fit its architecture: {str(error).splitlines()[0]}") from None
    return network.eval()


def _compact(tensor: Tensor) -> Tensor:
    kept = tensor.detach().cpu()
    return (kept.half() if kept.is_floating_point() else kept).contiguous().clone()
