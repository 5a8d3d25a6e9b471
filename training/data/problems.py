"""What is wrong with training data, collected so that one report names all of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from shared.exceptions import InputError

_SHOWN = 40


@dataclass
class Problems:
    """Collects problems; `fatal` ones stop the training, others leave a picture or a line out."""

    lines: list[str] = field(default_factory=list)
    fatal: list[str] = field(default_factory=list)

    def add(self, path: Path, text: str) -> None:
        """One picture or line is left out."""
        self.lines.append(f"{path}: {text}")

    def stop(self, text: str) -> None:
        """Training cannot begin."""
        self.fatal.append(text)

    def tell(self, console: Console) -> None:
        """Print the report.

        Raises:
            InputError: something fatal was found.
        """
        for line in self._shortened(self.lines):
            console.print(f"left out: {line}", highlight=False, markup=False, soft_wrap=True)
        if self.lines:
            console.print(f"{len(self.lines)} problems in the data", highlight=False)
        if self.fatal:
            raise InputError("; ".join(self.fatal))

    @staticmethod
    def _shortened(lines: Sequence[str]) -> list[str]:
        if len(lines) <= _SHOWN:
            return list(lines)
        return [*lines[:_SHOWN], f"… and {len(lines) - _SHOWN} more of that kind"]
