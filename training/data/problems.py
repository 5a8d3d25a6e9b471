"""What is wrong with training data, all of it in one report."""

from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

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

    def tell(self, console: Console) -> None:
        """Print what is left out."""
        for line in self._shortened():
            console.print(f"left out: {line}", highlight=False, markup=False, soft_wrap=True)
        if self.found:
            console.print(f"{len(self.found)} problems in the data", highlight=False)

    def stop(self, why: str) -> InputError:
        """The error that ends the training: why, then every problem."""
        return InputError("\n  ".join([why, *self._shortened()]))

    def _shortened(self) -> list[str]:
        listed = self.lines()
        more = [f"… and {len(listed) - _SHOWN} more"] if len(listed) > _SHOWN else []
        return [*listed[:_SHOWN], *more]
