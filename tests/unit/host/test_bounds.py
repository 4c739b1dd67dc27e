"""What a host keeps of work under way is bounded, and what it cannot use is an error with its name."""

from types import SimpleNamespace

import azure.functions as func
import pytest

from durable_harness.control import Rules, rules
from durable_harness.errors import PortInUseError, UsageError
from durable_harness.host.http import tls
from durable_harness.host.http.templates import TemplateError, _parameter
from durable_harness.host.sdk import ports
from durable_harness.host.tracing import executions
from durable_harness.host.tracing.context import SpanRef
from durable_harness.host.triggers import returned
from durable_harness.host.triggers.converting import UnusableValueError
from durable_harness.host.twice import twice_records
from durable_harness.host.twice.effects import Scope
from durable_harness.host.twice.twice_records import Delivered, TwiceRecords
from durable_harness.protocol import pb
from history_events import event

CONTEXT = SpanRef(1, 2).to_message()


def request_of(instance_id, *past, span_id=""):
    started = event(executionStarted={"name": "o", "parentTraceContext": CONTEXT})
    request = pb.OrchestratorRequest(instanceId=instance_id, pastEvents=[started, *past])
    request.orchestrationTraceContext.spanID.value = span_id
    return request


def test_of_many_executions_the_oldest_is_read_again(monkeypatch):
    """Beyond the bound the oldest execution is forgotten, and gets another place when it continues."""
    monkeypatch.setattr(executions, "MOST_EXECUTIONS", 1)
    known = executions.Executions()
    first = known.of(request_of("a"))
    assert known.of(request_of("a")) is first
    known.of(request_of("b"))
    assert known.of(request_of("a")) is not first


@pytest.mark.parametrize("span_id", ["", "no number", "0"])
def test_a_span_that_was_not_kept_gets_a_new_id(span_id):
    """What the scheduler kept may be nothing, or no ID: the span still has one."""
    assert executions.Executions().of(request_of("a", span_id=span_id)).at.span_id > 0


def test_a_timer_of_the_past_is_a_task_without_a_place():
    """A timer is waited for as an activity is, and has no trace context of its own."""
    found = executions.Executions().of(
        request_of("a", event(1, 4, timerCreated={}), event(2, eventRaised={"name": "x"}))
    )
    assert [(task_id, task.at) for task_id, task in found.tasks.items()] == [(4, None)]


def test_of_many_first_deliveries_the_oldest_is_forgotten(monkeypatch):
    """A first delivery whose second never comes is not kept forever."""
    monkeypatch.setattr(twice_records, "MOST_OPEN", 1)
    records = TwiceRecords(lambda _token: True, None)
    kept = Delivered([], Scope())
    records.keep_first("a", Delivered([], Scope()))
    records.keep_first("b", kept)
    assert (records.take_first("a"), records.take_first("b")) == (None, kept)


def test_a_fault_remembers_the_first_that_it_struck(monkeypatch):
    """A fault strikes on when its list is full."""
    monkeypatch.setattr(rules, "MAX_STRUCK", 1)
    rule = Rules().add("drop", kinds=["activity"], names=[], count=None, probability=1.0, seed="1")
    assert [rule.strikes("activity", "a", instance_id) for instance_id in "ij"] == [True, True]
    assert [one["instance_id"] for one in rule.struck] == ["i"]


def test_a_port_for_clients_may_be_nowhere(monkeypatch):
    """If all ports that are tried are taken, the error names them; with any port there is one."""
    tried = []

    def bind(_address, number):
        tried.append(number)
        if number:
            raise PortInUseError("taken")
        return "socket"

    monkeypatch.setattr(ports, "bind_one", bind)
    with pytest.raises(PortInUseError, match=f"found no free port: {ports.DEFAULT_RPC_PORT} and"):
        ports.bind_rpc(ephemeral=False)
    assert len(tried) == 1 + ports.RPC_PORT_TRIES
    assert ports.bind_rpc(ephemeral=True) == "socket"


@pytest.mark.parametrize("text", ["a=5?", "*rest?", "", "a/b", "?"])
def test_a_parameter_that_cannot_be_is_refused(text):
    """A parameter with a default is not optional too, nor is the rest of a path; each has a name."""
    with pytest.raises(TemplateError):
        _parameter(text)


@pytest.mark.parametrize(
    ("result", "value"),
    [
        (
            func.HttpResponse("hi", status_code=201, headers={"a": "1"}),
            {"status": 201, "headers": {"a": "1"}, "body": "hi"},
        ),
        ("plain", "plain"),
    ],
)
def test_a_response_is_shown_to_who_ran_its_function(result, value):
    """An HTTP function that is run by hand shows its status, headers and body, or its text."""
    assert returned._response(SimpleNamespace(name="f"), result).value == value


def test_a_response_that_is_none_is_an_error():
    """An HTTP function returns a response or a text, whoever runs it."""
    with pytest.raises(UnusableValueError, match=r"Function 'f' returned dict; an HTTP function must return a"):
        returned._response(SimpleNamespace(name="f"), {})


def test_a_certificate_that_cannot_be_read_is_an_error(tmp_path):
    """The error names the file, and what may be wrong with it."""
    pytest.importorskip("cryptography")
    with pytest.raises(UsageError, match=r"--cert .*gone\.pfx: the file cannot be read: "):
        tls._read_pfx(tmp_path / "gone.pfx", None)
    (tmp_path / "odd.pfx").write_bytes(b"odd")
    with pytest.raises(UsageError, match=r"odd\.pfx: the file cannot be read as PFX: .* Is --password right"):
        tls._read_pfx(tmp_path / "odd.pfx", "x")
