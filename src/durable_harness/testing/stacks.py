"""The stacks that run in one test process, each started when it is first asked for."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from durable_harness.stack import RunningStack, StackOptions, open_stack
from durable_harness.testing.liveness import has_ended
from durable_harness.testing.run import PytestRun

ON_EMULATOR = frozenset({"emulator", "func"})
MAX_HUB_CHARS = 60


@dataclass(frozen=True)
class StackRequest:
    """The stack, the app and the test module of a request."""

    name: str
    app_dir: Path
    module: str
    serve_args: tuple[str, ...] = ()
    url: str | None = None
    function_key: str | None = field(default=None, repr=False)
    answer_timeout_s: float | None = None
    """How long to wait for the first answer of a remote stack; None for as long as a cold start may take."""
    control: bool = False
    """Whether tests move its clock or inject faults: such modules do not share a stack with others."""
    breakable: bool = False
    restarts: bool = False
    """Whether tests ask for a new host each."""
    catches_http: bool = False
    """Whether tests answer for outside services."""

    @property
    def shared_as(self) -> tuple[str, ...]:
        """What requests for one and the same stack have in common: a stack on an emulator serves one module only."""
        module = self.module if self.name in ON_EMULATOR else ""
        return (self.name, str(self.app_dir), module, str(self.breakable), str(self.restarts), *self.all_serve_args)

    @property
    def hub(self) -> tuple[str | None, str | None] | None:
        """The scheduler or the file that its tests name; None if the host has a scheduler of its own in memory."""
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        parser.add_argument("--scheduler")
        parser.add_argument("--data")
        given, _ = parser.parse_known_args(list(self.serve_args))
        return None if given.scheduler is None and given.data is None else (given.scheduler, given.data)

    @property
    def all_serve_args(self) -> tuple[str, ...]:
        if self.catches_http:
            return (*self.serve_args, "--test-control", "--catch-http")
        return (*self.serve_args, "--test-control") if self.control else self.serve_args


class RunningStacks:
    """Opens stacks and keeps them: for the session, those on an emulator for one module and its own task hub."""

    def __init__(self, run: PytestRun, worker: str, log_dir: Path, environment: Mapping[str, str]) -> None:
        self._run = run
        self._worker = worker
        self._log_dir = log_dir
        self._environment = environment
        self._open: dict[tuple[str, ...], tuple[RunningStack, ExitStack]] = {}
        self._hubs: dict[tuple[str, ...], tuple[str | None, str | None]] = {}
        self._used: list[RunningStack] = []
        self._started = 0

    def get(self, request: StackRequest) -> RunningStack:
        """Return the stack asked for, started again if its process has ended: one crash fails one module."""
        known = self._open.get(request.shared_as)
        if known is not None and has_ended(known[0]):
            self._close(request.shared_as)
            known = None
        return known[0] if known else self._start(request)

    def is_new(self, stack: RunningStack) -> bool:
        """Return whether this is the first query: no test has used the stack yet."""
        is_known = any(used is stack for used in self._used)
        if not is_known:
            self._used.append(stack)
        return not is_known

    def leave(self, request: StackRequest) -> None:
        """Note that a module no longer needs its stack."""
        if request.name in ON_EMULATOR:
            self._close(request.shared_as)

    def close(self) -> None:
        """Stop all of them."""
        for key in list(self._open):
            self._close(key)

    def _start(self, request: StackRequest) -> RunningStack:
        self._leave_hub(request)
        self._started += 1
        exits = ExitStack()
        options = StackOptions(
            log_path=self._log_dir / f"{request.name}-{request.app_dir.name or 'app'}-{self._started}.log",
            temp_dir=self._run.scratch(),
            environment=self._environment,
            serve_args=request.all_serve_args,
            breakable=request.breakable,
            restarts=request.restarts,
            emulator=self._run.emulator,
            task_hub=self._task_hub(request.module),
            url=request.url,
            function_key=request.function_key,
            answer_timeout_s=request.answer_timeout_s,
        )
        stack = exits.enter_context(open_stack(request.name, request.app_dir, options))
        self._open[request.shared_as] = (stack, exits)
        return stack

    def _leave_hub(self, request: StackRequest) -> None:
        """Stop the host that works for the hub of a request, and note the next one.

        Two hosts on one hub share its work, and fakes of a test are in one of them alone; a file serves one.
        """
        hub = request.hub
        if hub is None:
            return
        for key in [key for key, other in self._hubs.items() if other == hub]:
            self._close(key)
        self._hubs[request.shared_as] = hub

    def _task_hub(self, module: str) -> str:
        """Name a hub of the module's own, also when several processes run the module."""
        words = re.sub(r"[^a-z0-9]+", "-", module.lower()).strip("-")
        end = f"-{self._worker}-{self._started}-{self._run.name[:6]}"
        return f"{words[: MAX_HUB_CHARS - len(end)]}{end}"

    def _close(self, key: tuple[str, ...]) -> None:
        self._hubs.pop(key, None)
        known = self._open.pop(key, None)
        if known:
            known[1].close()
