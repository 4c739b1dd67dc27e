"""Functions with triggers other than HTTP, their output bindings and their input bindings, from a test."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from durable_harness.errors import UsageError
from durable_harness.operations import HttpResponse, NoResponse
from durable_harness.stack import RunningStack
from durable_harness.testing.requesting import NOTHING, HttpClient
from durable_harness.wording.foreign_text import shown

OWN_HOSTS = frozenset({"embedded", "emulator"})
"""Stacks whose host is ours and local: it captures outputs and takes values for inputs."""
RUN_PATH = "/admin/functions/"
OWN_PATH = "/admin/durable-harness/"
ACCEPTED, BAD_REQUEST, NOT_FOUND = 202, 400, 404
REFUSALS = frozenset({401, 403})
POLL_INTERVAL_S = 0.05
NOT_CAPTURED = (
    "The {stack} stack writes to the services that its bindings name, and reads from them: its host captures no"
    " outputs, takes no values for inputs, and notes no starts. Run this test with --stack embedded or"
    " emulator, whose host does."
)
EXPRESSION = re.compile(r"(\{\{|\}\}|\{[^{}]+\})")
BRACES = {"{{": r"\{", "}}": r"\}"}
SHOWN_WRITES, SHOWN_CHARS = 20, 100


@dataclass(frozen=True)
class WrittenOutput:
    """One message, document, row or blob that a function wrote to an output binding."""

    function: str
    """The name of the function that wrote it."""
    name: str
    """The parameter of the binding; `$return` if the function returned the value."""
    type: str
    """The type of the binding, such as "queue"."""
    target: str
    """The queue, path, topic or table of the binding; empty if its settings name none."""
    value: Any
    """The value as it would be sent to the service: text, bytes, or a JSON value."""

    @property
    def described(self) -> str:
        """The function, the parameter and the target as one line of text."""
        return f"{self.function}.{self.name} ({self.type} '{self.target}')"

    def is_meant_by(self, name: str) -> bool:
        """Return whether a name means this output. Letter case does not matter.

        Args:
            name: the parameter, `function.parameter`, or the target of the binding.
        """
        return name.lower() in {self.name.lower(), f"{self.function}.{self.name}".lower(), self.target.lower()}


@dataclass(frozen=True)
class TriggeredFunction:
    """The result of a function that a test ran by `Operations.trigger`.

        run = operations.trigger("from_queue", {"id": 7})
        assert run.written("receipts") == ["order 7 is paid"]

    It covers this one invocation only. `Operations.written` covers all functions since the test began.
    """

    function: str
    """The name of the function."""
    stack: str
    """The name of the stack that it ran on."""
    invocation_id: str | None
    """The ID of the invocation; None on the stacks func and remote, whose host only accepts the run."""
    captured: list[WrittenOutput] | None
    """What this invocation wrote to output bindings, in order; None on the stacks func and remote."""
    result: Any = None
    """The same as `returned`, without a check of the stack."""
    check_known: Callable[[str], None] | None = field(default=None, repr=False, compare=False)
    """Raises UsageError for a name that no output binding has."""

    @property
    def returned(self) -> Any:
        """What the function returned, as text, bytes or a JSON value; None if it returned nothing.

        For an HTTP function it is a dict of status, headers and body, or the text that the function returned.

        Raises:
            UsageError: the stack is func or remote.
        """
        if self.captured is None:
            raise UsageError(NOT_CAPTURED.format(stack=self.stack))
        return self.result

    def written(self, name: str) -> list[Any]:
        """Return the values that this invocation wrote to an output binding, in order.

        Args:
            name: the queue, path, topic or table of the binding, its parameter, or `function.parameter`.

        Raises:
            UsageError: no output binding has this name, or the stack is func or remote.
        """
        if self.captured is None:
            raise UsageError(NOT_CAPTURED.format(stack=self.stack))
        found = [output.value for output in self.captured if output.is_meant_by(name)]
        if not found and self.check_known is not None:
            self.check_known(name)
        return found


class Triggering:
    """Runs functions, reads captured outputs and sets inputs on one stack. Outputs count from when it was made."""

    def __init__(self, stack: RunningStack, client: HttpClient) -> None:
        self._stack = stack
        self._client = client
        self._since_ns = time.monotonic_ns()  # of the clock that this machine's processes share
        self._given: list[int] = []

    def trigger(self, name: str, data: Any, metadata: Mapping[str, Any], timeout_s: float) -> TriggeredFunction:
        """Run a function and wait for its end; a host that is not ours is only asked to run it."""
        __tracebackhide__ = True
        if not isinstance(metadata, Mapping):
            raise UsageError(f"trigger: metadata is {metadata!r}; expected a dict.")
        if self._stack.name not in OWN_HOSTS:
            self._trigger_elsewhere(name, data, metadata)
            return TriggeredFunction(name, self._stack.name, None, None)
        body = {**_encoded("input", data), "metadata": dict(metadata)}
        document = self._ask("POST", f"functions/{quote(name, safe='')}", body, timeout_s)
        failure = document["failure"]
        if failure:
            raise AssertionError(
                f"Function '{document['function']}' failed: {failure['description']}\n{failure['trace']}"
            )
        returned = document["returned"]
        return TriggeredFunction(
            document["function"],
            self._stack.name,
            document["invocationId"],
            _outputs(document),
            _value(returned) if returned else None,
            lambda name: _check_known(name, self._captured()["bindings"]),
        )

    def written(self, name: str, count: int | None, timeout_s: float) -> list[WrittenOutput]:
        """Return what was written to an output; with a count, once there are that many."""
        __tracebackhide__ = True
        deadline = time.monotonic() + timeout_s
        while True:
            document = self._captured()
            found = [output for output in _outputs(document) if output.is_meant_by(name)]
            if not found:
                _check_known(name, document["bindings"])
            if count is None or len(found) >= count:
                return found
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"{len(found)} of {count} values were written to '{name}' in {timeout_s:g} s.\n{_listed(document)}"
                )
            time.sleep(POLL_INTERVAL_S)

    def outputs(self) -> list[WrittenOutput]:
        """Return all that was written, in order."""
        __tracebackhide__ = True
        return _outputs(self._captured())

    def started(self, orchestrator: str | None, count: int | None, timeout_s: float) -> list[str]:
        """Return the ids of instances that were started through the host; with a count, once there are that many."""
        __tracebackhide__ = True
        deadline = time.monotonic() + timeout_s
        while True:
            starts = self._ask("GET", f"starts?since_ns={self._since_ns}")["starts"]
            if orchestrator is not None and not any(one["name"].lower() == orchestrator.lower() for one in starts):
                self._check_orchestrator(orchestrator)
            found = [one["id"] for one in starts if orchestrator is None or one["name"].lower() == orchestrator.lower()]
            if count is None or len(found) >= count:
                return found
            if time.monotonic() > deadline:
                listed = ", ".join(f"{one['name']} {one['id']}" for one in starts) or "none"
                wanted = f"{count} instances of '{orchestrator}'" if orchestrator else f"{count} instances"
                raise AssertionError(f"{len(found)} of {wanted} were started in {timeout_s:g} s. All: {listed}.")
            time.sleep(POLL_INTERVAL_S)

    def _check_orchestrator(self, name: str) -> None:
        """Raise UsageError for an orchestrator that the app does not have: it would never be started."""
        __tracebackhide__ = True
        known = self._ask("GET", "orchestrators")["orchestrators"]
        if name.lower() not in {one.lower() for one in known}:
            raise UsageError(f"There is no orchestrator '{name}'. Those of this app: {', '.join(known) or 'none'}.")

    def give(self, name: str, value: Any) -> None:
        """Set the value of an input binding until `close`."""
        __tracebackhide__ = True
        self._given.append(self._ask("POST", "inputs", {"name": name, **_encoded("value", value)})["number"])

    def close(self) -> None:
        """Remove the values that were set."""
        while self._given:
            self._client.request("DELETE", f"{OWN_PATH}inputs/{self._given.pop()}")

    def _captured(self) -> dict[str, Any]:
        __tracebackhide__ = True
        document = self._ask("GET", f"outputs?since_ns={self._since_ns}")
        if document["wereDropped"]:
            raise AssertionError(
                "This test wrote more than the host keeps (10,000 values or 64 MiB): the first are gone. Look at them"
                " in between, by the result of operations.trigger, or in smaller tests."
            )
        return document

    def _ask(self, method: str, path: str, body: Any = NOTHING, timeout_s: float | None = None) -> dict[str, Any]:
        """Call an endpoint that our host has for tests. Raises UsageError for a mistake in the test."""
        __tracebackhide__ = True
        if self._stack.name not in OWN_HOSTS:
            raise UsageError(NOT_CAPTURED.format(stack=self._stack.name))
        answer = _answered(self._client.request(method, f"{OWN_PATH}{path}", body, timeout_s=timeout_s))
        document = answer.json_object() or {}
        if answer.status in {BAD_REQUEST, NOT_FOUND}:
            raise UsageError(str(document.get("error") or f"{method} {OWN_PATH}{path} answered {answer.status}."))
        if answer.status >= BAD_REQUEST:
            raise AssertionError(f"{method} {OWN_PATH}{path} answered {answer.status}: {document.get('error', '')}")
        return document

    def _trigger_elsewhere(self, name: str, data: Any, metadata: Mapping[str, Any]) -> None:
        __tracebackhide__ = True
        if metadata or "encoding" in _encoded("data", data):
            raise UsageError(
                f"The {self._stack.name} stack takes text or JSON for a function that is run by hand, no bytes and no"
                " metadata. Run this test with --stack embedded or emulator, whose host takes them."
            )
        text = None if data is NOTHING else data if isinstance(data, str) else json.dumps(data)
        body = {} if text is None else {"input": text}
        answer = _answered(self._client.request("POST", f"{RUN_PATH}{quote(name, safe='')}", body))
        if answer.status in REFUSALS:
            raise UsageError(
                f"The host at {self._client.base_url} refuses to run '{name}' by hand ({answer.status}): that needs the"
                " master key of the app. Give it with --stack-key."
            )
        if answer.status == NOT_FOUND:
            raise UsageError(f"The host at {self._client.base_url} has no function '{name}', or no admin API.")
        if answer.status != ACCEPTED:
            text = answer.body.decode(errors="replace")
            raise AssertionError(f"POST {RUN_PATH}{name} answered {answer.status}: {shown(text)}")


def _encoded(name: str, value: Any) -> dict[str, Any]:
    if value is NOTHING:
        return {}
    if isinstance(value, bytes | bytearray):
        return {name: base64.b64encode(value).decode(), "encoding": "base64"}
    if isinstance(value, list) and any(isinstance(item, bytes | bytearray) for item in value):
        items = [_encoded(name, item) for item in value]
        return {name: [item[name] for item in items], "encoding": [item.get("encoding") for item in items]}
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{name}: expected text, bytes or a JSON value, got {type(value).__name__}: {error}"
        ) from error
    return {name: value}


def _outputs(document: Mapping[str, Any]) -> list[WrittenOutput]:
    return [
        WrittenOutput(
            function=one["function"],
            name=one["name"],
            type=one["type"],
            target=one["target"],
            value=_value(one),
        )
        for one in document["outputs"]
    ]


def _value(one: Mapping[str, Any]) -> Any:
    return base64.b64decode(one["value"]) if one["encoding"] == "base64" else one["value"]


def _check_known(name: str, bindings: Iterable[Mapping[str, str]]) -> None:
    """Raise UsageError unless an output binding has this name: a misspelt one would never be written to."""
    known = []
    for binding in bindings:
        output = WrittenOutput(binding["function"], binding["name"], binding["type"], binding["target"], None)
        if output.is_meant_by(name) or _may_lead_to(output.target, name):
            return
        known.append(output.described)
    raise UsageError(
        f"No function has an output binding '{name}'. Those of this app: {', '.join(known) or 'none'}. Name the"
        " queue, path or table, the parameter, or function.parameter."
    )


def _may_lead_to(target: str, name: str) -> bool:
    """Return whether a target with binding expressions, which each invocation fills in, may become `name`."""
    parts = EXPRESSION.split(target)
    parts[::2] = map(re.escape, parts[::2])
    parts[1::2] = [BRACES.get(token, ".+") for token in parts[1::2]]
    return re.fullmatch("".join(parts), name, re.IGNORECASE) is not None


def _listed(document: Mapping[str, Any]) -> str:
    outputs = _outputs(document)
    lines = [
        f"  {one.function}.{one.name} ({one.type} '{one.target}'): {shown(repr(one.value), 100)}" for one in outputs
    ]
    head = f"All that was written since the test began ({len(outputs)}):" if lines else "Nothing was written at all."
    return "\n".join([head, *lines[-SHOWN_WRITES:]])


def _answered(answer: HttpResponse | NoResponse) -> HttpResponse:
    __tracebackhide__ = True
    if isinstance(answer, HttpResponse):
        return answer
    raise AssertionError(f"The host did not answer: {answer.reason}")
