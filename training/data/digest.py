"""One name for exactly these data: it changes with any picture, label or split, and says which data a model saw."""

import hashlib
from pathlib import Path

CARD = "data-card.md"
# Notes that tools leave beside the data: Ultralytics's cache of labels, and the card itself, which quotes the digest.
_NOTES = frozenset({".cache"})


def digest_of(folder: Path) -> str:
    """SHA-256 over the names and contents of all files in the folder, in the order of their names; hex digits.

    Hidden files, caches and the card are left out; where the folder lies and when its files were written do not count.

    Raises:
        OSError: a file cannot be read.
    """
    whole = hashlib.sha256()
    for name, path in sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or path.suffix in _NOTES or name == CARD or not path.is_file():
            continue
        with path.open("rb") as file:
            whole.update(name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()
