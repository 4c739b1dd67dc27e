"""One function to open any stack by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from durable_harness.errors import UsageError
from durable_harness.stack.child_systems import RunningStack, embedded_stack
from durable_harness.stack.options import StackOptions


def open_stack(
    name: str, app_dir: Path, options: StackOptions | None = None
) -> AbstractContextManager[RunningStack, bool | None]:
    """Return a context manager that runs an app on the named stack, until the end of the block.

        with open_stack("embedded", Path("app")) as stack:
            print(stack.base_url)

    Args:
        name: "embedded", "emulator", "func" or "remote".
        app_dir: the folder of the app.
        options: further options; by default those of `StackOptions()`.

    Returns:
        A context manager whose value is a `RunningStack`.

    Raises:
        UsageError: there is no stack of this name, or an option is not valid.
        StackUnavailableError: on entering, this machine lacks something that the stack needs.
        HarnessError: on entering, the stack could not start.
    """
    if name not in _OPENERS:
        raise UsageError(f"stack: got '{name}', expected one of {', '.join(STACKS)}")
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
    from durable_harness.stack.deployment import remote_stack  # noqa: PLC0415 - same

    return remote_stack(options)


_OPENERS: Mapping[str, Callable[[Path, StackOptions], AbstractContextManager[RunningStack, bool | None]]] = {
    "embedded": _embedded,
    "emulator": _emulator,
    "func": _func,
    "remote": _remote,
}
STACKS = tuple(_OPENERS)
