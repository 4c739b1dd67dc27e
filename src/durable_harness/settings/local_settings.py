"""local.settings.json: app settings that become environment variables, and defaults for the host's options."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from durable_harness.errors import ConfigurationError
from durable_harness.settings.json_file import read_json_object

FILE_NAME = "local.settings.json"


@dataclass(frozen=True)
class LocalSettings:
    """The content of the file, empty if there is none; `warnings` are for the person who starts the host."""

    values: dict[str, str] = field(default_factory=dict, repr=False)
    port: int | None = None
    cors: str | None = None
    cors_credentials: bool = False
    warnings: tuple[str, ...] = ()


def read_local_settings(app_dir: Path) -> LocalSettings:
    """Read `local.settings.json` of an app directory.

    Raises ConfigurationError for a file that is not a JSON object or has values of a wrong kind. (Core Tools then
    continues without settings; an app that silently lacks its settings is hard to debug.)
    """
    path = app_dir / FILE_NAME
    if not path.exists():
        return LocalSettings()
    content = read_json_object(path)
    if content.get("IsEncrypted") is True:
        raise ConfigurationError(
            FILE_NAME, "IsEncrypted", "the settings are encrypted.", "Decrypt them: func settings decrypt"
        )
    values, warnings = _app_settings(content)
    host = _object(content, "Host")
    return LocalSettings(
        values=values,
        port=_port(host.get("LocalHttpPort")),
        cors=_text(host, "CORS"),
        cors_credentials=_boolean(host, "CORSCredentials"),
        warnings=tuple(warnings),
    )


def export_settings(settings: LocalSettings, environ: MutableMapping[str, str]) -> list[str]:
    """Put the app settings into the environment, where a variable that is set already wins; return warnings."""
    warnings = []
    for name, value in settings.values.items():
        if environ.get(name):
            if environ[name] != value:
                warnings.append(f"{name}: the environment's value is used, not the one of {FILE_NAME}.")
        else:
            environ[name] = value
    return warnings


def _app_settings(content: dict[str, Any]) -> tuple[dict[str, str], list[str]]:
    values: dict[str, str] = {}
    warnings = []
    for name, value in _object(content, "Values").items():
        if not name or value is None:
            warnings.append(f"{FILE_NAME}: Values: '{name}' has no {'name' if not name else 'value'} and is skipped.")
        elif isinstance(value, dict | list):
            raise ConfigurationError(FILE_NAME, f"Values.{name}", "an app setting must be text, not an object or list.")
        else:
            values[name] = value if isinstance(value, str) else json.dumps(value)
    for name, value in _object(content, "ConnectionStrings").items():
        text = value.get("ConnectionString") if isinstance(value, dict) else value
        if isinstance(text, str):
            values[f"ConnectionStrings:{name}"] = text
    return values, warnings


def _object(content: dict[str, Any], key: str) -> dict[str, Any]:
    value = content.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigurationError(FILE_NAME, key, "must be a JSON object.")
    return value


def _text(host: dict[str, Any], key: str) -> str | None:
    value = host.get(key)
    if value is None or isinstance(value, str):
        return value
    raise ConfigurationError(FILE_NAME, f"Host.{key}", "must be text: origins, separated by commas.")


def _boolean(host: dict[str, Any], key: str) -> bool:
    """Return a switch: true, or "true" as Core Tools reads it. "false" must not switch it on."""
    word = str(host.get(key, False)).strip().lower()
    if word not in {"true", "false"}:
        raise ConfigurationError(FILE_NAME, f"Host.{key}", "must be true or false.")
    return word == "true"


def _port(value: object) -> int | None:
    if value is None:
        return None
    try:
        port = int(str(value))
    except ValueError:
        port = -1
    if not 0 <= port <= 65535:  # noqa: PLR2004 - the range of ports
        raise ConfigurationError(FILE_NAME, "Host.LocalHttpPort", f"{value!r} is not a port from 0 to 65535.")
    return port
