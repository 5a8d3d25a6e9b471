"""The bus with other numbers in place of those of `shared.bus.kafka_settings`, for as long as a figure is taken."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from shared.bus import kafka_settings

# What a client reads when it is made; anything else is bound to its name elsewhere and would not change.
_NAMES = ("BATCH_BYTES", "COMPRESSION", "FETCH_BYTES", "FETCH_PARTITION_BYTES", "FETCH_WAIT_MS", "LINGER_MS")


@contextmanager
def varied(variant: str) -> Iterator[None]:
    """Clients made in here follow `variant`, such as `LINGER_MS=20,BATCH_BYTES=1048576`; none where it is empty."""
    with ExitStack() as stack:
        for name, value in changes(variant).items():
            stack.enter_context(patch.object(kafka_settings, name, value))
        yield


def concerns(variant: str, receiving: bool) -> bool:
    """Whether a variant can change what receiving costs, or sending."""
    return not variant or any(name.startswith("FETCH") == receiving for name in changes(variant))


def changes(variant: str) -> dict[str, int | str]:
    """What a variant changes.

    Raises:
        ValueError: it is not NAME=VALUE[,NAME=VALUE], or names what cannot be changed.
    """
    changed: dict[str, int | str] = {}
    for change in filter(None, variant.split(",")):
        name, _, value = change.partition("=")
        if name not in _NAMES or not value:
            raise ValueError(f"{change!r} is not NAME=VALUE with one of {', '.join(_NAMES)}")
        changed[name] = value if name == "COMPRESSION" else int(value)
    return changed
