"""The host's processes, one after the other, with the same ports, keys and instances."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from durable_harness.host.http.keys import HOST_VARIABLE, MASTER_VARIABLE, SYSTEM_VARIABLE
from durable_harness.platforms.children import on_the_terminal
from durable_harness.stack.processes import stop_process

DASHBOARD = "--dashboard-port"
KEY_FACTS = {"hostKey": HOST_VARIABLE, "masterKey": MASTER_VARIABLE, "systemKey": SYSTEM_VARIABLE}
PORT_FACTS = {"baseUrl": "--port", "dashboardUrl": DASHBOARD}


class HostProcess:
    """`durable-harness serve …`, on the terminal of this process. `data` is where the instances are kept, if here."""

    def __init__(self, arguments: Sequence[str], ready: Path, data: Path | None) -> None:
        self._arguments = arguments
        self._ready = ready
        self._own = ["--no-reload", "--ready-file", str(ready), "--exit-with-parent", str(os.getpid())]
        self._own += ["--data", str(data)] if data is not None else []
        self._ports: dict[str, str] = {}
        self._keys: dict[str, str] = {}
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        # Unlike other children: `breakpoint()` in the app reads from the terminal.
        self._ready.unlink(missing_ok=True)
        kept = [word for option in self._ports.items() for word in option]
        self._child = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "durable_harness", *_with(self._arguments, [*self._own, *kept])],
            env={**os.environ, **self._keys},
            **on_the_terminal(),
        )

    def stop(self) -> None:
        if self._child is not None:
            stop_process(self._child)

    def exit_code(self) -> int | None:
        """Return how it ended, None while it runs."""
        return self._child.poll() if self._child is not None else None

    def is_ready(self) -> bool:
        """Return whether it has become ready since the last call of `take_facts`."""
        return self._ready.exists()

    def give_up_dashboard_port(self) -> bool:
        """Release a port, so that the next one chooses as the first one did; return whether that changes anything."""
        return self._ports.pop(DASHBOARD, None) is not None

    def take_facts(self) -> dict[str, Any]:
        """Return what it wrote when it was ready, without its process ID; the next one keeps its ports and its keys."""
        facts: dict[str, Any] = json.loads(self._ready.read_text(encoding="utf-8"))
        self._ready.unlink()
        urls = {option: facts.get(name) for name, option in PORT_FACTS.items()}
        self._ports = {option: str(urlsplit(url).port) for option, url in urls.items() if url}
        self._keys = _keys(facts)
        del facts["pid"]
        return facts


def _with(arguments: Sequence[str], own: Sequence[str]) -> list[str]:
    """Add options where the last one of a name counts, which is before a `--`."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return [*arguments[:end], *own, *arguments[end:]]


def _keys(facts: Mapping[str, Any]) -> dict[str, str]:
    return {variable: facts[name] for name, variable in KEY_FACTS.items() if facts.get(name)}
