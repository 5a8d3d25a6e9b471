"""One name for exactly these data: it changes with any picture, label or split, and says which data a model saw."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from shared.exceptions import InputError

CARD = "data-card.md"
# Notes that tools leave beside the data: Ultralytics's cache of labels, and the card itself, which quotes the digest.
_NOTES = frozenset({".cache"})


def digest_of(folder: Path) -> str:
    """SHA-256 over the names and contents of all files in the folder, in the order of their names; hex digits.

    Of a clip that of the file. Hidden files, caches and the card are left out; where the folder lies and when its files
    were written do not count.

    Raises:
        OSError: a file cannot be read.
    """
    if folder.is_file():
        with folder.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    whole = hashlib.sha256()
    for name, path in sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or path.suffix in _NOTES or name == CARD or not path.is_file():
            continue
        with path.open("rb") as file:
            whole.update(name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


def digest_of_all(sources: Sequence[Path]) -> str:
    """One digest for several folders and clips, in any order; of a single one its own.

    Raises:
        InputError: a file cannot be read.
    """
    try:
        digests = sorted(digest_of(source) for source in sources)
    except OSError as error:
        raise InputError(f"--data: {error.filename} cannot be read: {error.strerror}; allow it or move it") from None
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()
