"""All that configures one app directory, read and checked together."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path

from durable_harness.errors import ConfigurationError, UsageError
from durable_harness.settings.connection_string import SchedulerAddress, parse_connection_string
from durable_harness.settings.host_json import HostSettings, read_host_json
from durable_harness.settings.local_settings import LocalSettings, export_settings, read_local_settings


@dataclass(frozen=True)
class AppSettings:
    """An app's directory and its settings. `scheduler` is None where the app does not use a DTS."""

    app_dir: Path
    host: HostSettings
    local: LocalSettings
    scheduler: SchedulerAddress | None
    warnings: tuple[str, ...]

    def scheduler_at(self, which: str) -> SchedulerAddress:
        """Return the scheduler that `--scheduler` means: the app's own for `settings`, else a connection string."""
        if which != "settings":
            return parse_connection_string(which, where="--scheduler", key="")
        if self.scheduler is None:
            raise UsageError(
                "--scheduler settings: host.json does not name a Durable Task Scheduler"
                " (extensions.durableTask.storageProvider.type is not azureManaged)."
            )
        return self.scheduler


def load_app_settings(app_dir: Path, environ: MutableMapping[str, str] | None = None) -> AppSettings:
    """Read host.json and local.settings.json, export the app settings to the environment, find the scheduler.

    Raises ConfigurationError naming file and key, UsageError where there is no such directory.
    """
    environ = os.environ if environ is None else environ
    if not app_dir.is_dir():
        raise UsageError(f"There is no directory {app_dir}. Name the folder of your function_app.py with --app.")
    local = read_local_settings(app_dir)
    warnings = [*local.warnings, *export_settings(local, environ)]
    host = read_host_json(app_dir, environ)
    return AppSettings(app_dir, host, local, _scheduler(host, environ), tuple(warnings))


def _scheduler(host: HostSettings, environ: MutableMapping[str, str]) -> SchedulerAddress | None:
    durable = host.durable_task
    if durable.provider != "azureManaged":
        return None
    key = "extensions.durableTask.storageProvider.connectionStringName"
    name = durable.connection_string_name
    if name is None:
        raise ConfigurationError(
            "host.json", key, "is missing.", 'Name the app setting, such as "DURABLE_TASK_SCHEDULER_CONNECTION_STRING".'
        )
    text = environ.get(name) or environ.get(f"ConnectionStrings:{name}")
    if not text:
        raise ConfigurationError(
            "local.settings.json",
            f"Values.{name}",
            "the app setting that host.json names is not set.",
            f"Set it there or as an environment variable, such as {name}=Endpoint=http://localhost:8080;"
            "Authentication=None",
        )
    return parse_connection_string(text, where="local.settings.json", key=f"Values.{name}")
