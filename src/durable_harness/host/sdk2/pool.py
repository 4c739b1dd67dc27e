"""One pool of threads for functions, orchestrators and entities, as in Azure.

The SDK runs orchestrators and entities on the pool of Azure's worker if there is one, else on a pool of its own. This
host takes the place of the worker: its pool has as many threads as PYTHON_THREADPOOL_THREAD_COUNT says, waits for them
are logged, and no code on it can end the process.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from azure.durable_functions.internal import invocation

from durable_harness.host.app.invocation import Invoker

WHAT = "A turn of an orchestration or an entity"


class HostPool(Executor):
    """The host's pool, with the interface that the SDK expects of one."""

    def __init__(self, invoker: Invoker) -> None:
        self._invoker = invoker

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        return self._invoker.submit(functools.partial(call, *arguments, **named), WHAT)


def use_pool_of(invoker: Invoker) -> None:
    """Let the SDK run plain code on the host's pool."""
    if hasattr(invocation, "_executor"):
        pool = HostPool(invoker)
        invocation._executor = lambda: pool
