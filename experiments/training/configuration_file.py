"""Configurations as TOML: one flat table of plain values."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from .configuration import Configuration, ConfigurationError

_NAMES = tuple(field.name for field in fields(Configuration))


def to_toml(configuration: Configuration) -> str:
    """One line a field; a field that is None has no line."""
    return "".join(f"{name} = {_value(value)}\n" for name, value in configuration.plain().items())


def read_settings(path: Path) -> dict[str, Any]:
    """The fields that a TOML file sets. Raises a `ConfigurationError` for what is no TOML file or has other names."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{str(path)!r} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{str(path)!r} must be a TOML file, but {error}") from error
    for name in found:
        if name not in _NAMES:
            raise ConfigurationError(f"{str(path)!r} must have names among {', '.join(_NAMES)}, got {name!r}")
    return found


def read_assignment(text: str, also: tuple[str, ...] = ()) -> tuple[str, Any]:
    """``name=value`` as on a command line: the value is that of a TOML file, and text needs no quotation marks there.

    Raises a `ConfigurationError` for another form and for a name that no setting has and that is not ``also`` allowed.
    """
    name, sign, value = text.partition("=")
    if not sign or name not in (*also, *_NAMES):
        raise ConfigurationError(f"NAME=VALUE must have a NAME among {', '.join((*also, *_NAMES))}, got {text!r}")
    try:
        return name, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name, value


def to_arguments(settings: Mapping[str, Any]) -> list[str]:
    """``--set name=value`` of each: what `read_assignment` reads."""
    return [part for name, value in settings.items() for part in ("--set", f"{name}={_plain(value)}")]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else _value(value)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"a setting must be finite, got {value!r}")
        return repr(value)
    return str(value) if isinstance(value, int) else json.dumps(value, ensure_ascii=False)
