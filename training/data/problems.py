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

    def tell(self, console: Console, listed: Path | None = None) -> None:
        """Print what is left out: the first lines, and where all are.

        Args:
            listed: the file with every line; see `write`.
        """
        for line in self._shortened(f", all in {listed}" if listed else ""):
            console.print(f"left out: {line}", highlight=False, markup=False, soft_wrap=True)
        if self.found:
            console.print(f"{len(self.found)} problems in the data", highlight=False)

    def write(self, file: Path) -> None:
        """Every line into a file; none is left where there is no problem."""
        if self.found:
            file.write_text("".join(f"{' '.join(line.splitlines())}\n" for line in self.lines()), encoding="utf-8")
        else:
            file.unlink(missing_ok=True)

    @classmethod
    def read(cls, file: Path) -> "Problems":
        """What `write` has written; no problems when there is no file."""
        lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
        parts = [line.partition(": ") for line in lines]
        return cls([(where, what) for where, _, what in parts])

    def stop(self, why: str) -> InputError:
        """The error that ends the training: why, then every problem."""
        return InputError("\n  ".join([why, *self.lines()]))

    def _shortened(self, where_all: str = "") -> list[str]:
        listed = self.lines()
        more = [f"… and {len(listed) - _SHOWN} more{where_all}"] if len(listed) > _SHOWN else []
        return [*listed[:_SHOWN], *more]
