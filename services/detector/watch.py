"""Following the registry's aliases: another version is loaded beside the running one and swapped in once warm."""

import threading
from collections.abc import Sequence
from typing import Literal

import numpy as np

from services.detector import SERVICE
from services.detector.source import Source, Versions, release
from services.detector.stage import Decoded, DetectorStage
from shared.exceptions import WaysideError
from shared.frames import Frame
from shared.jpeg import encode_jpeg
from shared.telemetry import metrics
from shared.telemetry.logs import logger

Role = Literal["production", "shadow"]
# A thread that loads cannot be interrupted; the process ends with it, and nobody waits longer.
_PATIENCE_S = 10.0


class Watch:
    """A thread that asks the registry, loads what is new and keeps it ready for `take`.

    The loop of the service only reads `ready`: the registry, the disk and the first passes of a new model cost it no
    step. A version that cannot be loaded is left alone until the alias means another one.

    Attributes:
        ready: a loaded stage that nobody has taken yet.
        recent: frames of the last batch, which the loop puts here; a new stage must get through them first.

    Example:
        >>> watch = Watch(source, versions, "production")              # doctest: +SKIP
        >>> watch.start(every_s=10)                                    # doctest: +SKIP
        >>> stage = watch.take() or stage                              # doctest: +SKIP
    """

    def __init__(self, source: Source, running: Versions | None, role: Role) -> None:
        """`running`: what the caller runs now; None when it runs nothing yet."""
        self.ready: DetectorStage | None = None
        self.recent: Sequence[Frame] = ()
        self._source, self._role = source, role
        self._running = self._tried = _labels(running)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._down = False
        self._thread = threading.Thread(target=self._run, name=f"watch-{role}", daemon=True)
        self._every_s = 0.0

    def start(self, every_s: float) -> None:
        """Begin to watch; at once where nothing runs yet. Without an alias there is nothing to watch."""
        if self._source.follows:
            self._every_s = every_s
            self._thread.start()

    def take(self) -> DetectorStage | None:
        """The stage to go on with, once; None while there is nothing new."""
        if self.ready is None:
            return None
        with self._lock:
            stage, self.ready = self.ready, None
            if stage is not None:
                self._running = self._tried
            return stage

    def check(self) -> None:
        """Ask the registry once, and load what is new. Called by the thread every few seconds."""
        try:
            versions = self._source.resolve()
        except Exception as error:  # noqa: BLE001 (a registry that answers with nonsense must not end the watch)
            self._unreachable(error)
            return
        self._down = False
        if (wanted := _labels(versions)) == self._tried:
            return
        if not self._is_back(wanted):
            self._offer(self._load(versions), wanted)

    def _is_back(self, wanted: dict[str, str] | None) -> bool:
        """Whether the alias means again what runs, so that what is ready (if anything is) is not wanted any more."""
        with self._lock:
            if wanted != self._running:
                return False
            old, self.ready, self._tried = self.ready, None, wanted
        _drop(old)
        return True

    def _offer(self, stage: DetectorStage | None, wanted: dict[str, str] | None) -> None:
        with self._lock:
            old, self.ready, self._tried = self.ready, stage, wanted
        _drop(old)

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(_PATIENCE_S)
        _drop(self.take())

    def _run(self) -> None:
        if self._running is not None and self._stop.wait(self._every_s):
            return
        while True:
            self.check()
            if self._stop.wait(self._every_s):
                return

    def _load(self, versions: Versions) -> DetectorStage | None:
        names = ", ".join(version.label for version in versions.values())
        stage = None
        try:
            stage = self._source.load(versions)
            try_out(stage, self.recent)
        except Exception as error:  # noqa: BLE001 (whatever is wrong with a new model, the old one goes on)
            metrics.MODEL_SWAPS.labels(self._role, "failed").inc()
            logger(SERVICE).error("model not taken", role=self._role, model=names, error=plain(error))
            _drop(stage)
            return None
        return stage

    def _unreachable(self, error: Exception) -> None:
        metrics.ERRORS.labels(SERVICE, "registry").inc()
        if not self._down:
            logger(SERVICE).warning("registry not asked; the model stays", role=self._role, error=plain(error))
        self._down = True


def try_out(stage: DetectorStage, frames: Sequence[Frame]) -> None:
    """Run a new stage once over frames as they come, so that its first real batch finds everything made and allocated.

    Raises:
        Exception: whatever is wrong with the model.
    """
    decoded = [item for item in stage.decode_all(frames) if isinstance(item, Decoded)]
    stage.infer(decoded or [stage.decode(_blank())])


def tell_versions(role: Role, old: DetectorStage | None, new: DetectorStage | None) -> None:
    """Let the metrics say which versions run, and in what."""
    for version in _versions(old):
        metrics.MODEL_INFO.remove(role, version)
    if old is not None:
        metrics.BACKEND_INFO.remove(role, old.backend.name, old.backend.precision)
    for version in _versions(new):
        metrics.MODEL_INFO.labels(role, version).set(1)
    if new is not None:
        metrics.BACKEND_INFO.labels(role, new.backend.name, new.backend.precision).set(1)


def _versions(stage: DetectorStage | None) -> list[str]:
    return [] if stage is None else [stage.backend.version, *getattr(stage.backend, "heads", ())]


def _labels(versions: Versions | None) -> dict[str, str] | None:
    return None if versions is None else {name: version.label for name, version in versions.items()}


def plain(error: Exception) -> str:
    """An error in one line."""
    text = (str(error) or repr(error)).splitlines()[0]
    return text if isinstance(error, WaysideError) else f"{type(error).__name__}: {text}"


def _drop(stage: DetectorStage | None) -> None:
    if stage is not None:
        release(stage)


def _blank() -> Frame:
    """For a worker that has seen no frame yet."""
    return Frame("", 0, 0, 1280, 720, encode_jpeg(np.full((720, 1280, 3), 128, np.uint8)))
