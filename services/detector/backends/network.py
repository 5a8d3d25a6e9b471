"""Weights files as networks, whatever their format."""

from pathlib import Path
from typing import Any

from ultralytics.models import YOLO

from services.detector.model_file import load_model
from shared.exceptions import ModelError


def load_network(weights: Path) -> Any:
    """The unfused detection network in float32.

    Args:
        weights: a .safetensors file of ours, or YOLO weights (.pt).

    Raises:
        ModelError: cannot be loaded, or is no detection model.
    """
    if weights.suffix == ".safetensors":
        return load_model(weights)
    try:
        network: Any = YOLO(str(weights), task="detect").model
        network.model[-1].stride  # noqa: B018: a classifier has none
    except (RuntimeError, OSError, EOFError, AttributeError, TypeError, KeyError, ModuleNotFoundError) as error:
        raise ModelError(f"{weights}: cannot be loaded as YOLO weights: {str(error).splitlines()[0]}") from None
    return network
