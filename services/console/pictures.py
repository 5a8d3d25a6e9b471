"""Pictures cut from the frames log by their address, with a cache so that many viewers cost one read."""

import threading
from collections import OrderedDict

from shared.bus.base import Bus
from shared.exceptions import BusError, PoisonMessageError
from shared.frames import Frame
from shared.messages import FrameRef

# 16 cameras, 10 frames of 100 KB each: enough for all viewers of the last second.
CACHE_BYTES = 16 << 20
# A broker that is slower than this shows a stale wall anyway; waiting longer would use up all server threads.
_WAIT_S = 3.0


class Pictures:
    """Thread-safe access to frames by address. Reads are one at a time: the bus has one reader."""

    def __init__(self, bus: Bus, cache_bytes: int = CACHE_BYTES) -> None:
        self._bus, self._cache_bytes = bus, cache_bytes
        self._cache: OrderedDict[tuple[str, int, int], Frame] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def cut(self, camera: str, ref: FrameRef) -> Frame | None:
        """The frame at this address; None when retention has removed it or it is not one of this camera.

        Raises:
            BusError: the bus does not answer.
        """
        if not self._lock.acquire(timeout=_WAIT_S):
            raise BusError("the bus is too slow in giving pictures")
        try:
            frame = self._read(ref)
        finally:
            self._lock.release()
        return frame if frame is not None and frame.camera == camera else None

    def _read(self, ref: FrameRef) -> Frame | None:
        address = (ref.topic, ref.partition, ref.offset)
        cached = self._cache.get(address)
        if cached is not None:
            self._cache.move_to_end(address)
            return cached
        record = self._bus.read(*address)
        if record is None:
            return None
        try:
            frame = Frame.from_record(record)
        except PoisonMessageError:
            return None  # the detector has buried it; here it is merely no picture
        self._cache[address] = frame
        self._size += len(frame.jpeg)
        while self._size > self._cache_bytes and len(self._cache) > 1:
            self._size -= len(self._cache.popitem(last=False)[1].jpeg)
        return frame
