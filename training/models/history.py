"""What happened to a version: every decision on it, kept beside it in the registry."""

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.exceptions import ModelError
from shared.registry import ModelVersion, Registry

_KEY = "event."


class Event(BaseModel):
    """One decision.

    Attributes:
        at: RFC 3339.
        decision: `forced`: promoted against the figures, or without any; `restored`: put back by a rollback, which
            `withdrew` the other.
        against: the version that was in production.
        figures, against_figures: of both, on data that training never saw.
        worse: what stood against a promotion.
        reason: of who decided.
        data: what was measured on.
        command: as it was typed.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: str
    decision: Literal["promoted", "refused", "forced", "restored", "withdrew"]
    against: str | None = None
    figures: dict[str, float] = {}
    against_figures: dict[str, float] = {}
    worse: list[str] = []
    reason: str | None = None
    data: list[str] = []
    command: str = ""


def now() -> str:
    """RFC 3339, UTC, with microseconds, so that the order of events is that of their texts."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def record(registry: Registry, version: ModelVersion, event: Event) -> None:
    """Keep an event beside its version."""
    registry.note(version, f"{_KEY}{event.at.replace(':', '')}", event.model_dump_json(exclude_defaults=True))


def history_of(version: ModelVersion) -> list[Event]:
    """Events of a version, oldest first.

    Raises:
        ModelError: one cannot be read.
    """
    try:
        return [Event.model_validate_json(text) for key, text in sorted(version.notes.items()) if key.startswith(_KEY)]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelError(
            f"{version.label}: its history cannot be read: {where}: {first['msg']}; was it written by a newer Wayside?"
        ) from None
