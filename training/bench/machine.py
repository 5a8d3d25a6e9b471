"""What a figure was measured on."""

import platform
from importlib.metadata import version
from pathlib import Path

import torch
from rich.console import Console


def describe() -> str:
    """Processor, cores, threads and the versions that matter, on one line."""
    names = [line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")]
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "ultralytics", "av", "simplejpeg"))
    return (
        f"{names[0] if names else platform.processor()}, {len(names) or '?'} cores, "
        f"{torch.get_num_threads()} torch threads{gpu}; Python {platform.python_version()}, {packages}"
    )


def show() -> None:
    """Print `describe()`."""
    Console().print(describe(), highlight=False)


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.is_file() else []
