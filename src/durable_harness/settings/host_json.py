"""host.json: what the Functions host and the Durable Task extension read from it, typed and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from durable_harness.errors import ConfigurationError
from durable_harness.settings.local_settings import read_json_object

FILE_NAME = "host.json"
OVERRIDE_PREFIX = "AzureFunctionsJobHost__"
PROVIDERS = {
    "azuremanaged": "azureManaged",
    "azurestorage": "AzureStorage",
    "azure_storage": "AzureStorage",
    "mssql": "mssql",
    "netherite": "Netherite",
}
DEFAULT_FUNCTION_TIMEOUT_S = 30 * 60.0
DEFAULT_HUB_NAME = "TestHubName"
TIMESPAN = re.compile(r"^(?:(?P<d>\d+)\.)?(?P<h>\d{1,2}):(?P<m>\d{2}):(?P<s>\d{2})(?:\.\d+)?$")


@dataclass(frozen=True)
class DurableTaskSettings:
    """`extensions.durableTask`. A limit of None means: the host's own default."""

    hub_name: str = DEFAULT_HUB_NAME
    provider: str = "AzureStorage"
    connection_string_name: str | None = None
    max_concurrent_activities: int | None = None
    max_concurrent_orchestrators: int | None = None
    max_concurrent_entities: int | None = None
    replace_any_state: bool = False
    default_version: str | None = None
    http_poll_interval_s: float = 30.0
    local_rpc_enabled: bool = True


@dataclass(frozen=True)
class HostSettings:
    """The whole file. `function_timeout_s` is None where there is no limit; -1 means unbounded requests."""

    durable_task: DurableTaskSettings = field(default_factory=DurableTaskSettings)
    route_prefix: str = "api"
    max_outstanding_requests: int = -1
    max_concurrent_requests: int = -1
    function_timeout_s: float | None = DEFAULT_FUNCTION_TIMEOUT_S
    functions: tuple[str, ...] | None = None


def read_host_json(app_dir: Path, environ: Mapping[str, str]) -> HostSettings:
    """Read `host.json` of an app directory, with the overrides that the environment holds.

    Raises ConfigurationError that names the key, what it is and what it may be.
    """
    path = app_dir / FILE_NAME
    content = read_json_object(path) if path.exists() and path.stat().st_size else {"version": "2.0"}
    _override(content, environ)
    version = content.get("version")
    if version != "2.0":
        problem = "is missing" if version is None else f"is {version!r}"
        raise ConfigurationError(FILE_NAME, "version", f'{problem}; it must be "2.0".', 'Add: "version": "2.0"')
    reader = _Reader(content)
    functions = content.get("functions")
    return HostSettings(
        durable_task=_durable_task(reader, environ),
        route_prefix=reader.text("extensions.http.routePrefix", "api").strip("/"),
        max_outstanding_requests=reader.limit("extensions.http.maxOutstandingRequests"),
        max_concurrent_requests=reader.limit("extensions.http.maxConcurrentRequests"),
        function_timeout_s=_function_timeout(reader),
        functions=tuple(functions) if isinstance(functions, list) else None,
    )


def _durable_task(reader: _Reader, environ: Mapping[str, str]) -> DurableTaskSettings:
    base = "extensions.durableTask"
    hub = reader.text(f"{base}.hubName", environ.get("WEBSITE_SITE_NAME") or DEFAULT_HUB_NAME)
    if not hub:
        raise ConfigurationError(FILE_NAME, f"{base}.hubName", "is empty.", "Give the task hub a name.")
    if hub.startswith("%") and hub.endswith("%"):
        hub = environ.get(hub.strip("%"), hub)
    states = reader.choice(f"{base}.overridableExistingInstanceStates", "NonRunningStates", ("AnyState",))
    return DurableTaskSettings(
        hub_name=hub,
        provider=_provider(reader, f"{base}.storageProvider.type"),
        connection_string_name=reader.text(f"{base}.storageProvider.connectionStringName", "") or None,
        max_concurrent_activities=reader.positive(f"{base}.maxConcurrentActivityFunctions"),
        max_concurrent_orchestrators=reader.positive(f"{base}.maxConcurrentOrchestratorFunctions"),
        max_concurrent_entities=reader.positive(f"{base}.maxConcurrentEntityFunctions"),
        replace_any_state=states == "AnyState",
        default_version=reader.text(f"{base}.defaultVersion", "") or None,
        http_poll_interval_s=(reader.positive(f"{base}.httpSettings.defaultAsyncRequestSleepTimeMilliseconds") or 30000)
        / 1000,
        local_rpc_enabled=reader.get(f"{base}.localRpcEndpointEnabled") is not False,
    )


def _provider(reader: _Reader, key: str) -> str:
    name = reader.text(key, "AzureStorage")
    if name.lower() not in PROVIDERS:
        known = ", ".join(sorted(set(PROVIDERS.values())))
        raise ConfigurationError(FILE_NAME, key, f"'{name}' is not a storage provider.", f"Use one of: {known}.")
    return PROVIDERS[name.lower()]


def _function_timeout(reader: _Reader) -> float | None:
    key = "functionTimeout"
    value = reader.text(key, "00:30:00")
    if value == "-1":
        return None
    match = TIMESPAN.match(value)
    seconds = 0
    if match:
        parts = {name: int(digits or 0) for name, digits in match.groupdict().items()}
        seconds = ((parts["d"] * 24 + parts["h"]) * 60 + parts["m"]) * 60 + parts["s"]
    if seconds < 1:
        raise ConfigurationError(
            FILE_NAME, key, f"'{value}' is not a time of one second or more.", 'Write "hh:mm:ss", or "-1" for no limit.'
        )
    return float(seconds)


class _Reader:
    """Reads dotted keys in any case, as the host does, and complains with the full name of the key."""

    def __init__(self, content: dict[str, Any]) -> None:
        self._content = content

    def get(self, key: str) -> Any:
        node: Any = self._content
        path: list[str] = []
        for part in key.split("."):
            if not isinstance(node, dict):
                raise ConfigurationError(FILE_NAME, ".".join(path), "must be a JSON object.")
            node = next((value for name, value in node.items() if name.lower() == part.lower()), None)
            if node is None:
                return None
            path.append(part)
        return node

    def text(self, key: str, default: str) -> str:
        value = self.get(key)
        if value is None:
            return default
        if isinstance(value, dict | list | bool):
            raise ConfigurationError(FILE_NAME, key, f"must be text, not {value!r}.")
        return str(value)

    def choice(self, key: str, default: str, others: tuple[str, ...]) -> str:
        value = self.text(key, default)
        for allowed in (default, *others):
            if value.lower() == allowed.lower():
                return allowed
        raise ConfigurationError(FILE_NAME, key, f"'{value}' is not allowed.", f"Use: {', '.join((default, *others))}.")

    def integer(self, key: str) -> int | None:
        value = self.get(key)
        if value is None:
            return None
        text = "" if isinstance(value, bool | float) else str(value).strip()
        if not re.fullmatch(r"-?\d+", text):
            raise ConfigurationError(FILE_NAME, key, f"must be a whole number, not {value!r}.")
        return int(text)

    def positive(self, key: str) -> int | None:
        number = self.integer(key)
        if number is not None and number <= 0:
            raise ConfigurationError(FILE_NAME, key, f"must be a whole number above 0, not {number}.")
        return number

    def limit(self, key: str) -> int:
        number = self.integer(key)
        if number is None or number == -1:
            return -1
        if number <= 0:
            raise ConfigurationError(FILE_NAME, key, f"must be above 0, or -1 for no limit, not {number}.")
        return number


def _override(content: dict[str, Any], environ: Mapping[str, str]) -> None:
    """Apply `AzureFunctionsJobHost__a__b__c=value`; functions__0, functions__1, … make a list."""
    functions: dict[int, str] = {}
    for name, value in environ.items():
        if not name.lower().startswith(OVERRIDE_PREFIX.lower()):
            continue
        parts = [part for part in name[len(OVERRIDE_PREFIX) :].split("__") if part]
        if len(parts) == 2 and parts[0].lower() == "functions" and parts[1].isdigit():  # noqa: PLR2004
            functions[int(parts[1])] = value
        elif parts:
            _set(content, parts, value)
    if functions:
        content["functions"] = [functions[position] for position in sorted(functions)]


def _set(content: dict[str, Any], parts: list[str], value: str) -> None:
    node = content
    for part in parts[:-1]:
        key = next((name for name in node if name.lower() == part.lower()), part)
        if not isinstance(node.get(key), dict):
            node[key] = {}
        node = node[key]
    key = next((name for name in node if name.lower() == parts[-1].lower()), parts[-1])
    node[key] = value
