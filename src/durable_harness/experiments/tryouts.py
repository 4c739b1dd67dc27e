"""Which input an app's starters take: several are tried, on the app served here, until an operation ends well."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from gevent.pool import Pool

from durable_harness.errors import UsageError
from durable_harness.experiments.driver import quiet_interrupts
from durable_harness.experiments.offered import OfferedArrival, OfferedLoad
from durable_harness.load.http import Asker
from durable_harness.load.http.client import MAX_ANSWER_BYTES
from durable_harness.load.preflight import App, Flight, Starter, ask_for_app, fly
from durable_harness.load.preflight.host_log import logged_failure
from durable_harness.operations import HttpResponse, OperationPlan, OperationState, durable_webhooks, key_headers
from durable_harness.operations.http_messages import SERVER_ERROR
from durable_harness.operations.operation import NO_SUCH_ROUTE, WRONG_ROUTE_STATUSES
from durable_harness.stack import RunningStack, embedded_stack

TRY_S = 8.0
"""How long an operation that is tried may take."""
POLL_S = 0.05
"""A tryout is over as soon as its operation is: most take less than a tenth of a second."""
AT_ONCE = 8
"""Starters tried together: with more, those of a large app would wait for one another and run out of time."""
MOST_KEYS, MOST_FILES = 12, 40
"""Of an app's code, read for what its payloads may have: an app with more is not one whose payload can be guessed."""
OTHERS = frozenset({"tests", "loadtests"})
"""Folders beside an app whose code is not the app's."""
NAMED = "--start-path"
"""Stands for the function of a starter that the user names."""
SAMPLE = object()
"""Stands for what is sent by default."""
UNDER_WAY = frozenset({OperationState.TIMED_OUT, OperationState.LOST})


@dataclass(frozen=True, slots=True)
class Tried:
    """A starter and the results of its operations."""

    starter: Starter
    works: bool
    payload: object = SAMPLE
    """What it works with, with `{token}` for a text that is unique."""
    why: str = ""
    """Why it does not work."""
    is_starter: bool = True
    """False for a function that answers at once with a success, and starts nothing that could be followed."""
    is_route: bool = True
    """False for a path that a user named, and that the app answers as one that it does not have."""

    def describe(self) -> str:
        """Return a line about it."""
        if not self.is_starter:
            return f"{self.starter}: left out, it answers at once and starts nothing to follow"
        return f"{self.starter}: {'works' if self.works else f'needs your input: {self.why}'}"


class Tryout(NamedTuple):
    """What was found out about an app."""

    app: App
    starters: list[Tried]


def try_starters(folder: Path, named: Starter | None = None) -> Tryout:
    """Serve an app and try its starters, or the one that is named; raise what keeps it from being served."""
    quiet_interrupts()
    with (
        embedded_stack(folder, serve_args=("--log-level", "error")) as stack,
        Asker(verify_tls=True, max_answer_bytes=MAX_ANSWER_BYTES) as asker,
    ):
        app = ask_for_app(asker, stack.base_url, key_headers(stack.function_key))
        if app is None:
            raise UsageError(f"the host of {folder} does not list its functions")
        payloads = list(_payloads(folder))
        starters = app.ready if named is None else [named]
        found = Pool(AT_ONCE).map(lambda starter: _try(starter, payloads, stack, asker), starters)
    return Tryout(app, found)


def _try(starter: Starter, payloads: list[object], stack: RunningStack, asker: Asker) -> Tried:
    first = ""
    for payload in payloads:
        flight = fly(_plan(starter, payload, stack), asker)
        if flight.is_fine:
            return Tried(starter, works=True, payload=payload)
        if _answers_at_once(flight):
            return Tried(starter, works=False, is_starter=False)
        first = first or _why(flight, starter, stack)
        if starter.function == NAMED and _is_unknown(flight):
            return Tried(starter, works=False, why=first, is_route=False)
        if flight.record.state in UNDER_WAY:
            return Tried(starter, works=False, payload=payload, why=_why(flight, starter, stack))
    return Tried(starter, works=False, why=first)


def _answers_at_once(flight: Flight) -> bool:
    return (
        flight.record.state is OperationState.REFUSED
        and isinstance(flight.answer, HttpResponse)
        and flight.answer.is_success
    )


def _is_unknown(flight: Flight) -> bool:
    return isinstance(flight.answer, HttpResponse) and flight.answer.status in WRONG_ROUTE_STATUSES


def _plan(starter: Starter, payload: object, stack: RunningStack) -> OperationPlan:
    service = durable_webhooks(starter.path)
    service = replace(service, start=replace(service.start, method=starter.method))
    load = OfferedLoad(service=service, poll_interval_s=POLL_S, timeout_s=TRY_S)
    plan = load.plan(stack.base_url, stack.function_key, OfferedArrival(0.0, 0.1), monotonic())
    return plan if payload is SAMPLE else replace(plan, payload=_filled(payload, plan.token))


def _filled(payload: object, token: str) -> object:
    if isinstance(payload, dict):
        return {key: _filled(value, token) for key, value in payload.items()}
    return payload.replace("{token}", token) if isinstance(payload, str) else payload


def _why(flight: Flight, starter: Starter, stack: RunningStack) -> str:
    if flight.record.state is OperationState.TIMED_OUT:
        return f"it did not end within {TRY_S:g} s: {flight.waiting or 'does it wait for an event?'}"
    why = (flight.record.error or str(flight.record.state)).partition(f"; {NO_SUCH_ROUTE}")[0]
    is_broken = isinstance(flight.answer, HttpResponse) and flight.answer.status >= SERVER_ERROR
    function = "" if starter.function == NAMED else starter.function
    failure = logged_failure(stack.log_path or "", function) if is_broken else ""
    return f"{why}: {failure}" if failure else why


def _payloads(folder: Path) -> Iterator[object]:
    """Yield what is tried: what the sample takes, next to nothing, and the keys that the app's code reads."""
    yield SAMPLE
    keys = _keys(folder)
    if keys:
        yield dict.fromkeys(keys, "{token}")
        yield dict.fromkeys(keys, 3)
    yield from ({}, 3, "{token}", [1, 2, 3], None)


def _keys(folder: Path) -> list[str]:
    """Return the texts by which the app's code looks into something, in the order in which they come."""
    found: dict[str, None] = {}
    for path in [*sorted(folder.glob("*.py")), *sorted(folder.glob("[!.]*/*.py"))][:MOST_FILES]:
        if path.parent.name in OTHERS:
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue
        found |= dict.fromkeys(key for node in ast.walk(tree) if (key := _key(node)))
    return list(found)[:MOST_KEYS]


def _key(node: ast.AST) -> str | None:
    match node:
        case ast.Subscript(slice=ast.Constant(value=str(key)), ctx=ast.Load()):
            return key
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(key)), *_]):
            return key
    return None
