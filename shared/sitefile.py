"""Reading a site file, with errors that name the file, the line, the field and the remedy."""

import os
import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from shared.exceptions import ConfigError
from shared.site import Site

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def load_site(path: Path) -> Site:
    """Read and validate a site file. `${NAME}` in a value is replaced from the environment.

    Relative sources and sink paths are taken relative to the site file's folder.

    Raises:
        ConfigError: one line, `FILE:LINE: FIELD: what is wrong`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such site file; give one with --site (docs/site-file.md)") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    return parse_site(text, path)


def parse_site(text: str, path: Path) -> Site:
    """As `load_site`, from the text; `path` is for messages and relative paths."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise ConfigError(f"{path}{line}: not valid YAML: {problem}") from None
    if root is None or not isinstance(raw, dict):
        raise ConfigError(f"{path}: a site file is a mapping with `site` and `cameras` (docs/site-file.md)")
    _refuse_repeated_keys(root, path)
    try:
        return _absolute(Site.model_validate(_substitute(raw, path)), path.resolve().parent)
    except ValidationError as error:
        raise ConfigError(_one_line(error, root, path)) from None


def _substitute(value: Any, path: Path) -> Any:
    if isinstance(value, dict):
        return {key: _substitute(item, path) for key, item in value.items()}
    if isinstance(value, list):
        return [_substitute(item, path) for item in value]
    if not isinstance(value, str):
        return value

    def lookup(match: re.Match[str]) -> str:
        name = match[1]
        if name not in os.environ:
            raise ConfigError(f"{path}: ${{{name}}} is not set in the environment; export {name}")
        return os.environ[name]

    return _VARIABLE.sub(lookup, value)


def _absolute(site: Site, folder: Path) -> Site:
    cameras = [
        camera.model_copy(update={"source": str(folder / camera.source)})
        if not _is_remote(camera.source) and not Path(camera.source).is_absolute()
        else camera
        for camera in site.cameras
    ]
    sinks = [
        sink.model_copy(update={"path": folder / sink.path}) if sink.type == "jsonl" else sink for sink in site.sinks
    ]
    return site.model_copy(update={"cameras": cameras, "sinks": sinks})


def _is_remote(source: str) -> bool:
    return "://" in source or source.isdigit()


def _one_line(error: ValidationError, root: yaml.Node, path: Path) -> str:
    errors = error.errors(include_url=False, include_input=False)
    first = errors[0]
    loc = [part for part in first["loc"] if part not in ("webhook", "jsonl")]
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "unknown key; remove it or correct its spelling"
    elif first["type"] == "missing":
        message = "is required"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{path}:{_line(root, loc)}: {field + ': ' if field else ''}{message}{more}"


def _line(node: yaml.Node, loc: list[Any]) -> int:
    line = node.start_mark.line + 1
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == part), None)
            if found is None:
                return int(line)
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return int(line)


def _refuse_repeated_keys(node: yaml.Node, path: Path) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                raise ConfigError(f"{path}:{key.start_mark.line + 1}: {key.value}: given twice; keep one")
            seen.add(key.value)
            _refuse_repeated_keys(value, path)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_repeated_keys(item, path)
