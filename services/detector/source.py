"""Which model runs: what the settings name, in files or in the registry, and the stage that is loaded from it."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from services.detector.backends.choose import load_fitting
from services.detector.backends.load import Wanted
from services.detector.backends.torch import TorchBackend
from services.detector.heads.find import Registered, find_heads, head_names
from services.detector.memory.descriptors import LAYERS
from services.detector.process import tune_process
from services.detector.stage import DetectorStage
from services.detector.weights import find_weights, version_of
from shared.exceptions import ModelError
from shared.registry import Kind, ModelVersion, Registry, is_reference
from shared.settings import Settings
from shared.site import Camera

Versions = Mapping[str, ModelVersion]
"""What each reference of the settings means at one moment."""


class Source:
    """A detector and its heads by name, to be loaded once or again and again as aliases move.

    Attributes:
        follows: whether a name is an alias, which may come to mean another version; files and numbers never do.

    Example:
        >>> source = Source(settings)                    # doctest: +SKIP
        >>> stage = source.load(source.resolve())        # doctest: +SKIP
        >>> stage.backend.version                        # doctest: +SKIP
        'wayside-n@3'
    """

    def __init__(
        self, settings: Settings, cameras: Sequence[Camera] = (), *, model: str | None = None, heads: str | None = None
    ) -> None:
        """`model` and `heads` are the settings' where they are not given; see `DetectorStage` for `cameras`."""
        self._settings, self._cameras = settings, cameras
        self._model = settings.model if model is None else model
        self._heads = settings.heads if heads is None else heads
        self._references = [name for name in (self._model, *head_names(self._heads)) if is_reference(name)]
        self.follows = any("@" in name for name in self._references)
        self._registry: Registry | None = None

    def resolve(self) -> Versions:
        """What the references mean now; the registry is asked only where there are some.

        Raises:
            ModelError: the registry cannot be reached, or has no such version.
        """
        if not self._references:
            return {}
        if self._registry is None:
            self._registry = Registry(self._settings.registry)
        return {reference: self._registry.resolve(reference) for reference in self._references}

    def load(self, versions: Versions) -> DetectorStage:
        """A stage with these versions, which are fetched where they are not here yet.

        Raises:
            ModelError: weights or a head cannot be found, fetched or loaded.
            ConfigError: a head that was named does not fit the weights, or the device or the backend is not there.
        """
        tune_process()
        settings = self._settings
        registered = {name: self._fetch(name, version) for name, version in versions.items()}
        at = registered.get(self._model)
        wanted = Wanted(
            at.path if at else find_weights(self._model, settings.models), device=settings.device,
            precision=settings.precision, min_score=settings.min_score, threads=settings.threads,
            trusted=settings.trust_weights, heads=find_heads(self._heads, settings.models, registered),
            batch=settings.batch, compiled=settings.compile,
            layers=LAYERS,  # also without a memory: one graph, so that a frame's boxes are the same with and without
        )  # fmt: skip
        backend = load_fitting(settings.backend, wanted)
        if at:
            backend.version = at.label
        return DetectorStage(
            backend, imgsz=settings.imgsz, cameras=self._cameras, heads_every_s=settings.heads_every_s,
            memory_every_s=settings.memory_every_s, decode_threads=settings.threads or len(os.sched_getaffinity(0)),
        )  # fmt: skip

    def _fetch(self, reference: str, version: ModelVersion) -> Registered:
        _check_kind(reference, version, "detector" if reference == self._model else "head")
        assert self._registry is not None  # `resolve` gave the version
        return Registered(self._registry.fetch(version, _cache()), version.label)


def load_stage(settings: Settings, cameras: Sequence[Camera]) -> DetectorStage:
    """The stage that the settings name, for a run with one model from start to end.

    Raises:
        ModelError, ConfigError: see `Source.resolve` and `Source.load`.
    """
    source = Source(settings, cameras)
    return source.load(source.resolve())


def describe(settings: Settings) -> str:
    """What the settings name as the model, and where it lies; nothing is loaded.

    Raises:
        ModelError: nowhere to be had, or the registry cannot be reached.
    """
    if is_reference(settings.model):
        version = Registry(settings.registry).resolve(settings.model)
        return f"{version.label} from the registry {settings.registry}"
    path = find_weights(settings.model, settings.models)
    return f"{version_of(path)} from {path.parent}"


def weights_of(settings: Settings) -> Path:
    """The file of the weights that the settings name; of the registry it is fetched.

    Raises:
        ModelError: nowhere to be had, or the registry cannot be reached.
    """
    if not is_reference(settings.model):
        return find_weights(settings.model, settings.models)
    return fetch_weights(settings.model, settings)[1]


def fetch_weights(reference: str, settings: Settings) -> tuple[ModelVersion, Path]:
    """The detector that a reference means now, and its file, which is fetched.

    Raises:
        ModelError: no such version, a head, or the registry cannot be reached.
    """
    registry = Registry(settings.registry)
    version = registry.resolve(reference)
    _check_kind(reference, version, "detector")
    return version, registry.fetch(version, _cache())


def release(stage: DetectorStage) -> None:
    """Close a stage that nobody uses any more, so that its memory is free when its last name goes.

    Ultralytics's fused layers hold themselves (`layer.forward` is a method bound to the layer), and a garbage
    collection that would find that stops every thread for a tenth of a second.
    """
    stage.close()
    if isinstance(stage.backend, TorchBackend):
        for layer in stage.backend.network.modules():
            layer.__dict__.pop("forward", None)


def _check_kind(reference: str, version: ModelVersion, wanted: Kind) -> None:
    if version.kind != wanted:
        raise ModelError(f"{reference} ({version.label}) is a {version.kind}; a {wanted} is needed here")


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "wayside" / "models"
