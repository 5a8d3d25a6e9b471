"""What the detector has learned of each camera, kept in Redis, so that the worker that takes a camera over goes on with
it. A cache: without it things are learned anew."""

from services.detector import SERVICE
from shared.clock import to_ns
from shared.exceptions import StoreError
from shared.store import SnapshotKind, Store
from shared.telemetry.logs import logger

Key = tuple[str, str | None]
"""Camera and run. Only what is learned of live cameras is kept: a replay tells of another time."""


class Snapshots:
    """The snapshots of one kind.

    Args:
        store: None: nothing is kept, as for a run over files.
        every_s: seconds between two snapshots of a camera, of the frames' time.
    """

    def __init__(self, store: Store | None, kind: SnapshotKind, every_s: float = 60.0) -> None:
        self._store, self._kind, self._every = store, kind, to_ns(every_s)
        self._saved: dict[str, int] = {}

    def due(self, key: Key, at: int) -> bool:
        """Whether it is time for a snapshot; after a yes the next one is due `every_s` later.

        `at` is the capture time of the camera's frame, UTC ns.
        """
        if self._store is None or key[1] is not None:
            return False
        if 0 <= at - self._saved.setdefault(key[0], at) < self._every:
            return False
        self._saved[key[0]] = at
        return True

    def save(self, key: Key, value: bytes) -> None:
        """Keep it; what cannot be kept is told, and tried again when the next one is due."""
        if self._store is None or key[1] is not None:
            return
        try:
            self._store.put_snapshot(self._kind, key[0], value)
        except StoreError as error:
            logger(SERVICE).warning("snapshot not stored", kind=self._kind, camera=key[0], error=str(error))

    def load(self, key: Key) -> bytes | None:
        """The last one of a live camera, if there is any."""
        if self._store is None or key[1] is not None:
            return None
        try:
            return self._store.snapshot(self._kind, key[0])
        except StoreError as error:
            self.refused(key, error)
            return None

    def refused(self, key: Key, reason: Exception) -> None:
        """Tell that a snapshot is of no use."""
        logger(SERVICE).warning("learned anew", kind=self._kind, camera=key[0], reason=str(reason))
