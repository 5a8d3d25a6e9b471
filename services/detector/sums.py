"""Counts of one picture each, added up field by field and by key."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, Self, TypeVar

Key = TypeVar("Key", str, tuple[str, str, str])
Counts = TypeVar("Counts", bound="Sums")


class Sums:
    """A dataclass of numbers that can be added to another of its kind."""

    __slots__ = ()

    def __add__(self, other: Self) -> Self:
        mine: Any = self
        return type(self)(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(mine)))


def total(tallies: Iterable[Mapping[Key, Counts]]) -> dict[Key, Counts]:
    """Several pictures together, in the order of the keys."""
    sums: dict[Key, Counts] = {}
    for one in tallies:
        for key, tally in one.items():
            sums[key] = sums[key] + tally if key in sums else tally
    return dict(sorted(sums.items()))
