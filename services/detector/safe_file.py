"""Files of numbers with a text beside them (safetensors): nothing in them can run."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

KEY = "wayside"


def write_safe(path: Path, tensors: Mapping[str, Tensor], text: str) -> None:
    """Write tensors and text; an interrupted write leaves the old file.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, part, {KEY: text})
    part.chmod(0o644)  # it was made for its owner alone, and workers may run as another user
    part.replace(path)


def read_safe(path: Path) -> tuple[str | None, dict[str, Tensor]]:
    """Text and tensors; None when the file is not one of ours.

    Raises:
        OSError, SafetensorError: missing or damaged.
    """
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
        return (file.metadata() or {}).get(KEY), tensors


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of names, types, shapes and numbers; kept beside them, it tells whether a copy is whole."""
    digest = hashlib.sha256()
    for key in sorted(tensors):
        value = tensors[key].contiguous()
        digest.update(json.dumps([key, str(value.dtype), list(value.shape)]).encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b"")
    return digest.hexdigest()
