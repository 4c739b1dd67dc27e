"""The exit code of a run: Locust takes it from `environment.process_exit_code`, to which any code may write."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locust.env import Environment

logger = logging.getLogger(__name__)


class RunExitCode:
    """Keeps a listener of the user from making a run's exit code better; it may make it worse.

    The listener in Locust's documentation ("control the exit code") writes 0 unless its own limits are broken, and so
    would turn a failed gate into a pass.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._code: int | None = None
        self._why = ""
        # Locust calls quitting listeners in reverse order of registration, and registers them in no other way than by
        # appending. Only the first one in the list is called after all others, those of the locustfile included.
        environment.events.quitting._handlers.insert(0, self._on_quitting)  # noqa: SLF001

    def reset(self) -> None:
        """Forget the code of an earlier run."""
        self._environment.process_exit_code = self._code = None

    def decide(self, code: int | None, why: str) -> None:
        """Set the code of the run that ended; None leaves it to Locust. Another non-zero code stays."""
        self._code, self._why = code, why
        if self._environment.process_exit_code is None:
            self._environment.process_exit_code = code
        self._restore()

    def _on_quitting(self, **_: object) -> None:
        self._restore()

    def _restore(self) -> None:
        written = self._environment.process_exit_code
        if self._code and not written:
            logger.warning(
                "A listener set process_exit_code to %s. It is %d again, because the run is %s",
                written,
                self._code,
                self._why,
            )
            self._environment.process_exit_code = self._code
