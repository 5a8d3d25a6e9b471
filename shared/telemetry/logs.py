"""Structured logs, one event per line: JSON to a file or a container, readable text on a terminal."""

import logging
import re
import sys
from typing import Any

import structlog

from shared.exceptions import ConfigError

# To the last @, and past a / after a colon: passwords are often not percent-encoded as they should be.
_CREDENTIALS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?:[^/@\s]*:\S*@(?=[^/@\s])|[^/\s]*@)", re.IGNORECASE)
_QUERY_SECRET = re.compile(r"(?P<name>[?&][^=&\s]*(?:key|token|secret|pass|auth|sig)[^=&\s]*=)[^&\s]+", re.IGNORECASE)


def redact(text: str) -> str:
    """Remove user names, passwords and secret query values from every URL in a text.

    >>> redact("rtsp://user:pw@camera.example/main?token=abc")
    'rtsp://***@camera.example/main?token=***'
    """
    return _QUERY_SECRET.sub(r"\g<name>***", _CREDENTIALS.sub(r"\g<scheme>***@", text))


def _redact_event(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {key: redact(value) if isinstance(value, str) else value for key, value in event.items()}


def configure_logs(level: str = "info") -> None:
    """Set up structlog, and route the standard library's warnings from dependencies to it.

    Raises:
        ConfigError: no such level.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ConfigError(f"setting log_level (WAYSIDE_LOG_LEVEL): no level {level!r}; debug, info, warning or error")
    pretty = sys.stderr.isatty()
    shared_steps: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _redact_event,
    ]
    structlog.configure(
        processors=[
            *shared_steps,
            structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared_steps,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)


def logger(service: str, **fields: Any) -> Any:
    """A logger whose every line carries the service's name.

    >>> logger("detector").info("batch", frames=8)  # doctest: +SKIP
    """
    return structlog.get_logger(service=service, **fields)
