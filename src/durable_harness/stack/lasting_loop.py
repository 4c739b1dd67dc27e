"""An event loop that lasts as long as its main task, although user code runs on it and may stop it.

`stop()` and SystemExit end an event loop, whichever code they come from. A service ends only by signals and its own
errors.
"""

from __future__ import annotations

import asyncio
import sys
import weakref
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from durable_harness.logs.categories import HOST_LOGGER, running_function
from durable_harness.logs.own_loggers import own_logger
from durable_harness.platforms.loops import fastest_loop, own_loop

logger = own_logger(HOST_LOGGER)

HAS_UVLOOP_IN_AZURE = (3, 13)
"""The first Python version whose worker in Azure runs functions on uvloop; the older ones do on asyncio's own loop."""

if TYPE_CHECKING:
    AnyLoop = asyncio.SelectorEventLoop
else:
    AnyLoop = object


class _Lasting(AnyLoop):
    """A loop that functions cannot stop, and on which they find no tasks but those of functions.

    What stops it from a thread without the context of a function is noticed by `run_lasting`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hidden: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self._factory_of_functions: Any = None

    def stop(self) -> None:
        function = running_function.get()
        if function is None:
            super().stop()
            return
        logger.error(
            "Function '%s' called stop() of the event loop that the host and all functions run on. It was not stopped.",
            function,
        )

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        if running_function.get() is None:
            task: asyncio.Task[Any] = super().create_task(coro, **options)
            asyncio._unregister_task(task)  # noqa: SLF001 - documented, for those who extend asyncio
            self.hidden.add(task)
            return task
        if self._factory_of_functions is None:
            return super().create_task(coro, **options)
        return self._made_by_functions(coro, **options)

    def set_task_factory(self, factory: Any) -> None:
        """Set the task factory for functions. The host's own tasks stay as they are."""
        if factory is not None and not callable(factory):
            raise TypeError("task factory must be a callable or None")
        self._factory_of_functions = factory

    def get_task_factory(self) -> Any:
        return self._factory_of_functions

    def _made_by_functions(self, coro: Any, name: Any = None, context: Any = None, **options: Any) -> asyncio.Task[Any]:
        """Return a task of the factory that a function has set. Not every one takes a name: it is set after."""
        if context is not None:
            options["context"] = context
        task: asyncio.Task[Any] = self._factory_of_functions(self, coro, **options)
        if name is not None and hasattr(task, "set_name"):
            task.set_name(name)
        return task

    def show_all(self) -> None:
        """Show the remaining tasks to asyncio again, which cancels them at the end of the loop."""
        for task in list(self.hidden):
            if not task.done():
                asyncio._register_task(task)  # noqa: SLF001 - as above


class _Running:
    """The main task of a loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, main: Callable[[Callable[[], None]], Main]) -> None:
        self._loop = loop
        self._has_handlers = False
        self._task = loop.create_task(main(self._note_handlers))

    def to_end(self) -> None:
        """Run it until it is done, and raise the error that it ends with."""
        while not self._task.done():
            self._run()
        self._task.result()

    def _note_handlers(self) -> None:
        self._has_handlers = True

    def _run(self) -> None:
        """Run the loop until the task is done, or code of the app ends it."""
        try:
            self._loop.run_until_complete(self._task)
        except BaseException as error:
            if self._task.done():
                return
            if self._loop.is_closed() or not self._has_handlers:
                raise
            logger.error("Code of the app %s. The host continues.", _deed(error))  # noqa: TRY400 - no trace shows whose


Main = Coroutine[Any, Any, None]


def run_lasting(main: Callable[[Callable[[], None]], Main], *, as_in_azure: bool = False) -> None:
    """Run a coroutine to its end on a loop of its own, and raise the error that it ends with.

    `main` is given what it calls once it handles signals itself: an interrupt that is raised then is not one. User code
    is run `as_in_azure`: on the kind of loop that it has there with this Python version.
    """
    with asyncio.Runner(loop_factory=lambda: _new_loop(as_in_azure=as_in_azure)) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, _Lasting)
        try:
            _Running(loop, main).to_end()
        finally:
            loop.show_all()


def _new_loop(*, as_in_azure: bool) -> asyncio.AbstractEventLoop:
    """Return a loop, the fastest one unless user code would find another kind in Azure."""
    base: Any = own_loop()
    if not as_in_azure or sys.version_info >= HAS_UVLOOP_IN_AZURE:
        base = fastest_loop()
    kind = type("_LastingLoop", (_Lasting, base), {"__module__": __name__})
    made: asyncio.AbstractEventLoop = kind()
    return made


def _deed(error: BaseException) -> str:
    if isinstance(error, RuntimeError):
        return "stopped the event loop that the host and all functions run on"
    return f"raised {type(error).__name__} in a task of its own"
