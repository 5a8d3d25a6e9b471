"""What processes take: CPU time and memory of their own."""

import time
from collections.abc import Callable, Sequence

import psutil

MB = 1_000_000


def cpu_s(processes: Sequence[psutil.Process]) -> float:
    """Seconds of CPU that these processes have taken since they began, in all their threads.

    Raises:
        RuntimeError: one of them has ended.
    """
    return sum(_of(process, lambda own: sum(own.cpu_times()[:2])) for process in processes)


def memory_mb(process: psutil.Process) -> float:
    """Megabytes that are the process's own, and its part of what it shares with others (PSS); without Linux RSS.

    Raises:
        RuntimeError: it has ended.
    """
    return _of(process, lambda own: getattr(own.memory_full_info(), "pss", own.memory_info().rss)) / MB


def await_calm(process: psutil.Process, below: float = 0.1, patience_s: float = 60.0) -> None:
    """Wait until the process takes less than this share of a core: it has loaded what it needs.

    Raises:
        TimeoutError: it does not come to rest.
    """
    deadline = time.monotonic() + patience_s
    while True:
        before, begun = cpu_s([process]), time.monotonic()
        time.sleep(1.0)
        if cpu_s([process]) - before < below * (time.monotonic() - begun):
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {process.pid} did not come to rest within {patience_s:g} s")


def _of(process: psutil.Process, ask: Callable[[psutil.Process], float]) -> float:
    try:
        return ask(process)
    except psutil.NoSuchProcess:
        raise RuntimeError(f"process {process.pid} has ended while it was measured; its log says why") from None
