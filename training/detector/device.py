"""Which device a training runs on: the names of the settings, in Ultralytics's words."""

import re

import torch

from shared.exceptions import ConfigError


def training_device(wanted: str) -> str:
    """`cpu`, or the number of a CUDA device.

    Args:
        wanted: `auto` (the first CUDA device where there is one), `cpu`, `cuda`, `cuda:N`, or `N`.

    Raises:
        ConfigError: another word, or a CUDA device that is not there.

    Example:
        >>> training_device("cpu")
        'cpu'
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "auto":
        return "0" if count else "cpu"
    if wanted == "cpu":
        return wanted
    found = re.fullmatch(r"(?:cuda:)?(\d+)|cuda", wanted)
    if found is None:
        raise ConfigError(f"device (--device, WAYSIDE_DEVICE) {wanted!r}: give auto, cpu, cuda or cuda:N")
    number = int(found[1] or 0)
    if number >= count:
        have = f"there are {count} CUDA devices" if count else "there is no CUDA device"
        raise ConfigError(f"device (--device, WAYSIDE_DEVICE) {wanted!r}: {have} here; give auto or cpu")
    return str(number)
