"""Promotion and rollback: the aliases moved, the figures and the decision kept beside the version."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.exceptions import ConfigError, ModelError
from shared.registry import CANDIDATE, PREVIOUS, PRODUCTION, ModelVersion, Registry
from training.models.history import Event, now, record
from training.models.measure import Basis, measure_all
from training.models.promotion import Compared, Figure, Tolerances, compare, worse


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a promotion.

    Attributes:
        rows: both models' figures; only the candidate's where nothing was in production.
        refused: a line per figure that forbade it; empty when it was promoted.
    """

    candidate: ModelVersion
    production: ModelVersion | None
    rows: list[Compared]
    refused: list[str]


def find(registry: Registry, name: str, version: str | None) -> ModelVersion:
    """A version by its number or alias; the newest when none is named.

    Raises:
        ModelError: there is none; says what there is.
    """
    versions = registry.versions(name)
    for item in reversed(versions):
        if version is None or version == str(item.number) or version in item.aliases:
            return item
    if not versions:
        raise ModelError(f"no model {name!r} in the registry; `wayside models list` tells which there are")
    known = ", ".join([*(str(item.number) for item in versions), *sorted(set().union(*(v.aliases for v in versions)))])
    raise ModelError(f"{name} has no version {version!r}; it has {known}")


def holder(versions: Sequence[ModelVersion], alias: str) -> ModelVersion | None:
    """The version that an alias means."""
    return next((item for item in versions if alias in item.aliases), None)


def promote(
    registry: Registry, name: str, version: str, basis: Basis, tolerances: Tolerances, force: str | None,
    command: str, say: Callable[[str], None],
) -> Outcome:  # fmt: skip
    """Measure a version and the one in production, and put it into production unless it is worse.

    Args:
        version: number or alias.
        force: why it is promoted although it is worse, or unmeasured.

    Raises:
        ConfigError: no data, or the version is in production already.
        ModelError, InputError: it cannot be measured.
    """
    candidate = find(registry, name, version)
    production = holder(registry.versions(name), PRODUCTION)
    if production is not None and production.number == candidate.number:
        raise ConfigError(f"{candidate.label} is in production already")
    if production is not None and production.kind != candidate.kind:
        raise ConfigError(f"{candidate.label} is a {candidate.kind}, {production.label} a {production.kind}")
    if not basis.data and force is None:
        raise ConfigError("--data: pictures to judge on are needed, or --force REASON")
    both = [candidate, *([production] if production else [])]
    measured = _measure(registry, both, basis, say) if basis.data else [{} for _ in both]
    before = measured[1] if production else {}
    rows = compare(before, measured[0], tolerances)
    refused = worse(rows)
    decided = "promoted" if basis.data and not refused else "refused" if force is None else "forced"
    event = Event(
        at=now(), decision=decided, against=production.label if production else None, worse=refused, reason=force,
        figures=_values(measured[0]), against_figures=_values(before), data=[str(path) for path in basis.data],
        command=command,
    )  # fmt: skip
    if decided == "refused":
        record(registry, candidate, event)
        return Outcome(candidate, production, rows, refused)
    # The way back is there before the new version runs.
    if production is not None:
        registry.point(name, PREVIOUS, production.number)
    registry.point(name, PRODUCTION, candidate.number)
    if CANDIDATE in candidate.aliases:
        registry.point(name, CANDIDATE, None)
    record(registry, candidate, event)
    return Outcome(candidate, production, rows, [])


def rollback(registry: Registry, name: str, reason: str | None, command: str) -> tuple[ModelVersion, ModelVersion]:
    """Put the previous version into production; the one that leaves it becomes the previous one.

    Returns:
        the version that is in production now, and the one that was.

    Raises:
        ModelError: there is nothing to go back to.
    """
    versions = registry.versions(name)
    production, previous = holder(versions, PRODUCTION), holder(versions, PREVIOUS)
    if production is None:
        raise ModelError(f"{name}: no version is in production, so there is nothing to go back from")
    if previous is None or previous.number == production.number:
        raise ModelError(f"{name}: there is nothing to go back to: none was in production before {production.label}")
    registry.point(name, PRODUCTION, previous.number)
    registry.point(name, PREVIOUS, production.number)
    at = now()
    record(
        registry, previous,
        Event(at=at, decision="restored", against=production.label, reason=reason, command=command),
    )  # fmt: skip
    record(
        registry, production,
        Event(at=at, decision="withdrew", against=previous.label, reason=reason, command=command),
    )  # fmt: skip
    return previous, production


def _measure(
    registry: Registry, versions: Sequence[ModelVersion], basis: Basis, say: Callable[[str], None]
) -> list[dict[str, Figure]]:
    with tempfile.TemporaryDirectory(prefix="wayside-models-") as folder:
        files = [registry.fetch(item, Path(folder)) for item in versions]
        return measure_all(versions, files, basis, say)


def _values(figures: dict[str, Figure]) -> dict[str, float]:
    return {name: round(figure.value, 6) for name, figure in figures.items()}
