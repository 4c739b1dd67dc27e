"""Where something ran: the machine, Python and its packages, the settings of the environment and of an app."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from durable_harness.documents import parse_json
from durable_harness.evidence.archive import Item
from durable_harness.evidence.redaction import secrets_in
from durable_harness.wording.foreign_text import BLANK

HOST_FILE, LOCAL_FILE, REQUIREMENTS = "host.json", "local.settings.json", "requirements.txt"
OF_INTEREST = ("DURABLE_HARNESS_", "LOCUST_", "FUNCTIONS_", "AzureFunctionsJobHost__", "AZURE_FUNCTIONS_", "PYTHON")
"""How the variables begin that change how an app or a run behaves; no others are kept."""
PLAIN_SETTINGS = (
    "FUNCTIONS_",
    "AzureFunctionsJobHost__",
    "PYTHON",
    "AzureWebJobsFeatureFlags",
    "AzureWebJobs.",
    "WEBSITE_",
)
"""Settings of an app whose values everybody may see, unless they look like a secret; of all others the names alone."""


def scene() -> dict[str, Any]:
    """Return the machine and what is installed."""
    memory = psutil.virtual_memory()
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": {
            "version": sys.version,
            "implementation": platform.python_implementation(),
            "executable": Path(sys.executable).name,
        },
        "system": {
            "platform": platform.platform(),
            "machine": platform.machine(),
            "cpus": os.cpu_count(),
            "usable_cpus": _usable_cpus(),
            "load_average": _load_average(),
            "memory_bytes": memory.total,
            "available_memory_bytes": memory.available,
        },
        "packages": dict(sorted(_packages())),
    }


def environment() -> dict[str, str]:
    """Return the variables that change how an app or a run behaves."""
    return {name: value for name, value in sorted(os.environ.items()) if name.startswith(OF_INTEREST)}


def app_items(app_dir: Path) -> Iterator[Item]:
    """Yield the settings files of an app, those that are there."""
    if (app_dir / HOST_FILE).is_file():
        yield Item.of_json(f"app/{HOST_FILE}", lambda: _document(app_dir / HOST_FILE))
    if (app_dir / LOCAL_FILE).is_file():
        yield Item.of_json(f"app/{LOCAL_FILE}", lambda: _local_settings(app_dir / LOCAL_FILE))
    if (app_dir / REQUIREMENTS).is_file():
        yield Item.of_file(f"app/{REQUIREMENTS}", app_dir / REQUIREMENTS)


def known_secrets(app_dir: Path) -> list[str]:
    """Return the secrets of the environment and of an app's settings, wherever they may stand."""
    found = secrets_in(dict(os.environ))
    try:
        values = _document(app_dir / LOCAL_FILE).get("Values", {})
    except (OSError, ValueError, AttributeError):
        return found
    texts = {str(name): str(value) for name, value in values.items()} if isinstance(values, dict) else {}
    return [*found, *secrets_in(texts)]


def _document(path: Path) -> Any:
    return parse_json(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))


def _local_settings(path: Path) -> Any:
    document = _document(path)
    values = document.get("Values") if isinstance(document, Mapping) else None
    if not isinstance(values, Mapping):
        return document
    shown = {name: value if str(name).startswith(PLAIN_SETTINGS) else BLANK for name, value in values.items()}
    return {
        **document,
        "Values": shown,
        "ConnectionStrings": dict.fromkeys(document.get("ConnectionStrings") or (), BLANK),
    }


def _usable_cpus() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def _load_average() -> list[float] | None:
    return [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else None


def _packages() -> Iterator[tuple[str, str]]:
    for found in distributions():
        name = found.metadata["Name"]
        if name:
            yield name, found.version
