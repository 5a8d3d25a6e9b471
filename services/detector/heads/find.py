"""Which heads a detector runs: those named, or all in the model folders; and only those that fit its model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from services.detector.heads.backbone import backbone_digest
from services.detector.heads.file import HeadSpec, load_head
from services.detector.heads.net import HeadNet
from services.detector.weights import model_folders, version_of
from shared.exceptions import ConfigError, ModelError
from shared.registry import is_reference
from shared.telemetry.logs import logger

AUTO = "auto"
_SETTING = "setting heads (WAYSIDE_HEADS)"


@dataclass(frozen=True, slots=True)
class Head:
    """A head that was read.

    Attributes:
        version: name and digest of its file, or name and number in the registry.
        named: asked for by name, so that it must run or the detector must not start.
    """

    net: HeadNet
    spec: HeadSpec
    version: str
    named: bool = True


@dataclass(frozen=True, slots=True)
class Registered:
    """Where a version of the registry was fetched to, and what it is called in detections."""

    path: Path
    label: str


def head_names(setting: str) -> list[str]:
    """The names, paths and references in the setting; none in `auto`."""
    return [] if setting.strip() == AUTO else [name.strip() for name in setting.split(",") if name.strip()]


def find_heads(
    setting: str, extra: Path | None = None, registered: Mapping[str, Registered] | None = None
) -> list[Head]:
    """Read the heads of the setting: `auto`; names, paths or references with commas between; or nothing for none.

    Args:
        extra: `$WAYSIDE_MODELS`.
        registered: by reference, the heads that were fetched from the registry.

    Raises:
        ConfigError: a named head is nowhere, or two have the same name.
        ModelError: a named file is no head.
    """
    folders = [folder / "heads" for folder in model_folders(extra)]
    if setting.strip() == AUTO:
        return _all_in(folders)
    names = head_names(setting)
    heads = [_named(name, folders, registered or {}) for name in names]
    seen = [head.spec.name for head in heads]
    if twice := next((name for name in seen if seen.count(name) > 1), None):
        raise ConfigError(f"{_SETTING}: two of {', '.join(names)} are called {twice!r}; leave one out")
    return heads


def fitting(heads: Iterable[Head], network: nn.Module, model: str) -> list[Head]:
    """Those whose backbone this network has, by name.

    Args:
        network: an Ultralytics model, not fused yet.
        model: its name, for the message.

    Raises:
        ConfigError: a head that was named does not fit.
    """
    kept = []
    for head in sorted(heads, key=lambda head: head.spec.name):
        reason = _misfit(head, network)
        if reason is None:
            kept.append(head)
        elif head.named:
            raise ConfigError(
                f"{_SETTING}: head {head.version} does not fit the model {model}: {reason}; train it on this model, "
                "or leave it out"
            )
        else:
            logger("detector").warning("head left out", head=head.version, model=model, reason=reason)
    return kept


def _misfit(head: Head, network: nn.Module) -> str | None:
    try:
        digest = backbone_digest(network, head.spec.layers)
    except ModelError as error:
        return str(error)
    return None if digest == head.spec.backbone else "it was trained on the features of another backbone"


def _read(path: Path, *, named: bool) -> Head:
    net, spec = load_head(path)
    return Head(net, spec, version_of(path), named)


def _named(name: str, folders: Sequence[Path], registered: Mapping[str, Registered]) -> Head:
    if name in registered:
        return replace(_read(registered[name].path, named=True), version=registered[name].label)
    if is_reference(name):
        raise ConfigError(f"{_SETTING}: {name}: heads of the registry are not read here; give a name or a file")
    return _read(_path(name, folders), named=True)


def _path(name: str, folders: Sequence[Path]) -> Path:
    if Path(name).suffix:
        if not Path(name).is_file():
            raise ConfigError(f"{_SETTING}: {name}: no such file")
        return Path(name)
    for folder in folders:
        if (path := folder / f"{name}.safetensors").is_file():
            return path
    looked = ", ".join(str(folder) for folder in folders)
    raise ConfigError(f"{_SETTING}: no head {name!r} in {looked}; train one with `wayside train head`")


def _all_in(folders: Sequence[Path]) -> list[Head]:
    found: dict[str, Head] = {}
    for path in (path for folder in folders for path in sorted(folder.glob("*.safetensors"))):
        try:
            head = _read(path, named=False)
        except ModelError as error:
            logger("detector").warning("head left out", reason=str(error))
            continue
        # As for weights, the first folder wins.
        found.setdefault(head.spec.name, head)
    return list(found.values())
