"""host.json, local.settings.json and connection strings as typed, validated values."""

from durable_harness.settings.app_settings import AppSettings, load_app_settings
from durable_harness.settings.connection_string import SchedulerAddress, parse_connection_string
from durable_harness.settings.host_json import DurableTaskSettings, HostSettings, read_host_json
from durable_harness.settings.local_settings import LocalSettings, read_local_settings

__all__ = [
    "AppSettings",
    "DurableTaskSettings",
    "HostSettings",
    "LocalSettings",
    "SchedulerAddress",
    "load_app_settings",
    "parse_connection_string",
    "read_host_json",
    "read_local_settings",
]
