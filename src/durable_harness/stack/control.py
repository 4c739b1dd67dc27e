"""Reaching into the processes of a stack from a test: calls to their control endpoints."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from durable_harness.bounded_http import failure_words
from durable_harness.errors import HarnessError, UnreachableError
from durable_harness.host.http.keys import HOST_VARIABLE, MASTER_VARIABLE, SYSTEM_VARIABLE
from durable_harness.platforms.pauses import Pause
from durable_harness.stack.control_names import EMPTY
from durable_harness.stack.processes import Command, ending_of

AHEAD_VARIABLE = "DURABLE_HARNESS_CLOCK_AHEAD_S"
"""How far the clock of a scheduler was moved when its process died: with --test-control, the next one begins there."""
KEY_HEADER = "x-control-key"
KEYS = {HOST_VARIABLE: "hostKey", MASTER_VARIABLE: "masterKey", SYSTEM_VARIABLE: "systemKey"}
"""By which variable a host is given each of the keys that another one wrote down."""
CALL_TIMEOUT_S = 60.0
ENDING_S = 0.5
"""How long a process that does not answer is given to end, if it does."""


class StackControl:
    """Calls what the processes of a stack offer to tests, and kills them; one that was started again answers as before.

    `scheduler` is None where it is in the host's process, or somebody else's.
    """

    def __init__(self, host: Command, scheduler: Command | None = None) -> None:
        self._host = host
        self._scheduler = scheduler
        self._pauses: list[Pause] = []

    @classmethod
    def of(cls, host: Command) -> StackControl | None:
        """Return the control of a host that is a process, None if it was started without."""
        return cls(host) if host.facts.get("control") else None

    @property
    def outlives_processes(self) -> bool:
        """Whether what the stack keeps survives the death of any of its processes."""
        return self._scheduler is not None

    @property
    def can_be_emptied(self) -> bool:
        """Whether the scheduler is ours."""
        return self.offers(EMPTY)

    def empty_hubs(self) -> None:
        """Let the scheduler forget every instance and entity."""
        self.call(EMPTY)

    def restart_host(self) -> None:
        """End the host and start it again where it was, with the keys that it had; hubs that outlive it are emptied."""
        keys = {variable: self._host.facts[fact] for variable, fact in KEYS.items() if self._host.facts.get(fact)}
        self._host.stop()
        self._host.start(keys)
        if self.outlives_processes:
            self.empty_hubs()

    def kill_host(self) -> None:
        """Kill -9 the host and start it again where it was."""
        self._host.kill()
        self._host.start()

    def kill_scheduler(self) -> None:
        """Kill -9 the scheduler and start it again where it was; a clock that was moved stays where it was too."""
        assert self._scheduler is not None
        self.end_pauses()
        state = self.call("clock/state")
        self._scheduler.kill()
        self._scheduler.start({AHEAD_VARIABLE: repr(state["ahead_s"])})
        self.call("clock/hold", on=state["held"])
        self.call("clock/skip", on=state["skipping"], at_most_s=state["skippable_s"])

    def pause_scheduler(self, seconds: float) -> Pause:
        """Stop the process of the scheduler, for so long at most."""
        assert self._scheduler is not None
        pause = Pause(self._scheduler.pid, seconds)
        self._pauses.append(pause)
        return pause

    def end_pauses(self) -> None:
        """Let the scheduler go on."""
        while self._pauses:
            self._pauses.pop().end()

    def offers(self, call: str) -> bool:
        """Tell whether a process answers this call."""
        return any(call in facts["calls"] for facts in self._facts())

    def call(self, name: str, /, **arguments: Any) -> Any:
        """Call by name and return what came back. Raises UnreachableError, and HarnessError for what was refused."""
        address = next(facts for facts in self._facts() if name in facts["calls"])
        request = urllib.request.Request(  # noqa: S310 - http on the loopback address
            f"{address['url']}/{name}", json.dumps(arguments).encode(), {KEY_HEADER: address["key"]}, method="POST"
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=CALL_TIMEOUT_S) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise HarnessError(f"{name}: {error.read().decode(errors='replace')}") from error
        except OSError as error:
            raise UnreachableError(f"{name}: {self._end() or _silence(address['url'], error)}") from error

    def _end(self) -> str:
        """Say that a process has ended, and how; empty while they run."""
        for what, process in (("host", self._host), ("scheduler", self._scheduler)):
            ending = "" if process is None else ending_of(process.exit_code(ENDING_S))
            if process is not None and ending:
                return f"the {what} (process {process.pid}) has ended ({ending}); its log is {process.log}"
        return ""

    def _facts(self) -> list[dict[str, Any]]:
        processes = (self._host, self._scheduler)
        return [process.facts["control"] for process in processes if process is not None]


def _silence(url: str, error: OSError) -> str:
    return f"the process at {url} does not answer: {failure_words(error)}"
