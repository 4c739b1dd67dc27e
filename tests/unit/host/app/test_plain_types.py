"""Parameters annotated `str` and `bytes`: they get and write just that, whatever their binding's own type is."""

import asyncio
from pathlib import Path

import azure.functions as func
import pytest

from durable_harness.host.app.functions import FunctionApp
from durable_harness.host.app.indexing import index
from durable_harness.host.app.invocation import Invoker
from durable_harness.host.triggers.bound import FunctionBindings
from durable_harness.host.triggers.by_hand import Runs
from durable_harness.host.triggers.converting import UnusableValueError
from durable_harness.host.triggers.inputs import Inputs
from durable_harness.host.triggers.metadata import arrived
from durable_harness.host.triggers.outputs import Outputs
from durable_harness.host.triggers.unrunnable import UnrunnableFunctionError


def function_of(call, kind, **settings):
    """Return a function whose trigger is of a kind, and a blob `given` and a queue `out` if it takes them."""
    trigger = {"type": kind, "name": "value", "direction": "in", **settings}
    others = [
        {"type": "blob", "name": "given", "direction": "in", "path": "a/b"},
        {"type": "queue", "name": "out", "direction": "out", "queueName": "q"},
    ]
    used = [binding for binding in others if binding["name"] in call.__annotations__]
    return index("one", call, trigger=trigger, bindings=[trigger, *used], directory=Path())


def as_text(value: str):
    """Stand for a function that takes text."""


def as_bytes(value: bytes):
    """Stand for a function that takes bytes."""


KINDS = ["queueTrigger", "blobTrigger", "serviceBusTrigger", "eventHubTrigger", "kafkaTrigger"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_trigger_gives_text_and_bytes(kind):
    """Each trigger gives text to `str` and bytes to `bytes`, however the test gave them."""
    for given in ("é", "é".encode()):
        assert arrived(function_of(as_text, kind), given, {}).value == "é"
        assert arrived(function_of(as_bytes, kind), given, {}).value == "é".encode()


@pytest.mark.parametrize(
    ("kind", "given"),
    [("cosmosDBTrigger", [{"id": "1"}]), ("eventGridTrigger", {"id": "1"}), ("timerTrigger", {"id": "1"})],
)
def test_documents_are_json_text(kind, given):
    """Documents, events and timers come to `str` as JSON text."""
    assert '"id": "1"' in arrived(function_of(as_text, kind), given, {}).value


@pytest.mark.parametrize(("call", "name"), [(as_text, "str"), (as_bytes, "bytes")])
def test_a_request_is_no_text(call, name):
    """The worker indexes `req: str` and fails each call: so does this host, with the reason, by HTTP and by hand."""
    function, bindings = function_of(call, "httpTrigger"), FunctionBindings(lambda _: None, Inputs(), Outputs())
    reason = f"'value' is annotated {name}, which takes no HTTP request: in Azure each call fails too"
    with pytest.raises(UnrunnableFunctionError, match=reason):
        bindings.values(function, func.HttpRequest(method="GET", url="/", body=b""))
    invoker = Invoker("", bindings, timeout_s=None)
    with pytest.raises(UnusableValueError, match=reason):
        Runs(FunctionApp(Path(), [function]), invoker, clock=None).prepare(function, "x", {})
    invoker.close()


def test_a_batch_is_refused():
    """A batch is no text: the error names what came, as the worker refuses it."""
    with pytest.raises(UnusableValueError, match="annotated str does not take collection_string"):
        arrived(function_of(as_text, "serviceBusTrigger", cardinality="many"), ["a", "b"], {})


def test_an_input_gives_text():
    """An input binding gives text to `str`, no stream."""

    def call(value: str, given: str):
        """Stand for a function with an input."""

    inputs = Inputs()
    inputs.give("given", b"text")
    bindings = FunctionBindings(lambda _: None, inputs, Outputs())
    assert bindings.values(function_of(call, "queueTrigger"), "") == {"given": "text"}


@pytest.mark.parametrize("annotation", [str, bytes, func.InputStream])
def test_a_path_names_what_an_output_is_written_to(annotation):
    """The `{name}` of an output is that of the blob that arrived, whatever annotation the blob has."""

    def copy(value, out):
        out.set(value if isinstance(value, str | bytes) else value.read())

    copy.__annotations__ = {"value": annotation, "out": func.Out[bytes]}
    trigger = {"type": "blobTrigger", "name": "value", "direction": "in", "path": "c/{name}"}
    out = {"type": "blob", "name": "out", "direction": "out", "path": "copies/{name}"}
    function = index("copy", copy, trigger=trigger, bindings=[trigger, out], directory=Path())
    outputs = Outputs()
    invoker = Invoker("", FunctionBindings(lambda _: None, Inputs(), outputs), timeout_s=None)
    runs = Runs(FunctionApp(Path(), [function]), invoker, clock=None)
    run = runs.prepare(function, b"text", {"BlobTrigger": "c/a.txt"})

    async def run_it():
        return await runs.start(run)

    assert asyncio.run(run_it()).failure is None
    invoker.close()
    assert [written.target for written in outputs.of(run.invocation_id)] == ["copies/a.txt"]


def written_by(call, value):
    outputs = Outputs()
    bindings, function = FunctionBindings(lambda _: None, Inputs(), outputs), function_of(call, "queueTrigger")
    arguments = bindings.values(function, "")
    arguments["out"].set(value)
    bindings.written(function, "1", {**arguments, "value": ""}, None)
    return [written.content.value for written in outputs.of("1")]


def plain_out(value: str, out: func.Out[str]):
    """Stand for a function that writes text."""


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ({"id": 1}, [{"id": 1}]),
        ({"id": 1, "body": "b"}, [{"id": 1, "body": "b"}]),
        (["a", {"b": 1}], ["a", {"b": 1}]),
        ("text", ["text"]),
        (b"\xff", [b"\xff"]),
    ],
)
def test_a_plain_output_writes_what_is_set(value, messages):
    """A dict that is set on `Out[str]` of a queue is one message, not its keys; a list is its items."""
    assert written_by(plain_out, value) == messages


def test_a_plain_output_refuses_rich_messages():
    """`Out[str]` does not take a QueueMessage, as the worker does not; `Out[QueueMessage]` does."""

    def rich_out(value: str, out: func.Out[func.QueueMessage]):
        """Stand for a function that writes messages."""

    with pytest.raises(UnusableValueError, match="output 'out': QueueMessage cannot be written"):
        written_by(plain_out, func.QueueMessage(body=b"x"))
    assert written_by(rich_out, func.QueueMessage(body=b"x")) == ["x"]
