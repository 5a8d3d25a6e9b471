"""What processes take: CPU time and memory of their own."""

from collections.abc import Callable, Sequence

import psutil

MB = 1_000_000


def cpu_s(processes: Sequence[psutil.Process]) -> float:
    """Seconds of CPU that these processes have taken since they began, in all their threads.

    Raises:
        RuntimeError: one of them has ended.
    """
    return sum(_of(process, lambda own: sum(own.cpu_times()[:2])) for process in processes)


def own_mb(process: psutil.Process) -> float:
    """Megabytes that no other process shares (USS): what another program that starts or ends does not change.

    Raises:
        RuntimeError: it has ended.
    """
    return _of(process, lambda own: own.memory_full_info().uss) / MB


def _of(process: psutil.Process, ask: Callable[[psutil.Process], float]) -> float:
    try:
        return ask(process)
    except psutil.NoSuchProcess:
        raise RuntimeError(f"process {process.pid} has ended while it was measured; its log says why") from None
