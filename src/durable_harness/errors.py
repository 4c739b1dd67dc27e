"""Every error a user can meet, and the exit code it ends a command with.

    HarnessError               1
    ├── UsageError             2   a wrong option or value
    │   ├── ConfigurationError 2   a wrong file or setting: names the file and the key
    │   │   ├── GateFileError      a gates file, in `gate`
    │   │   └── ServiceFileError   a service file, in `operations`
    │   ├── MissingExtraError      packages of an extra that are not installed, in `extras`
    │   ├── MissingInstanceError   a history to record of an instance that the app does not know, in `testing`
    │   └── UnreadableHistoryError a file that is no recorded history, in `protocol`
    ├── InvalidRunError        3   a load run that proves nothing
    ├── UnreachableError       4   the system under test or its scheduler does not answer
    │   └── StackUnavailableError  this machine lacks what a stack is made of
    ├── AppLoadError           5   the function app does not import or cannot be indexed
    │   └── UnsupportedSdkError    the installed azure-functions-durable is not one for this host, or for this app
    ├── PortInUseError         6   another process listens there
    ├── DifferentHistoryError  7   a recorded history replays differently
    ├── DamagedFileError       8   the file of a scheduler is damaged, at the start or found later
    └── ReportError            9   it would have succeeded, but a report, or what it printed, could not be written

`exit_codes` has what each code means, and the codes that no error has. Services (`serve`, `scheduler`) end with 0 on
Ctrl-C and SIGTERM, also while they start: that is their way to end.

Messages are written for the person at the terminal: they name the thing, say what is allowed and what to do.
"""

from __future__ import annotations

from durable_harness.exit_codes import ExitCode

INTERRUPTED = ExitCode.INTERRUPTED.value
"""The exit code of a command that Ctrl-C ended: 128 + SIGINT, as shells have it."""
NOTHING_MEASURED = "interrupted before anything was measured"


class HarnessError(Exception):
    """Base of all errors whose message is shown as it is, without a traceback."""

    exit_code: int = ExitCode.FAILED.value


class UsageError(HarnessError):
    """Raised when a command is called with an option or a value that it cannot take."""

    exit_code = ExitCode.USAGE.value


class ConfigurationError(UsageError):
    """Raised when a configuration file or an app setting is missing, malformed or out of range."""

    def __init__(self, where: str, key: str, problem: str, hint: str = "") -> None:
        self.where, self.key = where, key
        subject = f"{where}: {key}" if key else where
        super().__init__(f"{subject}: {problem}" + (f"\n  {hint}" if hint else ""))


class InvalidRunError(HarnessError):
    """Raised when a load run cannot be judged."""

    exit_code = ExitCode.INVALID.value


class UnreachableError(HarnessError):
    """Raised when the system under test or its scheduler does not answer."""

    exit_code = ExitCode.UNREACHABLE.value


class StackUnavailableError(UnreachableError):
    """Raised when this machine cannot run a stack at all: no Docker, no Core Tools. The message ends in the remedy."""


class AppLoadError(HarnessError):
    """Raised when the function app does not import, or its functions cannot be indexed."""

    exit_code = ExitCode.APP_NOT_LOADED.value


class UnsupportedSdkError(AppLoadError):
    """Raised when the installed azure-functions-durable is of a version that the host or the app cannot use."""


class PortInUseError(HarnessError):
    """Raised when the port asked for is taken."""

    exit_code = ExitCode.PORT_IN_USE.value


class DifferentHistoryError(HarnessError):
    """Raised when today's code differs from a recorded history."""

    exit_code = ExitCode.DIFFERENT_HISTORY.value


class DamagedFileError(HarnessError):
    """Raised when the file of a scheduler is damaged. The message names it and ends in the ways out."""

    exit_code = ExitCode.DAMAGED_FILE.value


class ReportError(HarnessError):
    """Stands for a command that did all but leave its reports."""

    exit_code = ExitCode.REPORT_MISSING.value
