"""Which pictures a model was trained on, by content: a small file beside its weights that goes with it everywhere.

Sides of a split can change: a folder is split after a first training, split anew, or its pictures are renamed. What a
picture holds does not, so a promotion can leave out every picture that one of the models has seen.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from shared.exceptions import InputError

Item = TypeVar("Item")
SUFFIX = ".trained"
# Half of a SHA-256: nobody makes pictures that collide with it by chance, and the file is half as long.
_DIGITS = 32
_LINE = re.compile(rf"[0-9a-f]{{{_DIGITS}}}")


def record_of(weights: Path) -> Path:
    """The file beside the weights, `wayside-n.trained`."""
    return weights.with_suffix(SUFFIX)


def picture_digest(path: Path) -> str:
    """32 hex digits of a picture file's content.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_DIGITS]


def write_trained(file: Path, digests: Iterable[str]) -> None:
    """Write digests of pictures, one a line in their order."""
    file.write_text("".join(f"{digest}\n" for digest in sorted(set(digests))), encoding="ascii")


def read_trained(file: Path) -> frozenset[str] | None:
    """The digests that `write_trained` wrote; None where there is no such file.

    Raises:
        InputError: it holds something else.
    """
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        lines = [""]
    for number, line in enumerate(lines, start=1):
        if not _LINE.fullmatch(line):
            raise InputError(
                f"{file}:{number}: is no digest of a picture; copy the file anew with its weights, or delete it"
            )
    return frozenset(lines)


def fresh(items: Sequence[Item], path_of: Callable[[Item], Path | None], seen: Collection[str]) -> list[Item]:
    """The items whose picture is not among the digests; those without a file, such as frames of clips, among them."""
    if not seen:
        return list(items)
    return [item for item in items if (path := path_of(item)) is None or picture_digest(path) not in seen]
