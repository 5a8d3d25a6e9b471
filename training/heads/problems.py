"""What is wrong with a data set, all of it in one report."""

from dataclasses import dataclass, field
from pathlib import Path

from shared.exceptions import InputError

_SHOWN = 20


@dataclass(slots=True)
class Problems:
    """Collects what cannot be used; the rest is trained on.

    Example:
        >>> problems = Problems()
        >>> problems.add(Path("wet/1.jpg"), "cannot be decoded")
        >>> problems.lines()
        ['wet/1.jpg: cannot be decoded']
    """

    found: list[tuple[str, str]] = field(default_factory=list)

    def add(self, where: Path | str, what: str) -> None:
        """Note one problem."""
        self.found.append((str(where), what))

    def lines(self) -> list[str]:
        """One line each, in the order of their finding."""
        return [f"{where}: {what}" for where, what in self.found]

    def stop(self, why: str) -> InputError:
        """The error that ends the training: why, then every problem."""
        listed = self.lines()
        more = [f"… and {len(listed) - _SHOWN} more"] if len(listed) > _SHOWN else []
        return InputError("\n  ".join([why, *listed[:_SHOWN], *more]))
