"""What surrounds an app as it runs: the variables that Core Tools sets, and the current folder."""

from __future__ import annotations

import contextlib
from collections.abc import MutableMapping
from pathlib import Path

ENVIRONMENT_VARIABLE = "AZURE_FUNCTIONS_ENVIRONMENT"
SCRIPT_ROOT_VARIABLE = "AzureWebJobsScriptRoot"
HOSTNAME_VARIABLE = "WEBSITE_HOSTNAME"


def set_core_tools_variables(app_dir: Path, environ: MutableMapping[str, str]) -> None:
    """Set what Core Tools sets for every local run, unless it is set: apps choose their local branch by it."""
    for name, value in ((ENVIRONMENT_VARIABLE, "Development"), (SCRIPT_ROOT_VARIABLE, str(app_dir))):
        if not environ.get(name):
            environ[name] = value


def without_host_json() -> contextlib.AbstractContextManager[None]:
    """Go to a folder without a host.json until the block ends.

    SDK 1.x reads the one of the current folder as it is imported, and fails on comments and on whatever is malformed.
    """
    return contextlib.chdir(Path(__file__).parent)
