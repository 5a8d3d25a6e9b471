"""What this machine is, for what is measured on it once."""

import os
import platform
from pathlib import Path


def processor() -> str:
    """The CPU's model and how many cores of it may be used, such as `Intel(R) Xeon(R) Processor, 2 cores`."""
    return f"{_model()}, {len(os.sched_getaffinity(0))} cores"


def _model() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
