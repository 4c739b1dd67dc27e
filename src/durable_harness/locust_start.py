"""Locust, which `load` becomes, with mistakes in files of scenarios as errors of usage.

Locust alone shows a traceback and ends with its code for failures, which a pipeline reads as a failed gate. Locust
patches the standard library, so it is imported before anything else, and what is imported here must be little.
"""

from __future__ import annotations

import sys
from typing import Any, NoReturn

from durable_harness.errors import NOTHING_MEASURED, HarnessError, UsageError
from durable_harness.exit_codes import ExitCode


def _interrupted() -> NoReturn:
    sys.stderr.write(f"locust: {NOTHING_MEASURED}\n")
    raise SystemExit(ExitCode.INTERRUPTED) from None


try:  # its import takes a second, in which Ctrl-C is Python's to handle: no handler of ours is set yet
    import locust.main
except KeyboardInterrupt:
    _interrupted()

from durable_harness.scenario_mistakes import error_of  # noqa: E402 - Locust patches what this imports

LOCUST_FAILED = 1
NO_SCENARIO = (
    "There is no scenario to run: no file of scenarios has a class of ArrivalUser, or of another user of Locust, that "
    "is not marked `abstract = True`."
)
CHECKS = "durable_harness.load.options.parsing"
"""Imported by our scenarios, it refuses a run without any later, and names those that are marked."""
_load, _merge = locust.main.load_locustfile, locust.main.merge_locustfiles_content
_load_tests = locust.main.load_locustfile_pytest


def main() -> None:
    """Run Locust's command line."""
    sys.argv[0] = "durable-harness load"
    locust.main.load_locustfile = _loaded
    locust.main.merge_locustfiles_content = _merged
    locust.main.load_locustfile_pytest = _loaded_tests
    try:
        locust.main.main()
    except KeyboardInterrupt:  # before a scenario is imported: from then on signals have handlers
        _interrupted()


def _loaded(path: str) -> Any:
    """Return what is in a file of scenarios; end if it does not import."""
    try:
        return _load(path)
    except Exception as error:  # noqa: BLE001 - whatever a user's file raises
        _end(error_of(path, error))


def _loaded_tests(path: str) -> Any:
    """Return the users that Locust makes of tests of pytest, which it looks for in files without a scenario to run.

    Beside scenarios of ours it looks in vain, and plugins of pytest print warnings before the error.
    """
    return {} if CHECKS in sys.modules else _load_tests(path)


def _merged(paths: list[str]) -> Any:
    """Return what is in all files; end if they have nothing to run, or two classes of one name."""
    try:
        found = _merge(paths)
    except SystemExit as ending:
        raise SystemExit(ExitCode.USAGE if ending.code == LOCUST_FAILED else ending.code) from None
    if not found[0] and CHECKS not in sys.modules:
        _end(UsageError(NO_SCENARIO))
    return found


def _end(error: HarnessError) -> NoReturn:
    sys.stderr.write(f"error: {error}\n")
    raise SystemExit(error.exit_code) from None
