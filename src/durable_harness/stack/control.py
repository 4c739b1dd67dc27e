"""Reaching into the processes of a stack from a test: calls to their control endpoints."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from durable_harness.errors import HarnessError, UnreachableError
from durable_harness.stack.processes import Command

KEY_HEADER = "x-control-key"
CALL_TIMEOUT_S = 60.0


class StackControl:
    """Calls what the processes of a stack offer to tests; one that was started again answers as before."""

    def __init__(self, *processes: Command) -> None:
        self._processes = processes

    @classmethod
    def of(cls, process: Command) -> StackControl | None:
        """Return the control of a process, None if it was started without."""
        return cls(process) if process.facts.get("control") else None

    def offers(self, call: str) -> bool:
        """Tell whether a process answers this call."""
        return any(call in process.facts["control"]["calls"] for process in self._processes)

    def call(self, name: str, **arguments: Any) -> Any:
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
            raise UnreachableError(f"{name}: the process at {address['url']} does not answer: {error}") from error

    def _facts(self) -> list[dict[str, Any]]:
        return [process.facts["control"] for process in self._processes]
