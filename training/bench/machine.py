"""What a figure was measured on."""

import platform
import time
from importlib.metadata import version
from pathlib import Path

import torch
from rich.console import Console

from shared.machine import processor


def describe() -> str:
    """Processor, cores, threads and the versions that matter, on one line."""
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "ultralytics", "av", "simplejpeg"))
    threads = f"{torch.get_num_threads()} torch threads{gpu}"
    return f"{processor()}, {threads}; Python {platform.python_version()}, {packages}"


def taken(seconds: float = 3.0) -> str:
    """How much of the machine others take, measured before anything of one's own runs."""
    path = Path("/proc/stat")
    if not path.is_file():
        return "what others took of the machine is not known"
    before = _times(path)
    time.sleep(seconds)
    spent = [end - start for start, end in zip(before, _times(path), strict=True)]
    # proc_stat(5): user, nice, system, idle, iowait, …
    share = 1 - sum(spent[3:5]) / max(sum(spent), 1)
    return f"others took {share:.0%} of the cores before it began"


def show() -> None:
    """Print `describe()`."""
    Console().print(describe(), highlight=False)


def _times(stat: Path) -> list[int]:
    return [int(value) for value in stat.read_text().splitlines()[0].split()[1:]]
