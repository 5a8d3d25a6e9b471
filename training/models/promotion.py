"""Whether a candidate may take the place of the model in production: a pure decision on two sets of figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from training.intervals import most_by_chance

# `overall`: one quality of the whole model; `class`: of one class; `speed`: milliseconds per picture; `found`:
# share of staged incidents; `false`: number of false alarms on them; `shown`: told, but not judged.
Role = Literal["overall", "class", "speed", "found", "false", "shown"]
Verdict = Literal["good", "worse", "not judged"]
# Rounding must not decide.
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure.

    Attributes:
        role: how it is judged.
        examples: objects, pictures or staged incidents that it rests on, where that decides how it is judged.
        found: of the role `found`, which of the staged incidents were.
    """

    value: float
    role: Role
    examples: int | None = None
    found: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How much worse a candidate may be.

    Attributes:
        overall: in mAP or F1.
        per_class: in mAP or F1 of one class.
        slower: in milliseconds per picture, as a share of production's.
        least: examples from which a class is judged.
        chance: of staged incidents, which are few: refuse what an equal model would show this often at most; see
            `most_by_chance`. With 0.2: 3 lost and none gained, or 4 and one; false alarms likewise.
    """

    overall: float = 0.01
    per_class: float = 0.05
    slower: float = 0.1
    least: int = 30
    chance: float = 0.2


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of both; None: the model does not have it.

    Attributes:
        limit: the worst value that the candidate may have; None: not judged.
        examples: see `Figure`.
    """

    name: str
    production: float | None
    candidate: float | None
    limit: float | None
    verdict: Verdict
    examples: int | None = None

    @property
    def line(self) -> str:
        """For people, of a figure that is worse."""
        own = "missing" if self.candidate is None else format(self.candidate, ".3f")
        return f"{self.name} {own} (production {self.production:.3f}, limit {self.limit:.3f})"


def compare(
    production: Mapping[str, Figure], candidate: Mapping[str, Figure], tolerances: Tolerances
) -> list[Compared]:
    """Set both side by side, in production's order, then what only the candidate has.

    Example:
        >>> rows = compare({"f1": Figure(0.9, "overall")}, {"f1": Figure(0.8, "overall")}, Tolerances())
        >>> worse(rows)
        ['f1 0.800 (production 0.900, limit 0.890)']
    """
    return [
        _compared(name, production.get(name), candidate.get(name), tolerances)
        for name in dict.fromkeys([*production, *candidate])
    ]


def worse(rows: Sequence[Compared]) -> list[str]:
    """A line for each figure that forbids the promotion."""
    return [row.line for row in rows if row.verdict == "worse"]


def _compared(name: str, old: Figure | None, new: Figure | None, tolerances: Tolerances) -> Compared:
    before, after = old.value if old else None, new.value if new else None
    examples = next((figure.examples for figure in (old, new) if figure is not None), None)
    few = old is not None and old.role == "class" and (old.examples or 0) < tolerances.least
    if old is None or old.role == "shown" or few:
        return Compared(name, before, after, None, "not judged", examples)
    limit, sign = _limit(old, new, tolerances)
    # Written so that a figure that is no number is worse.
    good = after is not None and sign * after >= sign * limit - _SLACK
    return Compared(name, before, after, limit, "good" if good else "worse", examples)


def _limit(old: Figure, new: Figure | None, tolerances: Tolerances) -> tuple[float, int]:
    """The worst value that passes; 1 where more is better, else -1."""
    match old.role:
        case "overall":
            return old.value - tolerances.overall, 1
        case "class":
            return old.value - tolerances.per_class, 1
        case "speed":
            return old.value * (1 + tolerances.slower), -1
        case "false":
            return float(most_by_chance(round(old.value), tolerances.chance)), -1
        case _:
            # Both saw the same scenes, so only what one of them alone has found tells them apart.
            gained = len(new.found - old.found) if new else 0
            least = len(old.found) + gained - most_by_chance(gained, tolerances.chance)
            return max(0, least) / max(1, old.examples or 0), 1
