"""Which entity or orchestration the code of the app works for, as seen from deep inside it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_instance: ContextVar[str] = ContextVar("durable_harness_instance", default="")


@contextlib.contextmanager
def working_for(instance_id: str) -> Iterator[None]:
    """Name the instance for which the code in this block works, and the tasks and threads that it starts."""
    token = _instance.set(instance_id)
    try:
        yield
    finally:
        _instance.reset(token)


def instance_now() -> str:
    """Return the instance that is worked for, empty if there is none."""
    return _instance.get()
