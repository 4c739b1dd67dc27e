"""One function to open any stack by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from durable_harness.errors import UsageError
from durable_harness.stack.children import RunningStack, embedded_stack

if TYPE_CHECKING:
    from durable_harness.stack.emulator import Emulator


@dataclass(frozen=True)
class StackOptions:
    """What a stack may be told; each reads what concerns it."""

    log_path: Path | None = None
    """Where the host's output goes; None keeps it for as long as the stack runs."""
    temp_dir: Path | None = None
    """Where temporary files are made; None for where this machine has them."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to the environment of the host, for the stacks whose host is started here."""
    serve_args: tuple[str, ...] = ()
    """Further options of `durable-harness serve`, for the stacks whose host is ours."""
    breakable: bool = False
    """Whether tests kill its processes: host and scheduler are then two, and the state is in a file (embedded)."""
    restarts: bool = False
    """Whether tests end its host and start it again: that then has the same port (embedded)."""
    emulator: Callable[[], Emulator] | None = None
    """Gives a running emulator to work for, once one is needed; None starts one of the stack's own."""
    task_hub: str | None = None
    """The task hub in the emulator; None makes one that nobody else uses."""
    url: str | None = None
    """Where a remote stack is."""
    function_key: str | None = field(default=None, repr=False)
    """The key that a remote stack asks for."""
    answer_timeout_s: float | None = None
    """How long to wait for the first answer of a remote stack; None for the time that a cold start may take."""


def open_stack(
    name: str, app_dir: Path, options: StackOptions | None = None
) -> AbstractContextManager[RunningStack, bool | None]:
    """Return the context in which the named stack runs the app of a directory.

    Raises UsageError for a name that is none. Entering raises StackUnavailableError where this machine lacks what the
    stack needs, and otherwise whatever kept it from starting.
    """
    if name not in _OPENERS:
        raise UsageError(f"stack: got '{name}', allowed are {', '.join(STACKS)}")
    return _OPENERS[name](app_dir, options or StackOptions())


def _embedded(app_dir: Path, options: StackOptions) -> AbstractContextManager[RunningStack, bool | None]:
    if options.breakable:
        from durable_harness.stack.breakable import breakable_stack  # noqa: PLC0415 - only tests of faults need it

        return breakable_stack(app_dir, options)
    return embedded_stack(
        app_dir,
        log_path=options.log_path,
        serve_args=options.serve_args,
        temp_dir=options.temp_dir,
        environment=options.environment,
        restarts=options.restarts,
    )


def _emulator(app_dir: Path, options: StackOptions) -> AbstractContextManager[RunningStack, bool | None]:
    from durable_harness.stack.emulator import emulator_stack  # noqa: PLC0415 - only who asks for it pays for it

    return emulator_stack(app_dir, options)


def _func(app_dir: Path, options: StackOptions) -> AbstractContextManager[RunningStack, bool | None]:
    from durable_harness.stack.core_tools import func_stack  # noqa: PLC0415 - same

    return func_stack(app_dir, options)


def _remote(_app_dir: Path, options: StackOptions) -> AbstractContextManager[RunningStack, bool | None]:
    from durable_harness.stack.remote import remote_stack  # noqa: PLC0415 - same

    return remote_stack(options)


_OPENERS: Mapping[str, Callable[[Path, StackOptions], AbstractContextManager[RunningStack, bool | None]]] = {
    "embedded": _embedded,
    "emulator": _emulator,
    "func": _func,
    "remote": _remote,
}
STACKS = tuple(_OPENERS)
