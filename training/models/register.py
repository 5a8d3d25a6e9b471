"""Models into the registry: what a training has made, or a file that is there."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from services.detector.heads.file import load_head
from services.detector.model_file import load_model, read_spec
from services.detector.safe_file import read_safe
from services.detector.weights import version_of
from shared.exceptions import ModelError
from shared.registry import Kind, ModelVersion, Registry, check_name
from training.bench.machine import describe
from training.data.digest import digest_of_all
from training.data.trained import SUFFIX
from training.trust import trusted

_ROOT = Path(__file__).resolve().parents[2]


def register_trained(
    registry: Registry, name: str, kind: Kind, weights: Path, *, figures: Mapping[str, float], data: Sequence[Path],
    start: str, command: str, digest: str | None = None, more: Mapping[str, str] | None = None,
) -> ModelVersion:  # fmt: skip
    """Register what a training wrote, as the candidate; its card and report beside it.

    Args:
        start: the weights that it began from, or whose features it looks at, with digest.
        digest: of the data as they were when the training began; None: they are read now.
        more: further lineage.
    """
    lineage = {
        "command": command,
        "start": start,
        "file": version_of(weights),
        "data": ", ".join(path.name for path in data) or "none",
        "data_sha256": digest or digest_of_all(data),
        "machine": describe(),
        **(more or {}),
    }
    revision = revision_of(_ROOT)
    if revision is not None:
        lineage["revision"] = revision
    return registry.register(name, kind, [weights, *_beside(weights)], figures=figures, lineage=lineage)


def register_file(registry: Registry, path: Path, name: str | None, command: str) -> ModelVersion:
    """Register a weights or head file that is there, with its card, as the candidate.

    Raises:
        ModelError: no such file, damaged, none of ours, or a name that no model can have.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    lineage = {"file": version_of(path), "added_by": command}
    figures: Mapping[str, float] = {}
    kind: Kind = "detector"
    if path.suffix == ".pt":
        # Read for the check: weights that hold more than layers are refused.
        from services.detector.backends.network import load_network

        load_network(path, trusted=trusted())
        found = path.stem
    elif _is_head(path):
        _, head = load_head(path)
        kind, found, figures = "head", head.name, head.metrics
        lineage |= {"command": head.created_by, "data": head.data.source, "licence": head.data.licence}
    else:
        load_model(path)
        spec = read_spec(path)
        found = spec.name
        lineage |= {"command": spec.command, "start": spec.start}
    check_name(name or found)
    return registry.register(name or found, kind, [path, *_beside(path)], figures=figures, lineage=lineage)


def revision_of(root: Path) -> str | None:
    """The checkout's commit, with `-dirty` when it has changes; None where it is no checkout."""
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def _is_head(path: Path) -> bool:
    from safetensors import SafetensorError

    try:
        text, _ = read_safe(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: cannot be read as safetensors: {str(error).splitlines()[0]}") from None
    return text is not None and '"wayside.head/' in text


def _beside(weights: Path) -> list[Path]:
    """Card, report, and the record of what it was trained on."""
    return [file for suffix in (".md", ".html", SUFFIX) if (file := weights.with_suffix(suffix)).is_file()]
