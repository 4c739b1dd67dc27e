"""Every error a user can meet, and the exit code it ends a command with.

    HarnessError               1
    ├── UsageError             2   a wrong option or value
    │   └── ConfigurationError 2   a wrong file or setting: names the file and the key
    ├── InvalidRunError        3   a load run that proves nothing
    ├── UnreachableError       4   the system under test or its scheduler does not answer
    │   └── StackUnavailableError  this machine lacks what a stack is made of
    ├── AppLoadError           5   the function app does not import or cannot be indexed
    │   └── UnsupportedSdkError    the installed azure-functions-durable is not one for this host, or for this app
    ├── PortInUseError         6   somebody else listens there
    ├── DifferentHistoryError  7   a recorded history replays differently
    ├── DamagedFileError       8   the file of a scheduler is damaged, at the start or found later
    └── ReportError            9   it would have succeeded, but a report, or what it printed, could not be written

Exit code 0 is success, 1 a gate that failed. 130 is INTERRUPTED: Ctrl-C came before there was a verdict; what was
measured or done so far is reported. SIGTERM ends commands with 143 and the same report, a load run with 130, and
services (`serve`, `scheduler`) end with 0 on either signal, which is their way to end, also while they start.

Messages are written for the person at the terminal: they name the thing, say what is allowed and what to do.
"""

from __future__ import annotations

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended: 128 + SIGINT, as shells have it."""
NOTHING_MEASURED = "interrupted before anything was measured"


class HarnessError(Exception):
    """Base of all errors whose message is shown as it is, without a traceback."""

    exit_code = 1


class UsageError(HarnessError):
    """Raised when a command is called with an option or a value that it cannot take."""

    exit_code = 2


class ConfigurationError(UsageError):
    """Raised when a configuration file or an app setting is missing, malformed or out of range."""

    def __init__(self, where: str, key: str, problem: str, hint: str = "") -> None:
        self.where, self.key = where, key
        subject = f"{where}: {key}" if key else where
        super().__init__(f"{subject}: {problem}" + (f"\n  {hint}" if hint else ""))


class InvalidRunError(HarnessError):
    """Raised when a load run cannot be judged."""

    exit_code = 3


class UnreachableError(HarnessError):
    """Raised when the system under test or its scheduler does not answer."""

    exit_code = 4


class StackUnavailableError(UnreachableError):
    """Raised when this machine cannot run a stack at all: no Docker, no Core Tools. The message ends in the remedy."""


class AppLoadError(HarnessError):
    """Raised when the function app does not import, or its functions cannot be indexed."""

    exit_code = 5


class UnsupportedSdkError(AppLoadError):
    """Raised when the installed azure-functions-durable is of a version that the host or the app cannot use."""


class PortInUseError(HarnessError):
    """Raised when the port asked for is taken."""

    exit_code = 6


class DifferentHistoryError(HarnessError):
    """Raised when today's code does otherwise than a recorded history tells."""

    exit_code = 7


class DamagedFileError(HarnessError):
    """Raised when the file of a scheduler is damaged. The message names it and ends in the ways out."""

    exit_code = 8


class ReportError(HarnessError):
    """Stands for a command that did all but leave its reports."""

    exit_code = 9
