"""`make bench`: every benchmark, printed as tables of ratios measured in one run."""

import argparse
import sys
import time
from collections.abc import Callable

from training.bench import (
    alerts,
    analyzer,
    backends,
    cameras,
    heads,
    kafka_cost,
    latency,
    limit,
    loops,
    machine,
    pipeline,
    producer_memory,
    soak,
    watching,
)
from training.report import wide_console

# In this order; each runs alone as `python -m training.bench.NAME`, with options of its own.
_PARTS: dict[str, Callable[[list[str]], int]] = {
    "pipeline": pipeline.main,
    "limit": limit.main,
    "backends": backends.main,
    "loops": loops.main,
    "heads": heads.main,
    "watching": watching.main,
    "analyzer": analyzer.main,
    "alerts": alerts.main,
    "latency": latency.main,
    "cameras": cameras.main,
    "kafka_cost": kafka_cost.main,
    "producer_memory": producer_memory.main,
    "soak": soak.main,
}


def main() -> int:
    """Run the parts one after the other; the exit code of the first that fails."""
    parser = argparse.ArgumentParser(prog="python -m training.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(_PARTS)}; all when not given")
    chosen = parser.parse_args().parts or list(_PARTS)
    unknown = [name for name in chosen if name not in _PARTS]
    if unknown:
        parser.error(f"no part {unknown[0]!r}; there are {', '.join(_PARTS)}")
    machine.show()
    console = wide_console()
    for name in chosen:
        begun = time.monotonic()
        status = _PARTS[name]([])
        console.print(f"{name}: {(time.monotonic() - begun) / 60:.1f} minutes\n", highlight=False)
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
