"""Weights files as networks, whatever their format."""

import inspect
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
import ultralytics.nn.modules as layers
from torch import nn
from ultralytics.nn import tasks

from services.detector.model_file import load_model
from shared.exceptions import ModelError


def load_network(weights: Path, *, trusted: bool = False) -> Any:
    """The unfused detection network in float32, in evaluation mode.

    A .pt file is a pickle, which can run any code of its author when it is opened. Only Ultralytics's and PyTorch's
    own layers are built from it, unless it is trusted.

    Args:
        weights: a .safetensors file of ours, or YOLO weights (.pt).
        trusted: open the pickle with whatever it holds.

    Raises:
        ModelError: cannot be loaded, holds something else than layers, or is no detection model.
    """
    if weights.suffix == ".safetensors":
        return load_model(weights)
    if not trusted and weights.is_file() and not zipfile.is_zipfile(weights):
        raise ModelError(f"{weights}: is damaged or no file of PyTorch's; copy it anew")
    try:
        with torch.serialization.safe_globals(list(_known())):
            held = torch.load(weights, map_location="cpu", weights_only=not trusted)
        network: Any = (held.get("ema") or held["model"]).float()
        strides = network.model[-1].stride  # a classifier has none
        network.stride = strides
    except pickle.UnpicklingError as error:
        raise ModelError(f"{weights}: {_refusal(str(error))}") from None
    except (RuntimeError, OSError, EOFError, AttributeError, TypeError, KeyError, ModuleNotFoundError) as error:
        raise ModelError(f"{weights}: cannot be loaded as YOLO weights: {str(error).splitlines()[0]}") from None
    return network.eval()


def _refusal(text: str) -> str:
    named = text.partition("GLOBAL ")[2].split(" ")[0]
    if not named:
        return "cannot be loaded as YOLO weights: it is damaged, or no such file"
    return (
        f"holds {named}, which is none of the layers that YOLO weights are made of; if you trust where the file comes "
        "from, set WAYSIDE_TRUST_WEIGHTS=true"
    )


def _known() -> Iterator[Any]:
    """What YOLO weights are made of."""
    yield tasks.DetectionModel
    modules: list[ModuleType] = [layers, layers.block, layers.conv, layers.head, layers.transformer]
    own = nn.modules
    modules += [own.container, own.conv, own.batchnorm, own.activation, own.upsampling, own.pooling, own.linear]
    modules += [own.dropout, own.normalization]
    for module in modules:
        yield from (kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, nn.Module))
