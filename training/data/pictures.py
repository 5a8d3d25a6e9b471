"""Which files of a data set are pictures."""

from collections.abc import Iterator
from pathlib import Path

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})


def is_picture(path: Path) -> bool:
    """By its name."""
    return path.suffix.lower() in SUFFIXES


def pictures_below(folder: Path) -> Iterator[Path]:
    """All pictures in the folder and those below it, in the order of their names."""
    return (path for path in sorted(folder.rglob("*")) if is_picture(path))
