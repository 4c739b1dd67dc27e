"""One pool of threads for functions, orchestrators and entities, as in Azure.

The SDK runs orchestrators and entities on the pool of Azure's worker if there is one, else on a pool of its own. This
host takes the place of the worker: its pool has PYTHON_THREADPOOL_THREAD_COUNT threads, waits for them
are logged, and no code on it can end the process.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

from azure.durable_functions.internal import invocation

from durable_harness.host.app.invocation import Invoker

P = ParamSpec("P")
T = TypeVar("T")
WHAT = "A turn of an orchestration or an entity"


class HostPool(Executor):
    """The host's pool, with the interface that the SDK expects of one."""

    def __init__(self, invoker: Invoker) -> None:
        self._invoker = invoker

    def submit(self, call: Callable[P, T], /, *arguments: P.args, **named: P.kwargs) -> Future[T]:
        return self._invoker.submit(functools.partial(call, *arguments, **named), WHAT)


def use_pool_of(invoker: Invoker) -> None:
    """Make the SDK run plain code on the host's pool."""
    if hasattr(invocation, "_executor"):
        pool = HostPool(invoker)
        invocation._executor = lambda: pool
