"""Errors that a user can mend, told in one line each."""


class WaysideError(Exception):
    """Base of all expected errors; the command prints its text on one line and exits with `exit_code`."""

    exit_code = 2


class ConfigError(WaysideError):
    """A site file, setting or flag is wrong; the text names the file, the field and the remedy."""


class InputError(WaysideError):
    """A source, clip or picture cannot be read; the text names it and the reason."""


class ModelError(WaysideError):
    """Weights cannot be found, fetched or loaded; the text lists where they were looked for."""


class BusError(WaysideError):
    """The bus cannot be reached, or refused a message or a commit."""


class OwnershipLostError(BusError):
    """A commit came after the group gave the partition to another member, which will do the work again."""


class StoreError(WaysideError):
    """Redis cannot be reached."""


class PoisonMessageError(Exception):
    """A message that can never be processed; it goes to the dead-letter topic with `reason` and is counted.

    Attributes:
        reason: short stable word for the metric label, such as `truncated-jpeg`.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
