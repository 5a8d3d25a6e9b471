"""What holds for a whole process that detects: memory that is kept, and no threads beside its own.

All change speed alone, never a result; they are worth what docs/benchmarks.md says under "The detector against its
limit".
"""

import ctypes
import sys
from functools import cache

import cv2
from threadpoolctl import threadpool_limits

# mallopt(3): parameters of glibc's allocator. Blocks up to 32 MiB (the most that it takes) come from its heap, of which
# it gives back what is free beyond 256 MiB.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT, _LARGEST = 256 << 20, 32 << 20
_TURN_S = 0.0005


@cache
def tune_process() -> None:
    """Call it once before the first frame; again it does nothing."""
    _keep_memory()
    # Each core has a thread of ours. Those that OpenCV and BLAS would share a small piece of work with must first be
    # woken and then spin, on a core that has something better to do.
    cv2.setNumThreads(1)
    threadpool_limits(limits=1, user_api="blas")
    # A core whose pass has ended needs Python for a moment to begin the next one; by default it would wait up to 5 ms
    # until a thread that writes or judges lets go of it.
    sys.setswitchinterval(_TURN_S)


def _keep_memory() -> None:
    """Have pictures and feature maps lie in memory that is there already: fresh pages cost more than filling them."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return  # another C library, which does as it likes
    mallopt(_TRIM_THRESHOLD, _KEPT)
    mallopt(_MMAP_THRESHOLD, _LARGEST)
