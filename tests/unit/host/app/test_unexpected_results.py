"""What functions may return, by their bindings."""

import asyncio
from pathlib import Path

import pytest

from durable_harness.host.app.indexing import index
from durable_harness.host.app.invocation import Invoker, UnexpectedResultError

TIMER = {"name": "timer", "type": "timerTrigger", "direction": "IN"}
QUEUE = {"type": "queue", "direction": "OUT", "queueName": "q", "connection": "C"}
GENERIC = {"name": "timer", "type": "anythingTrigger", "direction": "IN"}
REQUEST = {"name": "timer", "type": "httpTrigger", "direction": "IN"}


class NoBindings:
    """Bindings that give and take nothing."""

    def values(self, function, trigger_value):
        return {"out": None} if len(function.bindings) > 1 and function.bindings[1]["name"] == "out" else {}

    def written(self, function, invocation_id, arguments, result):
        return result


def invoke(result, trigger, *others):
    """Run a function with these bindings that returns `result`."""
    names = [binding["name"] for binding in others if binding["name"] != "$return"]
    call = (lambda timer, out: result) if names else (lambda timer: result)
    function = index("one", call, trigger=trigger, bindings=[trigger, *others], directory=Path())
    invoker = Invoker("", NoBindings(), None, thread_count=1)
    try:
        return asyncio.run(invoker.invoke(function, None))
    finally:
        invoker.close()


@pytest.mark.parametrize(
    "bindings",
    [(TIMER,), (TIMER, {**QUEUE, "name": "out"}), (REQUEST,)],
    ids=["a timer alone", "an output by a parameter", "a request without a response"],
)
def test_a_result_that_no_binding_takes(bindings):
    """A value that is returned to nothing fails the invocation, as in Azure, and the message states what to do."""
    with pytest.raises(UnexpectedResultError, match=r"'one' returned int.*Return None, or add an output"):
        invoke(5, *bindings)


@pytest.mark.parametrize("bindings", [(TIMER,), (TIMER, {**QUEUE, "name": "out"})], ids=["alone", "with an output"])
def test_nothing_returned(bindings):
    """A function that returns nothing needs no binding for it."""
    assert invoke(None, *bindings) is None


@pytest.mark.parametrize(
    "bindings",
    [(TIMER, {**QUEUE, "name": "$return"}), ({**TIMER, "type": "activityTrigger"},), (GENERIC,)],
    ids=["a binding for it", "an activity", "a trigger that azure-functions does not know"],
)
def test_a_result_that_a_binding_takes(bindings):
    """What a binding takes, by name or by the kind of the trigger, is returned."""
    assert invoke(5, *bindings) == 5
