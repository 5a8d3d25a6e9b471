"""Which weights a training begins from: by name, by path, or a version of the registry."""

from dataclasses import dataclass
from pathlib import Path

from services.detector.source import fetch_weights
from services.detector.weights import find_weights, version_of
from shared.registry import is_reference
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class Start:
    """Weights that are here.

    Attributes:
        version: as a lineage tells it: `wayside-n@1a2b3c4d`, name and digest of the file; of the registry
            `models:/wayside-n/3@1a2b3c4d`, so that `start_of` finds the same version again.
    """

    weights: Path
    version: str


def find_start(name: str, settings: Settings, kept: Path | None = None) -> Start:
    """The weights behind a name, a path, `models:/NAME@ALIAS` or `models:/NAME/NUMBER`; the latter are fetched.

    Args:
        settings: `models` and `registry` say where it is looked for.
        kept: file that keeps what an alias meant, so that a killed training goes on with the weights that it began
            with, whatever the alias means by now.

    Raises:
        ModelError: nowhere to be had, the registry cannot be reached, or it is a head.
    """
    if not is_reference(name):
        weights = find_weights(name, settings.models)
        return Start(weights, version_of(weights))
    version, weights = fetch_weights(_as_kept(name, kept), settings)
    fixed = f"models:/{version.name}/{version.number}"
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(f"{name}\n{fixed}\n")
    return Start(weights, f"{fixed}@{version.digest[:8]}")


def start_of(lineage: str | None) -> list[str]:
    """What `find_start` takes, from the version in a lineage."""
    return [lineage.partition("@")[0]] if lineage else []


def _as_kept(name: str, kept: Path | None) -> str:
    if kept is not None and kept.is_file():
        asked, _, fixed = kept.read_text().strip().partition("\n")
        if asked == name and fixed:
            return fixed
    return name
