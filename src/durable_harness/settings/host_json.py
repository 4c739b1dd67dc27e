"""host.json: what the Functions host and the Durable Task extension read from it, typed and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from durable_harness.errors import ConfigurationError
from durable_harness.settings.json_file import read_json_object
from durable_harness.settings.known_keys import notes_on
from durable_harness.settings.log_levels import LogLevels, read_log_levels
from durable_harness.settings.setting_keys import KeyReader, override

FILE_NAME = "host.json"
OVERRIDE_PREFIX = "AzureFunctionsJobHost"
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
    work_item_filtering: bool = False


@dataclass(frozen=True)
class HostSettings:
    """The whole file. `function_timeout_s` is None if there is no limit; -1 means unbounded requests."""

    durable_task: DurableTaskSettings = field(default_factory=DurableTaskSettings)
    route_prefix: str = "api"
    max_outstanding_requests: int = -1
    max_concurrent_requests: int = -1
    function_timeout_s: float | None = DEFAULT_FUNCTION_TIMEOUT_S
    functions: tuple[str, ...] | None = None
    """Names of the functions to load; None for all."""
    log_levels: LogLevels = field(default_factory=LogLevels)
    notes: tuple[str, ...] = ()
    """Warnings for the person who starts the host: keys without effect here, and unknown keys."""


def read_host_json(app_dir: Path, environ: Mapping[str, str]) -> HostSettings:
    """Read `host.json` of an app directory, with the overrides that the environment holds.

    Raises ConfigurationError that names the key, what it is and what it may be.
    """
    path = app_dir / FILE_NAME
    content = read_json_object(path) if path.exists() and path.stat().st_size else {"version": "2.0"}
    override(content, OVERRIDE_PREFIX, environ)
    version = content.get("version")
    if version != "2.0":
        problem = "is missing" if version is None else f"is {version!r}"
        raise ConfigurationError(FILE_NAME, "version", f'{problem}; it must be "2.0".', 'Add: "version": "2.0"')
    reader = KeyReader(FILE_NAME, content)
    return HostSettings(
        durable_task=_durable_task(reader, environ),
        route_prefix=reader.text("extensions.http.routePrefix", "api").strip("/"),
        max_outstanding_requests=reader.limit("extensions.http.maxOutstandingRequests"),
        max_concurrent_requests=reader.limit("extensions.http.maxConcurrentRequests"),
        function_timeout_s=_function_timeout(reader),
        functions=reader.names("functions") or None,
        log_levels=read_log_levels(FILE_NAME, "logging.logLevel", reader.section("logging.logLevel")),
        notes=notes_on(content),
    )


def _durable_task(reader: KeyReader, environ: Mapping[str, str]) -> DurableTaskSettings:
    base = "extensions.durableTask"
    hub = reader.text(f"{base}.hubName", environ.get("WEBSITE_SITE_NAME") or DEFAULT_HUB_NAME)
    if not hub:
        raise ConfigurationError(FILE_NAME, f"{base}.hubName", "is empty.", "Give the task hub a name.")
    if hub.startswith("%") and hub.endswith("%"):
        hub = environ.get(hub.strip("%"), hub)
    provider = _provider(reader, f"{base}.storageProvider.type")
    states = reader.choice(f"{base}.overridableExistingInstanceStates", "NonRunningStates", ("AnyState",))
    return DurableTaskSettings(
        hub_name=hub,
        provider=provider,
        connection_string_name=_connection_name(reader, f"{base}.storageProvider"),
        max_concurrent_activities=reader.positive(f"{base}.maxConcurrentActivityFunctions"),
        max_concurrent_orchestrators=reader.positive(f"{base}.maxConcurrentOrchestratorFunctions"),
        max_concurrent_entities=reader.positive(f"{base}.maxConcurrentEntityFunctions"),
        replace_any_state=states == "AnyState",
        default_version=reader.text(f"{base}.defaultVersion", "") or None,
        http_poll_interval_s=(reader.positive(f"{base}.httpSettings.defaultAsyncRequestSleepTimeMilliseconds") or 30000)
        / 1000,
        local_rpc_enabled=reader.boolean(f"{base}.localRpcEndpointEnabled", default=True),
        work_item_filtering=provider == "azureManaged"
        and reader.boolean(f"{base}.storageProvider.workItemFilteringEnabled", default=False),
    )


def _connection_name(reader: KeyReader, base: str) -> str | None:
    """Return the app setting that the connection string is in. Versions of the extension name the key differently."""
    return reader.text(f"{base}.connectionStringName", "") or reader.text(f"{base}.connectionName", "") or None


def _provider(reader: KeyReader, key: str) -> str:
    name = reader.text(key, "AzureStorage")
    if name.lower() not in PROVIDERS:
        known = ", ".join(sorted(set(PROVIDERS.values())))
        raise ConfigurationError(FILE_NAME, key, f"'{name}' is not a storage provider.", f"Use one of: {known}.")
    return PROVIDERS[name.lower()]


def _function_timeout(reader: KeyReader) -> float | None:
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
