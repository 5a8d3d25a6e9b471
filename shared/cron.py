"""Cron expressions in local time. Changes of the clock are treated as Debian's cron does: what falls into the hour that
is left out comes right after it, and a fixed time in the hour that comes twice is met once."""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from shared.clock import NS

_FIELDS = 5


def check_cron(expression: str) -> str:
    """The expression itself, when it is one.

    Raises:
        ValueError: no cron expression of five fields, or one that is never met.
    """
    if len(expression.split()) != _FIELDS:
        raise ValueError(f"{expression!r} needs five fields: minute hour day month weekday, such as '0 5 * * mon-fri'")
    try:
        next(CronSim(expression, datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC"))))
    except CronSimError as error:
        raise ValueError(f"{expression!r} is no cron expression: {str(error).lower()}") from None
    except StopIteration:
        raise ValueError(f"{expression!r} is never met; is it a day that its month does not have?") from None
    return expression


def explained(expression: str) -> str:
    """A checked expression in words.

    >>> explained("0 5 * * mon-fri")
    'At 05:00 on Monday through Friday'
    """
    text: str = CronSim(expression, datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC"))).explain()
    return text


def times_after(expression: str, timezone: str, after: int) -> Iterator[int]:
    """The times of a checked expression after `after`, UTC ns, in order.

    >>> times = times_after("* * * * *", "UTC", 0)
    >>> next(times), next(times)
    (60000000000, 120000000000)
    """
    # cronsim gives what comes after its start, which has whole seconds here.
    for found in CronSim(expression, datetime.fromtimestamp(after // NS, ZoneInfo(timezone))):
        at = int(found.timestamp()) * NS
        if at > after:
            yield at
