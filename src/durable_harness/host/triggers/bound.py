"""The bindings of an invocation other than its trigger: what they give, and what the function wrote to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from durable_harness.host.app.functions import Function
from durable_harness.host.app.invocation import new_invocation_id
from durable_harness.host.triggers.converting import Encoded, UnusableValueError, encode, encode_plain, shown_content
from durable_harness.host.triggers.expressions import Resolved
from durable_harness.host.triggers.inputs import SERVED, Inputs, is_output
from durable_harness.host.triggers.outputs import Outputs
from durable_harness.host.triggers.returned import HTTP, RETURNED, answers_by_returning, returned_by
from durable_harness.host.triggers.targets import advice_on, target_for
from durable_harness.host.triggers.unrunnable import check_runnable
from durable_harness.host.twice.effects import note
from durable_harness.logs.categories import HOST_LOGGER
from durable_harness.logs.own_loggers import own_logger

logger = own_logger(HOST_LOGGER)

MESSAGE_KINDS = frozenset({"queue", "servicebus", "eventhub", "eventgrid", "kafka", "cosmosdb", "sql", "mysql"})
"""A list that is written to one of these is that many messages, documents or rows."""


class OutputParameter:
    """What a function's `func.Out[...]` parameter receives."""

    def __init__(self) -> None:
        self._value: object = None

    def set(self, value: object) -> None:
        self._value = value

    def get(self) -> object:
        return self._value


class _Plan(NamedTuple):
    """What all invocations of a function have in common."""

    clients: Mapping[str, object]
    """The values of its durable clients, by their parameters."""
    arguments: tuple[Mapping[str, object], ...]
    """The other bindings that take a value, for each invocation another one."""
    outputs: tuple[Mapping[str, object], ...]
    """The bindings that it writes to."""
    answers: bool
    """Whether what it returns goes back by its trigger."""


class _Write(NamedTuple):
    """What a function wrote to a binding, and where that leads."""

    binding: Mapping[str, object]
    content: Encoded
    target: Resolved


class FunctionBindings:
    """Provides the values of functions' bindings and captures what they write.

    `client` returns the value of a durable client, the same for all invocations.
    """

    def __init__(self, client: Callable[[Mapping[str, object]], object], inputs: Inputs, outputs: Outputs) -> None:
        self._client = client
        self._inputs = inputs
        self._outputs = outputs
        self._plans: dict[str, _Plan] = {}

    def values(self, function: Function, trigger_value: object) -> dict[str, object]:
        """Return the arguments for all bindings but the trigger."""
        plan = self._plans.get(function.name)
        if plan is None:
            plan = self._plans[function.name] = self._plan(function)
        values = {str(binding["name"]): self._value(function, binding, trigger_value) for binding in plan.arguments}
        return {**plan.clients, **values}

    def written(
        self, function: Function, invocation_id: str | None, arguments: dict[str, object], result: object
    ) -> object:
        """Capture what an invocation that succeeded wrote; return its result, or its response by a named output.

        Its arguments are those of `values`. Raises UnusableValueError, which fails the invocation as in Azure, for what
        a binding cannot take.
        """
        plan = self._plans[function.name]
        if plan.answers:
            returned_by(function, result)
        writes: list[_Write] = []
        for binding in plan.outputs:
            name = str(binding["name"])
            value = result if name == RETURNED else _set(arguments[name])
            if str(binding["type"]).lower() == HTTP:
                result = value
            elif value is not None:
                writes.append(_write(function, binding, value, arguments[function.trigger_parameter]))
        if writes:
            self._capture(function, invocation_id or new_invocation_id(), writes)
        return result

    def _plan(self, function: Function) -> _Plan:
        """Return the plan of a function. Raises UnrunnableFunctionError for one that cannot run here."""
        check_runnable(function)
        given = [b for b in function.bindings if b["name"] not in {function.trigger_parameter, RETURNED}]
        clients = {str(b["name"]): self._client(b) for b in given if str(b["type"]).lower() in SERVED}
        arguments = (b for b in given if b["name"] not in clients)
        outputs = (b for b in function.bindings if is_output(b) or b["name"] == RETURNED)
        written = (b for b in outputs if b["name"] != RETURNED or str(b["type"]).lower() != HTTP)
        return _Plan(clients, tuple(arguments), tuple(written), answers_by_returning(function))

    def _value(self, function: Function, binding: Mapping[str, object], trigger_value: object) -> object:
        if is_output(binding):
            return OutputParameter()
        try:
            target = target_for(function, binding, trigger_value)
        except UnusableValueError as error:
            raise UnusableValueError(f"Function '{function.name}', input '{binding['name']}': {error}.") from error
        value = self._inputs.value(function, binding, target)
        _warn_of_missing(function, "input", binding, target)
        return value

    def _capture(self, function: Function, invocation_id: str, writes: list[_Write]) -> None:
        """Keep what a function wrote, once all of it is known to fit: one that fails writes nothing."""
        for binding, content, resolved in writes:
            name, binding_type, target = str(binding["name"]), str(binding["type"]), resolved.text
            _warn_of_missing(function, "output", binding, resolved)
            for part in _parts(binding_type, content, is_plain=name in function.plain_types):
                self._outputs.add(
                    part,
                    invocation_id=invocation_id,
                    function=function.name,
                    name=name,
                    binding_type=binding_type,
                    target=target,
                )
                where = f"{binding_type} '{target}'" if target else binding_type
                note("output", f"wrote to {where}", where, repr(part), is_repeatable=binding_type.lower() == "blob")
                logger.info("Function '%s' wrote to %s (%s): %s", function.name, where, name, shown_content(part))


def _set(argument: object) -> object:
    """Return what a function set its output parameter to."""
    assert isinstance(argument, OutputParameter)
    return argument.get()


def _warn_of_missing(function: Function, what: str, binding: Mapping[str, object], target: Resolved) -> None:
    if target.missing:
        advice = advice_on(function, target.missing)
        logger.warning("Function '%s', %s '%s': %s", function.name, what, binding["name"], advice)


def _write(function: Function, binding: Mapping[str, object], value: object, source: object) -> _Write:
    name, binding_type = str(binding["name"]), str(binding["type"])
    try:
        content = (encode_plain if name in function.plain_types else encode)(binding_type, value)
        return _Write(binding, content, target_for(function, binding, source))
    except UnusableValueError as error:
        raise UnusableValueError(f"Function '{function.name}', output '{name}': {error}.") from error


def _parts(binding_type: str, content: Encoded, *, is_plain: bool) -> Iterator[Encoded]:
    kind = binding_type.lower()
    if kind not in MESSAGE_KINDS or not isinstance(content.value, list):
        yield _body_of_queue_message(content) if kind == "queue" and not is_plain else content
        return
    for value in content.value:
        part = Encoded(value)
        yield from (part,) if isinstance(value, list) else _parts(binding_type, part, is_plain=is_plain)


def _body_of_queue_message(content: Encoded) -> Encoded:
    """A `func.QueueMessage` is encoded as its id and its body; the body is the message."""
    value = content.value
    return Encoded(value["body"]) if isinstance(value, dict) and value.keys() == {"id", "body"} else content
