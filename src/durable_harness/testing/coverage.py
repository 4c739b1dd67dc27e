"""Coverage of the app under test: its functions run in the host's process, so that process has to measure too."""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping

from durable_harness.errors import UsageError
from durable_harness.extras import install_command

CONFIG_VARIABLE = "COVERAGE_PROCESS_CONFIG"
SAVE_IN_ANY_CASE = "_exit"
"""A host whose app still holds a thread ends without the interpreter's shutdown, in which coverage saves."""


def coverage_environment() -> Mapping[str, str]:
    """Return the environment for a child process that measures coverage; empty without `pytest --cov`."""
    coverage = sys.modules.get("coverage")
    running = coverage.Coverage.current() if coverage else None
    if running is None:
        return {}
    config = copy.deepcopy(running.config)
    if not hasattr(config, "serialize"):
        raise UsageError(
            f"coverage {coverage.__version__ if coverage else ''} cannot follow the app into the host's process.\n"
            f"  Install 7.10 or later: {install_command('test')}"
        )
    config.parallel = True  # a file of its own, which is combined with the others at the end
    config.patch = [*config.patch, SAVE_IN_ANY_CASE]
    return {CONFIG_VARIABLE: config.serialize()}
