"""Everything that watches what functions do outside, and what none of it can see."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from durable_harness.host.twice.auditing import install
from durable_harness.host.twice.databases import watch_databases
from durable_harness.host.twice.http_clients import watch_clients
from durable_harness.host.twice.threads import watch_threads

UNSEEN = (
    "bodies of requests; what goes over connections that are kept open, but for HTTP by the clients above; writes to"
    " files that were open before, removed files; database drivers that are not above; work of other processes and of"
    " threads that were there before the function"
)


@dataclass(frozen=True)
class Watched:
    """What is watched in this process."""

    clients: tuple[str, ...]
    databases: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        return {"http": list(self.clients), "databases": list(self.databases), "unseen": UNSEEN}


@functools.cache
def watch() -> Watched:
    """Watch from now on, before the app is imported; a process cannot stop watching."""
    install()
    watch_threads()
    return Watched(tuple(watch_clients()), tuple(watch_databases()))
