"""`wayside …` in this process, for tests of what a command does rather than how it starts."""

from collections.abc import Callable

from click.testing import Result
from typer.testing import CliRunner

from services.cli import app
from shared.exceptions import WaysideError

Wayside = Callable[..., Result]


def call(*arguments: str, code: int = 0) -> Result:
    """Run the command in the current folder; an error that a user is told in one line is raised."""
    result = CliRunner().invoke(app, arguments)
    if isinstance(result.exception, WaysideError):
        raise result.exception
    assert result.exit_code == code, result.output
    return result
