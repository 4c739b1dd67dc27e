"""Reaching into the processes of a stack from a test: calls to their control endpoints."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from durable_harness.errors import HarnessError, UnreachableError
from durable_harness.host.http.keys import HOST_VARIABLE, MASTER_VARIABLE, SYSTEM_VARIABLE
from durable_harness.key_names import CONTROL_KEY_HEADER
from durable_harness.network.bounded_http import failure_words
from durable_harness.platforms.pauses import Pause
from durable_harness.stack.control_names import EMPTY
from durable_harness.stack.processes import CommandProcess, ending_of

AHEAD_VARIABLE = "DURABLE_HARNESS_CLOCK_AHEAD_S"
"""How far the scheduler's clock was moved when its process died: with --test-control, the next one begins there."""
KEYS = {HOST_VARIABLE: "hostKey", MASTER_VARIABLE: "masterKey", SYSTEM_VARIABLE: "systemKey"}
"""For each key that a host wrote down, the variable that passes it to the next one."""
CALL_TIMEOUT_S = 60.0
ENDING_S = 0.5
"""How long to wait for a process that does not answer to end."""


class StackControl:
    """Control the processes of a stack from a test: call their control endpoints, kill and restart them.

    A process that was started again answers as before. `scheduler` is None if the scheduler is in the host's process,
    or if the stack does not own it.
    """

    def __init__(self, host: CommandProcess, scheduler: CommandProcess | None = None) -> None:
        self._host = host
        self._scheduler = scheduler
        self._pauses: list[Pause] = []

    @classmethod
    def of(cls, host: CommandProcess) -> StackControl | None:
        """Return the control of a host process; None if it was started without a control endpoint."""
        return cls(host) if host.facts.get("control") else None

    @property
    def outlives_processes(self) -> bool:
        """Whether the state of the stack survives the death of any of its processes."""
        return self._scheduler is not None

    @property
    def can_be_emptied(self) -> bool:
        """Whether `empty_hubs` works: the stack owns the scheduler."""
        return self.offers(EMPTY)

    def empty_hubs(self) -> None:
        """Delete all instances and entities of the scheduler."""
        self.call(EMPTY)

    def restart_host(self) -> None:
        """Stop the host and start it again at the same URL with the same keys. Hubs that outlive it are emptied."""
        keys = {variable: self._host.facts[fact] for variable, fact in KEYS.items() if self._host.facts.get(fact)}
        self._host.stop()
        self._host.start(keys)
        if self.outlives_processes:
            self.empty_hubs()

    def kill_host(self) -> None:
        """Kill the host with SIGKILL and start it again at the same URL."""
        self._host.kill()
        self._host.start()

    def kill_scheduler(self) -> None:
        """Kill the scheduler with SIGKILL and start it again at the same address, with the same time on its clock."""
        assert self._scheduler is not None
        self.end_pauses()
        state = self.call("clock/state")
        self._scheduler.kill()
        self._scheduler.start({AHEAD_VARIABLE: repr(state["ahead_s"])})
        self.call("clock/hold", on=state["held"])
        self.call("clock/skip", on=state["skipping"], at_most_s=state["skippable_s"])

    def pause_scheduler(self, seconds: float) -> Pause:
        """Pause the scheduler process.

        Args:
            seconds: for how long at most, in seconds.

        Returns:
            The pause, whose `end` resumes the process.
        """
        assert self._scheduler is not None
        pause = Pause(self._scheduler.pid, seconds)
        self._pauses.append(pause)
        return pause

    def end_pauses(self) -> None:
        """Resume the scheduler process, if it is paused."""
        while self._pauses:
            self._pauses.pop().end()

    def offers(self, call: str) -> bool:
        """Return whether a process of the stack has a control call of this name."""
        return any(call in facts["calls"] for facts in self._facts())

    def call(self, name: str, /, **arguments: Any) -> Any:
        """Make a control call by its name and return the result.

        Args:
            name: the name of the call, such as "clock/now".
            arguments: the arguments of the call, as JSON values.

        Raises:
            HarnessError: the call was refused. The message has the reason.
            UnreachableError: the process does not answer. The message shows whether it has ended.
        """
        address = next(facts for facts in self._facts() if name in facts["calls"])
        request = urllib.request.Request(  # noqa: S310 - http on the loopback address
            f"{address['url']}/{name}",
            json.dumps(arguments).encode(),
            {CONTROL_KEY_HEADER: address["key"]},
            method="POST",
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
        """Return which process has ended, and how; empty while they run."""
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
