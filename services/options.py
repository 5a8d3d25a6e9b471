"""Flags that several commands share, and the settings that they make."""

from pathlib import Path
from typing import Annotated

import typer

from shared.clock import from_rfc3339
from shared.exceptions import ConfigError
from shared.settings import Settings, load_settings
from shared.telemetry.logs import configure_logs

SiteOption = Annotated[Path | None, typer.Option("--site", help="Site file (WAYSIDE_SITE).")]
ModelOption = Annotated[
    str | None, typer.Option("--model", help="Weights by name, path or models:/NAME@ALIAS (WAYSIDE_MODEL).")
]
DeviceOption = Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or cuda:N (WAYSIDE_DEVICE).")]
ImgszOption = Annotated[int | None, typer.Option("--imgsz", help="Longer side of the model's input, pixels.")]
KafkaOption = Annotated[str | None, typer.Option("--kafka", help="HOST:PORT of Kafka (WAYSIDE_KAFKA).")]
RedisOption = Annotated[str | None, typer.Option("--redis", help="Redis URL (WAYSIDE_REDIS).")]
DataOption = Annotated[Path | None, typer.Option("--data", help="Folder for evidence and servers' data.")]
RunOption = Annotated[str | None, typer.Option("--run", help="Run id; enters every alert's id.")]
StartOption = Annotated[str | None, typer.Option("--start", help="Time of a clip's first frame, RFC 3339.")]


def settings_of(**flags: object) -> Settings:
    """Environment and flags; logging is set up by them.

    Raises:
        ConfigError: a value that does not fit.
    """
    settings = load_settings(**flags)
    configure_logs(settings.log_level)
    return settings


def start_ns_of(text: str | None) -> int:
    """`--start` as UTC ns; 1970 when not given.

    Raises:
        ConfigError: no date-time.
    """
    if text is None:
        return 0
    try:
        return from_rfc3339(text)
    except ValueError:
        raise ConfigError(f"--start {text!r} is no date-time; write it as 2026-05-01T06:30:00Z") from None
