"""The process of the host, one after the other: at the same ports, with the same keys and the same instances."""

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
from durable_harness.stack.processes import stop_process

KEY_FACTS = {"hostKey": HOST_VARIABLE, "masterKey": MASTER_VARIABLE, "systemKey": SYSTEM_VARIABLE}
PORT_FACTS = {"baseUrl": "--port", "dashboardUrl": "--dashboard-port"}


class HostProcess:
    """`durable-harness serve …`, on the terminal of this process. `data` is where the instances are kept, if here."""

    def __init__(self, arguments: Sequence[str], ready: Path, data: Path | None) -> None:
        self._arguments = arguments
        self._ready = ready
        self._own = ["--no-reload", "--ready-file", str(ready), "--exit-with-parent", str(os.getpid())]
        self._own += ["--data", str(data)] if data is not None else []
        self._kept: list[str] = []
        self._keys: dict[str, str] = {}
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        # In this process group, unlike other children: `breakpoint()` in the app reads from the terminal.
        self._ready.unlink(missing_ok=True)
        self._child = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "durable_harness", *_with(self._arguments, [*self._own, *self._kept])],
            env={**os.environ, **self._keys},
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

    def take_facts(self) -> dict[str, Any]:
        """Return what it wrote when it was ready, without its process ID; the next one keeps its ports and its keys."""
        facts: dict[str, Any] = json.loads(self._ready.read_text())
        self._ready.unlink()
        self._kept = [word for name, option in PORT_FACTS.items() for word in _port(option, facts.get(name))]
        self._keys = _keys(facts)
        del facts["pid"]
        return facts


def _with(arguments: Sequence[str], own: Sequence[str]) -> list[str]:
    """Add options where the last one of a name counts, which is before a `--`."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return [*arguments[:end], *own, *arguments[end:]]


def _port(option: str, url: str | None) -> list[str]:
    return [option, str(urlsplit(url).port)] if url else []


def _keys(facts: Mapping[str, Any]) -> dict[str, str]:
    return {variable: facts[name] for name, variable in KEY_FACTS.items() if facts.get(name)}
