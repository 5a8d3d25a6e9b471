"""Held-out pictures that none of the compared versions was trained on, whatever the split says today."""

from collections.abc import Callable, Sequence
from pathlib import Path

from shared.exceptions import InputError
from shared.registry import ModelVersion
from training.data.trained import Item, fresh, picture_digest, read_trained, record_of


def unseen(
    items: Sequence[Item], path_of: Callable[[Item], Path | None], versions: Sequence[ModelVersion],
    files: Sequence[Path], say: Callable[[str], None],
) -> list[Item]:  # fmt: skip
    """Leave out what one of the versions was trained on, and say how many; perhaps nothing remains.

    Args:
        path_of: an item's picture; None where it has no file.
        files: weights of the versions, with their records beside them.

    Raises:
        InputError: a record cannot be read.
    """
    held = {picture_digest(path) for item in items if (path := path_of(item)) is not None}
    seen: set[str] = set()
    guilty = []
    for version, file in zip(versions, files, strict=True):
        record = read_trained(record_of(file))
        if record is None:
            say(
                f"{version.label}: does not tell which pictures it was trained on; if these were among them, its "
                "figures are too good"
            )
        elif record & held:
            guilty.append(version.label)
            seen |= record
    left = fresh(items, path_of, seen)
    if len(left) < len(items):
        gone = len(items) - len(left)
        say(f"{gone} of {len(items)} held-out pictures left out: they were in the training of {' and '.join(guilty)}")
    return left


def nothing_left(data: Sequence[Path], count: int) -> InputError:
    """When every labelled picture is known to one of the versions.

    Args:
        count: pictures that the split holds out.
    """
    return InputError(
        f"--data {', '.join(map(str, data))}: of {count} held-out pictures none with labels is left that no version "
        "was trained on; give pictures that were taken since, or --force REASON without --data"
    )
