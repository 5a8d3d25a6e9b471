"""Graphs and what was measured of them, kept on disk: the first start on a machine makes them, later ones find them."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from shared.exceptions import ModelError

# Of the graph's inputs and outputs and of these files; another number makes everything anew.
_FORMAT = 2
_GRAPH, _QUANTISED = "graph.onnx", "int8.xml"


def cache_folder() -> Path:
    """Where exported graphs are kept: `exports` beside the downloaded weights."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "wayside" / "exports"


def graph_folder(weights: Path, layers: Sequence[int]) -> Path:
    """The folder of one graph: named by what its numbers depend on, so that nothing in it is ever out of date.

    A graph takes inputs of every size, and every technology and precision runs the same one.
    """
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    packages = [f"{name} {version(name)}" for name in ("torch", "ultralytics", "onnx")]
    return cache_folder() / f"{weights.stem}-{key_of(digest, sorted(layers), packages)}"


def quantised_file(graph: Path) -> Path:
    """Where a graph's copy in whole numbers lies, which `wayside export --calibrate` makes."""
    return graph.with_name(_QUANTISED)


def key_of(*parts: object) -> str:
    """Sixteen digits that stand for these parts."""
    return hashlib.sha256(json.dumps([_FORMAT, *parts]).encode()).hexdigest()[:16]


def kept_graph(weights: Path, layers: Sequence[int], make: Callable[[Path], None]) -> tuple[Path, bool]:
    """The graph's file, and whether it was there already; else `make` writes it.

    Two workers may make it at the same time: each writes into a folder of its own, and the first to end gives the name.

    Raises:
        ModelError: the folder cannot be written.
    """
    folder = graph_folder(weights, layers)
    if (folder / _GRAPH).is_file():
        return folder / _GRAPH, True
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise ModelError(
            f"{folder.parent}: exported models cannot be kept there ({error.strerror}); set XDG_CACHE_HOME to a folder "
            "that can be written, or WAYSIDE_BACKEND=torch"
        ) from None
    try:
        make(part / _GRAPH)
        part.chmod(0o755)  # made for its owner alone, and workers may run as another user
        try:
            part.rename(folder)
        except OSError:
            if not (folder / _GRAPH).is_file():
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder / _GRAPH, False


def read_note(path: Path) -> dict[str, Any] | None:
    """What `write_note` wrote there; None when it is not there or was cut off."""
    try:
        note: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return note


def write_note(path: Path, note: dict[str, Any]) -> None:
    """Write a small JSON file as a whole.

    Raises:
        ModelError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f"{path.name}.", delete=False) as file:
            json.dump(note, file)
        Path(file.name).chmod(0o644)
        Path(file.name).replace(path)
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be written ({error.strerror}); set XDG_CACHE_HOME to a folder that can"
        ) from None
