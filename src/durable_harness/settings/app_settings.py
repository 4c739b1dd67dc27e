"""All that configures one app directory, read and checked together."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

from durable_harness.errors import ConfigurationError, UsageError
from durable_harness.settings.connection_string import EXAMPLE, SchedulerAddress, parse_connection_string
from durable_harness.settings.environment import set_core_tools_variables
from durable_harness.settings.host_json import HostSettings, read_host_json
from durable_harness.settings.local_settings import LocalSettings, export_settings, read_local_settings
from durable_harness.settings.worker_processes import notes_on_workers
from durable_harness.wording.foreign_text import shown
from durable_harness.wording.misspellings import hint


@dataclass(frozen=True)
class AppSettings:
    """An app's directory and its settings."""

    app_dir: Path
    host: HostSettings
    local: LocalSettings
    environ: Mapping[str, str] = field(repr=False)
    """The environment of the app, with the settings in it."""
    warnings: tuple[str, ...] = ()

    def scheduler_at(self, which: str) -> SchedulerAddress:
        """Return the scheduler that `--scheduler` means: the app's own for `settings`, else a connection string.

        The app's own is looked up only here: whoever has the embedded one needs no connection string.
        """
        if which != "settings" and "=" not in which:
            raise UsageError(
                f"--scheduler: got '{shown(which, 80)}', expected embedded, settings, or a connection string"
                f"{hint(which, ('embedded', 'settings'))}\n  An example: {EXAMPLE}"
            )
        if which != "settings":
            return parse_connection_string(which, where="--scheduler", key="")
        durable = self.host.durable_task
        if durable.provider != "azureManaged":
            raise UsageError(
                "--scheduler settings: host.json does not name a Durable Task Scheduler"
                " (extensions.durableTask.storageProvider.type is not azureManaged)."
            )
        return _own_scheduler(durable.connection_string_name, self.environ)


def load_app_settings(app_dir: Path, environ: MutableMapping[str, str] | None = None) -> AppSettings:
    """Read host.json and local.settings.json, and export the app settings to the environment.

    Raises ConfigurationError naming file and key, UsageError where there is no such directory.
    """
    environ = os.environ if environ is None else environ
    if not app_dir.is_dir():
        raise UsageError(
            f"There is no directory {app_dir}. Name the folder of your function_app.py with --app (pytest: --app-dir)."
        )
    local = read_local_settings(app_dir)
    warnings = [*local.warnings, *export_settings(local, environ)]
    set_core_tools_variables(app_dir, environ)
    host = read_host_json(app_dir, environ)
    return AppSettings(app_dir, host, local, environ, (*warnings, *notes_on_workers(environ), *host.notes))


def _own_scheduler(name: str | None, environ: Mapping[str, str]) -> SchedulerAddress:
    if name is None:
        raise ConfigurationError(
            "host.json",
            "extensions.durableTask.storageProvider.connectionStringName",
            "is missing.",
            'Name the app setting, such as "DURABLE_TASK_SCHEDULER_CONNECTION_STRING".',
        )
    text = environ.get(name) or environ.get(f"ConnectionStrings:{name}")
    if not text:
        raise ConfigurationError(
            "local.settings.json",
            f"Values.{name}",
            "the app setting that host.json names is not set.",
            f"Set it there or as an environment variable, such as {name}=Endpoint=http://localhost:8080;"
            "Authentication=None. The embedded scheduler (without --scheduler) needs none.",
        )
    return parse_connection_string(text, where="local.settings.json", key=f"Values.{name}")
