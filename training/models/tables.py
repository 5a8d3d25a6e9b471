"""Versions, their history and a promotion's figures, as tables for people and as JSON for programs."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table

from shared.registry import ModelVersion
from training.models.history import Event, history_of
from training.models.promotion import Compared

_MAIN = ("map50_95", "map50", "f1", "accuracy")


def as_dict(version: ModelVersion) -> dict[str, Any]:
    """A version for JSON."""
    return {
        "name": version.name,
        "version": version.number,
        "kind": version.kind,
        "aliases": sorted(version.aliases),
        "created": _time(version),
        "weights": version.weights,
        "sha256": version.digest,
        "figures": dict(version.figures),
        "lineage": dict(version.lineage),
        "history": [event.model_dump(exclude_defaults=True) for event in history_of(version)],
    }


def listed(versions: Sequence[ModelVersion]) -> Table:
    """One row per version."""
    table = Table()
    for column in ("model", "version", "aliases", "kind", "registered (UTC)", "figures at training"):
        table.add_column(column, justify="right" if column == "version" else "left", no_wrap=column == "model")
    for item in versions:
        figures = ", ".join(f"{name} {item.figures[name]:.3f}" for name in _MAIN if name in item.figures)
        table.add_row(
            item.name, str(item.number), ", ".join(sorted(item.aliases)), item.kind, _time(item), figures or "-"
        )
    return table


def shown(version: ModelVersion) -> RenderableType:
    """Everything about one version."""
    facts = _plain_table()
    for name, text in (
        ("aliases", ", ".join(sorted(version.aliases)) or "none"),
        ("kind", version.kind),
        ("registered", _time(version)),
        ("weights", f"{version.weights}, SHA-256 {version.digest}"),
        *sorted(version.lineage.items()),
        *((name, f"{value:.3f}") for name, value in sorted(version.figures.items())),
    ):
        facts.add_row(name, text)
    return Group(version.label, facts, *(_event(event) for event in history_of(version)))


def side_by_side(rows: Sequence[Compared], candidate: ModelVersion, production: ModelVersion | None) -> Table:
    """The figures of both, their difference, and what stands against the candidate."""
    table = Table()
    table.add_column("figure", no_wrap=True)
    before = production.label if production else "production: none"
    heads = ("examples", before, candidate.label, "change", "limit", "")
    for head in heads:
        table.add_column(head, justify="right")
    for row in rows:
        both = row.production is not None and row.candidate is not None
        change = f"{(row.candidate or 0) - (row.production or 0):+.3f}" if both else "-"
        verdict = "" if production is None else row.verdict
        examples = "" if row.examples is None else str(row.examples)
        numbers = (_number(row.production), _number(row.candidate), change, _number(row.limit))
        table.add_row(row.name, examples, *numbers, verdict)
    return table


def tell(console: Console, what: RenderableType) -> None:
    """Print without rich's own colouring of numbers."""
    console.print(what, highlight=False, markup=False, soft_wrap=isinstance(what, str))


def _event(event: Event) -> RenderableType:
    facts = _plain_table()
    for name, text in (
        ("against", event.against),
        ("reason", event.reason),
        ("worse", "; ".join(event.worse)),
        ("data", ", ".join(event.data)),
        ("command", event.command),
    ):
        if text:
            facts.add_row(name, text)
    for name, value in event.figures.items():
        before = event.against_figures.get(name)
        facts.add_row(name, f"{value:.3f}" + (f" ({before:.3f} before)" if before is not None else ""))
    return Group(f"{event.at} {event.decision}", facts)


def _plain_table() -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _time(version: ModelVersion) -> str:
    return f"{version.created:%Y-%m-%dT%H:%M:%SZ}"
